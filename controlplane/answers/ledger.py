"""What each node was told last, so that a push can see that its change was fetched."""

from collections import OrderedDict

_KEPT = 1024


class Ledger:
    """Per node and name the last answer: which revision it told, and when by our own count.

    At most `_KEPT` names a node are remembered; a name is noted before its answer is sent.
    """

    def __init__(self) -> None:
        self._count = 0
        self._nodes: dict[str, OrderedDict[str, tuple[int, int]]] = {}

    def mark(self) -> int:
        """A point in time: answers given from now on come after it."""
        return self._count

    def note(self, node: str, what: str, revision: int) -> None:
        """`node` is being told `what` as it stands at `revision`."""
        self._count += 1
        told = self._nodes.setdefault(node, OrderedDict())
        told[what] = (self._count, revision)
        told.move_to_end(what)
        if len(told) > _KEPT:
            told.popitem(last=False)

    def answered(self, node: str, what: str, since: int) -> int | None:
        """The revision of the last answer given after `since`; None: none was."""
        told = self._nodes.get(node)
        count, revision = told.get(what, (0, 0)) if told is not None else (0, 0)
        return revision if count > since else None

    def forget(self, node: str) -> None:
        """The node is no more."""
        self._nodes.pop(node, None)
