"""Rendered answers, kept while nothing that they were made of changes.

The invariant: an answer is kept only if none of its sources changed since before its reading began.
Each source is a token; `generations` counts the changes of guarded tokens. A reader takes the counts first,
renders, and hands them in with the result; a change counts up *and* drops what was kept.

Used from one thread only (the event loop's): no lock.
"""

from collections import OrderedDict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from controlplane.answers.answer import Answer, Names

Kept: TypeAlias = Answer | Names

_OVERHEAD = 700
"""Bytes that an entry costs besides its body: key, tokens, the objects themselves."""


@dataclass(frozen=True, slots=True)
class _Entry:
    answer: Kept
    tokens: tuple[Hashable, ...]
    size: int


class Cache:
    """At most `limit` bytes of answers; the least recently used go first."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()
        self._by_token: dict[Hashable, set[Hashable]] = {}
        self._generations: dict[Hashable, int] = {}
        self.size = 0

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Hashable) -> Kept | None:
        """The answer, still valid, or None."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        self._entries.move_to_end(key)
        return entry.answer

    def generations(self, guards: Iterable[Hashable]) -> tuple[int, ...]:
        """How often each of these has changed; taken before reading begins."""
        return tuple(self._generations.get(token, 0) for token in guards)

    def put(
        self,
        key: Hashable,
        answer: Kept,
        *,
        guards: tuple[Hashable, ...],
        since: tuple[int, ...],
        tokens: Iterable[Hashable],
    ) -> bool:
        """Keep the answer, unless a guard changed since; `tokens`: the changes that drop it again."""
        if self.generations(guards) != since:
            return False
        size = _OVERHEAD + (len(answer.body) if isinstance(answer, Answer) else 0)
        if size > self._limit:
            return False
        self._remove(key)
        entry = _Entry(answer, tuple(tokens), size)
        self._entries[key] = entry
        self.size += size
        for token in entry.tokens:
            self._by_token.setdefault(token, set()).add(key)
        while self.size > self._limit:
            self._remove(next(iter(self._entries)))
        return True

    def changed(self, token: Hashable) -> None:
        """A guarded source changed: what is being read now will not be kept, what was kept goes."""
        self._generations[token] = self._generations.get(token, 0) + 1
        self.drop(token)

    def drop(self, token: Hashable) -> None:
        """Drop what was made of `token` (whose readers are guarded by another, wider token)."""
        for key in self._by_token.pop(token, ()):
            self._remove(key)

    def _remove(self, key: Hashable) -> None:
        entry = self._entries.pop(key, None)
        if entry is None:
            return
        self.size -= entry.size
        for token in entry.tokens:
            keys = self._by_token.get(token)
            if keys is not None:
                keys.discard(key)
                if not keys:
                    del self._by_token[token]
