"""What was asked lately: the last lookups of each node, answered or refused, for eyes and for metrics.

A lookup on its way costs one append. What is kept of it, and counted, is worked out a moment later.
Only chosen fields of a lookup are kept, cut to what is legible: it may hold what the caller likes.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from time import perf_counter
from typing import Any, NamedTuple

from api.metrics import Counts
from controlplane.answers.answer import Answer, Row
from controlplane.answers.question import Question

log = logging.getLogger(__name__)

# Seconds between an answer and its being seen; lookups wait while the notes of so long are worked through.
PERIOD = 0.05
KEPT = 200

_LONGEST = 255
_ROWS = 50
# From this share of what the node takes on, an answer is warned of.
_NEAR = 0.8
# Warnings remembered, so that each is given once.
_WARNED = 1000

SHOWN = frozenset(
    {
        "hostname", "section", "tag_name", "key_name", "key_value", "action", "purpose", "key", "user",
        "domain", "group", "profile", "gateway", "context", "number", "lang", "macro", "auth_user", "realm",
        "function", "menu", "queue", "conference_profile", "controls", "presence",
    }
)  # fmt: skip
"""What may be shown of a question: names, and never what a caller shows to prove himself."""

Client = tuple[str, int] | None
Note = tuple[float, float, str, Client, Question, Answer, bool]
"""An answered lookup: began and ended (perf_counter), node, client, question, answer, from the cache."""


class Lookup(NamedTuple):
    """One lookup, as it is told of.

    `id` counts up, over restarts too. `node` None: an unknown caller. `outcome`: found, not_found,
    refused or failed. `question`: its fields cut short, None when it was not read. `rows`: the first
    of `row_count`. `at`: seconds since the epoch; `took`: seconds. `warning`: what should be looked into.
    """

    id: int
    at: float
    took: float
    node: str | None
    source: str
    question: Question | None
    outcome: str
    status: int
    cached: bool
    size: int = 0
    revision: int | None = None
    row_count: int = 0
    rows: tuple[Row, ...] = ()
    reason: str = ""
    warning: str = ""


class Asked:
    """Keeps the last `kept` lookups of each node, and as many of callers that are none.

    `most(node)`: how many bytes the node takes; None for a node that is no more. `on_refused` is told
    of each lookup that is refused: the node (None: an unknown caller) and why.
    """

    def __init__(
        self,
        most: Callable[[str], int | None],
        counts: Counts,
        *,
        kept: int = KEPT,
        on_refused: Callable[[str | None, str], None] | None = None,
    ) -> None:
        self._most = most
        self._on_refused = on_refused
        self.counts = counts
        self._kept = kept
        self._new: list[Note] = []
        self.note = self._new.append
        """Take a note of an answer; the hot path's whole part in this."""
        # As plain tuples in the order of Lookup's fields, which cost less to make.
        self._rings: dict[str | None, deque[tuple[Any, ...]]] = {}
        # So that ids go on after a restart, unless a million lookups a second had been asked.
        self._next = time.time_ns() // 1000
        self._warned: dict[tuple[str, str], None] = {}
        self._news = asyncio.Event()

    def refused(
        self,
        began: float,
        node: str | None,
        source: str,
        question: Question | None,
        status: int,
        reason: str,
    ) -> None:
        """Note a lookup that was not answered, for its caller's sake."""
        self._unanswered("refused", began, node, source, question, status, reason)
        if self._on_refused is not None:
            self._on_refused(node, reason)

    def failed(self, began: float, node: str, source: str, question: Question, reason: str) -> None:
        """Note a lookup that could not be answered, for ours."""
        self._unanswered("failed", began, node, source, question, 503, reason)

    def settle(self) -> None:
        """Keep and count what was noted."""
        notes = self._new[:]
        self._new.clear()
        limits = {node: self._most(node) for node in {note[2] for note in notes}}
        offset = time.time() - perf_counter()
        for began, ended, node, client, question, answer, cached in notes:
            outcome = "found" if answer.found else "not_found"
            self.counts.looked_up(question, outcome, ended - began, cached=cached)
            asked, size, most = _shortened(question), len(answer.body), limits[node]
            near = most is not None and size >= most * _NEAR
            lookup = (
                self._next,
                began + offset,
                ended - began,
                node,
                client[0] if client else "",
                asked,
                outcome,
                200,
                cached,
                size,
                answer.revision,
                len(answer.rows),
                answer.rows[:_ROWS],
                "",
                self._warning(node, asked, size, most) if near and most is not None else "",
            )
            self._keep(node, lookup)
        if notes:
            self._tell()

    async def run(self) -> None:
        """Settle again and again; never ends."""
        while True:
            await asyncio.sleep(PERIOD)
            self.settle()

    def lookups(self, nodes: Iterable[str] = (), *, after: int = 0) -> list[Lookup]:
        """Give the lookups kept of these nodes (of all, and of strangers, when none is named), by id."""
        self.settle()
        self._forget()
        names = set(nodes)
        rings = [ring for name, ring in self._rings.items() if not names or name in names]
        found = (Lookup._make(one) for ring in rings for one in ring)
        return sorted((one for one in found if one.id > after), key=lambda one: one.id)

    def lookup(self, number: int) -> Lookup | None:
        """Give one that is still kept."""
        return next((one for one in self.lookups(after=number - 1) if one.id == number), None)

    async def later(self, nodes: Iterable[str], after: int, patience: float) -> list[Lookup]:
        """As `lookups`, but waits for one if there is none yet, for `patience` seconds at most."""
        names = list(nodes)
        end = asyncio.get_running_loop().time() + patience
        # Taken before looking at what is kept already.
        while not (news := self._news, found := self.lookups(names, after=after))[1]:
            try:
                async with asyncio.timeout_at(end):
                    await news.wait()
            except TimeoutError:
                break
        return found

    def counted(self) -> Counts:
        """What was counted up to now."""
        self.settle()
        return self.counts

    def _unanswered(
        self,
        outcome: str,
        began: float,
        node: str | None,
        source: str,
        question: Question | None,
        status: int,
        reason: str,
    ) -> None:
        self.settle()
        took = perf_counter() - began
        self.counts.looked_up(question, outcome, took, cached=False)
        asked = None if question is None else _shortened(question)
        at = time.time() - took
        self._keep(
            node, Lookup(self._next, at, took, node, source, asked, outcome, status, False, reason=reason)
        )
        self._tell()

    def _keep(self, node: str | None, lookup: tuple[Any, ...]) -> None:
        self._next += 1
        ring = self._rings.get(node)
        if ring is None:
            ring = self._rings[node] = deque(maxlen=self._kept)
        ring.append(lookup)

    def _tell(self) -> None:
        """Wake who waits, and have who comes later wait for the next."""
        self._news.set()
        self._news = asyncio.Event()

    def _forget(self) -> None:
        for node in [name for name in self._rings if name is not None and self._most(name) is None]:
            del self._rings[node]

    def _warning(self, node: str, question: Question, size: int, most: int) -> str:
        beyond = "more than" if size > most else "near to"
        text = f"the answer has {size} bytes, {beyond} the {most} that the node takes (response-max-bytes)"
        what = f"{question.section} {question.key_value} {question.purpose} {question.group}".strip()
        if (node, what) not in self._warned:
            if len(self._warned) >= _WARNED:
                self._warned.clear()
            self._warned[node, what] = None
            log.warning("a lookup of %s (%s): %s", node, what, text, extra={"node": node})
        return text


def fields(question: Question) -> Iterator[tuple[str, str]]:
    """Give what may be shown of a question: the names and values of what it says."""
    for name, value in question._asdict().items():
        if name in SHOWN and value:
            # Bytes that were no UTF-8 are marked.
            yield name, value.encode(errors="replace").decode()


def _shortened(question: Question) -> Question:
    if sum(map(len, question)) <= _LONGEST:
        return question
    return Question(*(each[:_LONGEST] for each in question))
