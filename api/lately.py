"""What was asked lately, for operators, whichever process the lookups are answered in."""

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Self, TypeAlias, cast

from api.asked import Asked, Lookup
from api.metrics import Counts
from controlplane.answers.cache import Cache

Call: TypeAlias = Callable[..., Awaitable[Any]]
"""Calls by name, wherever it stands, what `handlers` gives; raises PipeClosed when that is no more."""


class Lately:
    """Asks `Asked` where it is."""

    def __init__(self, call: Call) -> None:
        self._call = call

    @classmethod
    def here(cls, asked: Asked, cache: Cache) -> Self:
        """Ask one that stands in this process."""
        known = handlers(asked, cache)

        async def call(name: str, *args: Any) -> Any:
            given = known[name](*args)
            return await given if inspect.isawaitable(given) else given

        return cls(call)

    async def lookups(self, nodes: Iterable[str] = (), *, after: int = 0) -> list[Lookup]:
        """As `Asked.lookups`."""
        return cast(list[Lookup], await self._call("lookups", list(nodes), after))

    async def lookup(self, number: int) -> Lookup | None:
        """As `Asked.lookup`."""
        return cast(Lookup | None, await self._call("lookup", number))

    async def later(self, nodes: Iterable[str], after: int, patience: float) -> list[Lookup]:
        """As `Asked.later`."""
        return cast(list[Lookup], await self._call("later", list(nodes), after, patience))

    async def counted(self) -> Counts:
        """As `Asked.counted`."""
        return cast(Counts, await self._call("counted"))


def handlers(asked: Asked, cache: Cache) -> Mapping[str, Callable[..., Any]]:
    """What `Lately` calls, by name; `cache`: of the answers that are given there."""

    def counted() -> Counts:
        counts = asked.counted()
        counts.kept_bytes, counts.kept_answers = cache.size, len(cache)
        return counts

    return {
        "lookups": lambda nodes, after: asked.lookups(nodes, after=after),
        "lookup": asked.lookup,
        "later": asked.later,
        "counted": counted,
    }
