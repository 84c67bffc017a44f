"""Answers that a switch may keep, and that may still be on their way to it.

A flush that overtakes such an answer clears nothing: the switch stores the answer after it. So a flush
counts only once every answer from before the change has been stored.
"""

from collections import OrderedDict
from collections.abc import Callable

SETTLING = 2.0
"""Seconds after which an answer that was handed out has been sent, parsed and stored, or never will be."""


class UnderWay:
    """When each node was last given something to keep, by the revision that it told.

    Where another process answers, `catch_up()` brings in what it gave: called before anything is said.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        settling: float = SETTLING,
        catch_up: Callable[[], None] | None = None,
    ) -> None:
        self._clock = clock
        self._catch_up = catch_up
        self.settling = settling
        self._given: dict[str, OrderedDict[int, float]] = {}

    def note(self, node: str, revision: int, at: float | None = None) -> None:
        """The node is being given something to keep, as it stands at `revision`; `at`: it was, then."""
        given = self._given.get(node)
        if given is None:
            given = self._given[node] = OrderedDict()
        now = given[revision] = self._clock() if at is None else at
        if len(given) > 1:
            given.move_to_end(revision)
            while next(iter(given.values())) < now - self.settling:
                given.popitem(last=False)

    def left(self, node: str, revision: int | None = None) -> float:
        """Seconds until nothing older than `revision` (None: nothing at all) can be under way to the node."""
        if self._catch_up is not None:
            self._catch_up()
        given = self._given.get(node)
        older = [when for told, when in given.items() if revision is None or told < revision] if given else []
        last = max(older, default=None)
        return 0.0 if last is None else max(0.0, last + self.settling - self._clock())

    def forget(self, node: str) -> None:
        """The node is no more."""
        self._given.pop(node, None)
