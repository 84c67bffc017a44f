"""What a push concerns on its node: names only, since what to do follows from desired and seen."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

MOST_FLUSHES = 500
"""More users than this are flushed all at once, and with them everybody else."""


@dataclass(frozen=True, slots=True, order=True)
class CacheKey:
    """One entry of a node's user cache: `key` is `id` or `number-alias` (switch_xml.c:2066 ff)."""

    key: str
    user: str
    domain: str


@dataclass(frozen=True, slots=True)
class Touches:
    """Names of what changed for one node.

    All but the flushes and `registrations` (`USER@DOMAIN`, to be dropped) are levels: what is done about
    them follows from the node's state. Those are owed until they were done. `everything`: compare all,
    whatever is named. `let`: what the operator lets through though it drops calls, by the names of
    `Held.what`, until it was done. `variables` are to be set; `modules` were found by comparing to be loaded.
    """

    gateways: frozenset[str] = frozenset()
    profiles: frozenset[str] = frozenset()
    acls: frozenset[str] = frozenset()
    documents: frozenset[str] = frozenset()
    modules: frozenset[str] = frozenset()
    variables: frozenset[str] = frozenset()
    registrations: frozenset[str] = frozenset()
    let: frozenset[str] = frozenset()
    flushes: frozenset[CacheKey] = frozenset()
    flush_all: bool = False
    everything: bool = False

    def __bool__(self) -> bool:
        return any(getattr(self, each.name) for each in fields(self))

    def merge(self, other: "Touches") -> "Touches":
        """Both together."""
        flushes = self.flushes | other.flushes
        flush_all = self.flush_all or other.flush_all or len(flushes) > MOST_FLUSHES
        return Touches(
            **{name: getattr(self, name) | getattr(other, name) for name in _NAMES},
            flushes=frozenset() if flush_all else flushes,
            flush_all=flush_all,
            everything=self.everything or other.everything,
        )

    def without(self, other: "Touches") -> "Touches":
        """Of it what the other does not bring anyway, and the flushes."""
        if other.everything:
            return replace(self.forgetting, variables=self.variables - other.variables)
        return replace(
            self,
            gateways=self.gateways - other.gateways,
            profiles=self.profiles - other.profiles,
            acls=self.acls - other.acls,
            documents=self.documents - other.documents,
            variables=self.variables - other.variables,
        )

    def meets(self, other: "Touches") -> bool:
        """Whether both are about some same thing, users to be forgotten aside."""
        return (
            self.everything
            or other.everything
            or any(
                getattr(self, name) & getattr(other, name)
                for name in ("gateways", "profiles", "acls", "documents", "variables")
            )
        )

    @property
    def forgetting(self) -> "Touches":
        """Of it, the flushes alone, and whose registrations are to go."""
        return Touches(flushes=self.flushes, flush_all=self.flush_all, registrations=self.registrations)

    @property
    def levels(self) -> "Touches":
        """Of it, all the rest."""
        return replace(self, flushes=frozenset(), flush_all=False, registrations=frozenset())

    def to_json(self) -> dict[str, Any]:
        """Only what is not empty; lists are sorted."""
        held: dict[str, Any] = {name: sorted(value) for name in _NAMES if (value := getattr(self, name))}
        if self.flushes:
            held["flushes"] = [[each.key, each.user, each.domain] for each in sorted(self.flushes)]
        for name in ("flush_all", "everything"):
            if getattr(self, name):
                held[name] = True
        return held

    @classmethod
    def from_json(cls, held: Mapping[str, Any]) -> "Touches":
        """Read what `to_json` wrote."""
        return cls(
            **{name: frozenset(held.get(name, ())) for name in _NAMES},
            flushes=frozenset(CacheKey(*each) for each in held.get("flushes", ())),
            flush_all=bool(held.get("flush_all", False)),
            everything=bool(held.get("everything", False)),
        )


_NAMES = ("gateways", "profiles", "acls", "documents", "modules", "variables", "registrations", "let")

EVERYTHING = Touches(everything=True)


def merged(many: Iterable[Touches]) -> Touches:
    """All together."""
    result = Touches()
    for each in many:
        result = result.merge(each)
    return result
