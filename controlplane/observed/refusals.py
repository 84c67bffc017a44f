"""Which nodes were refused a lookup, and why: the last time of each, since this daemon started."""

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Refusal:
    """A lookup that was not answered; `at` in UTC."""

    at: datetime
    reason: str


class Refusals:
    """Remembers of nodes only; callers that are none are told of in the log alone."""

    def __init__(self) -> None:
        self._last: dict[str, Refusal] = {}

    def note(self, node: str | None, reason: str) -> None:
        """A lookup of the node (None: an unknown caller) was refused."""
        if node is not None:
            self._last[node] = Refusal(datetime.now(UTC), reason)

    def last(self, node: str) -> Refusal | None:
        """The node's last one."""
        return self._last.get(node)
