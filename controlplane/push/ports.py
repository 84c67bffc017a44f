"""What pushes need of the rooms beside and below them."""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol, TypeVar

from controlplane.observed.values import Wanted
from controlplane.push.touches import Touches
from esl.commands import Command
from esl.link import Link

T = TypeVar("T")


class Nodes(Protocol):
    """The fleet."""

    def link(self, node: str) -> Link | None:
        """The link as last told; None when the node is not held."""

    async def run(self, node: str, command: Command[T]) -> T:
        """Run a command; raises an EventSocketError."""

    async def run_many(self, node: str, commands: Sequence[Command[Any]]) -> list[Any]:
        """Run commands in order; where one failed, an EventSocketError stands for its outcome."""


class Ledger(Protocol):
    """What nodes were answered."""

    def mark(self) -> int:
        """A point in time."""

    def answered(self, node: str, what: str, since: int) -> int | None:
        """The revision of the last answer given after `since`; None: none was."""


class UnderWay(Protocol):
    """Knows of answers that nodes may keep and that may still be on their way."""

    def left(self, node: str, revision: int | None = None) -> float:
        """Seconds until nothing older than the revision (None: nothing at all) can be under way."""


class Answers(Protocol):
    """What nodes are told."""

    @property
    def under_way(self) -> UnderWay:
        """What of it they may keep, and may not have yet."""

    @property
    def ledger(self) -> Ledger:
        """What they were."""

    async def set_probe(self, node: str, nonce: str | None) -> None:
        """Hold a nonce in the node's probe document."""

    async def settled(self) -> None:
        """Return once what is answered follows all that was committed."""

    async def render_ahead(self, node: str, whats: Iterable[str]) -> None:
        """Render what the node will ask for; raises when it cannot be."""


class Wants(Protocol):
    """Knows what a node should run."""

    async def __call__(self, node: str, touches: Touches) -> Wanted:
        """What `touches` may be about; raises UnknownNode."""
