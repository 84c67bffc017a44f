"""How a change is rolled out over its nodes, as operators write it. Pure.

`all-at-once`, `one-by-one` (one node of each node group at a time), `batches:N` (N nodes, and the next when
all of them are done) or `canary:GROUP[/REST]`: the nodes of that group first, one by one; once they have been
well for a while the rest goes as REST says, one by one unless said otherwise.
"""

from dataclasses import dataclass
from enum import StrEnum


class Way(StrEnum):
    """How those nodes go that are no canaries."""

    ALL_AT_ONCE = "all-at-once"
    ONE_BY_ONE = "one-by-one"
    BATCHES = "batches"


@dataclass(frozen=True, slots=True)
class Strategy:
    """`size`: of the batches. `canary`: the node group that goes first."""

    way: Way
    size: int = 1
    canary: str | None = None

    def __str__(self) -> str:
        way = f"{self.way}:{self.size}" if self.way is Way.BATCHES else self.way.value
        if self.canary is None:
            return way
        return f"canary:{self.canary}" + ("" if self.way is Way.ONE_BY_ONE else f"/{way}")

    @property
    def at_once(self) -> bool:
        """Whether no node waits for another."""
        return self.way is Way.ALL_AT_ONCE and self.canary is None


ALL_AT_ONCE = Strategy(Way.ALL_AT_ONCE)
ONE_BY_ONE = Strategy(Way.ONE_BY_ONE)


def parse(text: str) -> Strategy:
    """Read the written form; raises ValueError with the reason."""
    head, _, name = text.partition(":")
    if head != "canary":
        return _plain(text)
    group, slash, rest = name.partition("/")
    if not group:
        raise ValueError("canary needs a group of nodes: canary:GROUP")
    found = _plain(rest) if slash else ONE_BY_ONE
    return Strategy(found.way, found.size, group)


def _plain(text: str) -> Strategy:
    if text in (Way.ALL_AT_ONCE, Way.ONE_BY_ONE):
        return Strategy(Way(text))
    head, _, size = text.partition(":")
    if head == Way.BATCHES and size.isascii() and size.isdecimal() and 1 <= int(size[:9]) == int(size):
        return Strategy(Way.BATCHES, int(size))
    raise ValueError(f"{text!r} is no strategy: one-by-one, all-at-once, batches:N or canary:GROUP[/REST]")
