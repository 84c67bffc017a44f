"""Which extensions of a context a number can reach, told without a query.

The index of a context is read once for each state of the context, and holds no XML. An answer is kept
under the extensions that it holds, not under the number (`ExtensionsKey`).
"""

import re
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from controlplane.desired.patterns import LONGEST
from controlplane.desired.reach import Reach

MOST = 1_000_000
"""Extensions in all indexes that are kept; about 300 bytes each."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Index:
    """What a context's extensions can match; `extensions`: id, name and reach of each, in order."""

    def __init__(self, extensions: Iterable[tuple[int, str, Reach]]) -> None:
        self._ids: list[int] = []
        self._exact: dict[str, list[int]] = {}
        self._prefixes: dict[str, list[int]] = {}
        self._patterns: dict[int, str] = {}
        self._compiled: dict[int, re.Pattern[bytes]] = {}
        self._rewriting: set[int] = set()
        undecided: list[int] = []
        for place, (row_id, name, reach) in enumerate(extensions):
            self._ids.append(row_id)
            # With `auto_hunt` FreeSWITCH begins at the extension that is named as the number
            # (mod_dialplan_xml.c, dialplan_hunt): were it missing, it would begin at the first.
            self._exact.setdefault(name.lower(), []).append(place)
            if reach.rewrites:
                self._rewriting.add(place)
            if not reach.decided:
                undecided.append(place)
                continue
            for number in reach.exact:
                self._exact.setdefault(number.lower(), []).append(place)
            for prefix in reach.prefixes:
                self._prefixes.setdefault(prefix, []).append(place)
            if reach.pattern is not None:
                self._patterns[place] = reach.pattern
        self._undecided = tuple(undecided)
        self._lengths = sorted({len(prefix) for prefix in self._prefixes})
        self._rest = self._named(self._undecided)

    def __len__(self) -> int:
        return len(self._ids)

    def reached(self, number: str) -> tuple[int, ...] | None:
        """The ids of the extensions that may match, in order; None: that may be any of them."""
        if not number or _CONTROL.search(number) is not None or self._rest is None:
            return None
        # Without case: a name is compared so, and a number that is too much here does no harm.
        places = set(self._exact.get(number.lower(), ()))
        for length in self._lengths:
            if length > len(number):
                break
            for place in self._prefixes.get(number[:length], ()):
                if place not in places and self._finds(place, number):
                    places.add(place)
        if not places:
            return self._rest
        places.update(self._undecided)
        return self._named(sorted(places))

    def _named(self, places: Iterable[int]) -> tuple[int, ...] | None:
        places = tuple(places)
        if len(places) == len(self._ids) or not self._rewriting.isdisjoint(places):
            return None
        return tuple(self._ids[place] for place in places)

    def _finds(self, place: int, number: str) -> bool:
        pattern = self._patterns.get(place)
        subject = number.encode("utf-8", "surrogateescape")
        if pattern is None or len(subject) > LONGEST:
            return True
        compiled = self._compiled.get(place)
        if compiled is None:
            compiled = self._compiled[place] = re.compile(pattern.encode())
        return compiled.search(subject) is not None


@dataclass(frozen=True, slots=True)
class _Kept:
    index: Index
    since: tuple[int, ...]


class Indexes:
    """The indexes of the contexts asked for last, at most `most` extensions in all.

    `generation(context)` counts the context's changes; an index that was read before the last is none.
    """

    def __init__(self, generation: Callable[[int], tuple[int, ...]], most: int = MOST) -> None:
        self._generation = generation
        self._most = most
        self._kept: OrderedDict[int, _Kept] = OrderedDict()
        self._size = 0

    def get(self, context: int) -> Index | None:
        """The index of a context's row, still true, or None."""
        kept = self._kept.get(context)
        if kept is None:
            return None
        if kept.since != self._generation(context):
            self._drop(context)
            return None
        self._kept.move_to_end(context)
        return kept.index

    def put(self, context: int, index: Index, since: tuple[int, ...]) -> None:
        """Keep an index whose reading began at that generation."""
        self._drop(context)
        self._kept[context] = _Kept(index, since)
        self._size += len(index)
        while self._size > self._most and len(self._kept) > 1:
            self._drop(next(iter(self._kept)))

    def _drop(self, context: int) -> None:
        kept = self._kept.pop(context, None)
        if kept is not None:
            self._size -= len(kept.index)
