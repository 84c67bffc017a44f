"""What each node was told last, so that a push can see that its change was fetched."""

import time
from collections import OrderedDict
from collections.abc import Callable

_KEPT = 1024


class Ledger:
    """Per node and name the last answer: which revision it told, and when (ns of CLOCK_MONOTONIC).

    At most `_KEPT` names a node are remembered; a name is noted before its answer is sent. Where another
    process answers, `catch_up()` brings in what it has noted: called before anything is said.
    """

    def __init__(self, catch_up: Callable[[], None] | None = None) -> None:
        self._catch_up = catch_up
        self._last = 0
        self._nodes: dict[str, OrderedDict[str, tuple[int, int]]] = {}

    def mark(self) -> int:
        """A point in time: answers given from now on come after it."""
        # Later than what was noted before it, however coarse the clock.
        self._last = max(self._last, time.monotonic_ns())
        return self._last

    def note(self, node: str, what: str, revision: int, at: int | None = None) -> None:
        """`node` is being told `what` as it stands at `revision`; `at`: it was, then."""
        if at is None:
            at = self._last = max(self._last + 1, time.monotonic_ns())
        told = self._nodes.setdefault(node, OrderedDict())
        told[what] = (at, revision)
        told.move_to_end(what)
        if len(told) > _KEPT:
            told.popitem(last=False)

    def answered(self, node: str, what: str, since: int) -> int | None:
        """The revision of the last answer given after `since`; None: none was."""
        if self._catch_up is not None:
            self._catch_up()
        told = self._nodes.get(node)
        at, revision = told.get(what, (0, 0)) if told is not None else (0, 0)
        return revision if at > since else None

    def forget(self, node: str) -> None:
        """The node is no more."""
        self._nodes.pop(node, None)
