"""One supervised connection a node, for a whole fleet, and commands through it.

The asyncio side holds only frozen values; connections belong to the gevent thread, each kept by a
:class:`~esl.keeper.Keeper`. What crosses is commands, outcomes, links and events.
"""

import asyncio
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any, TypeVar

from esl.commands import Command
from esl.errors import ConnectionLost, EventSocketError, NotConnected
from esl.hub import Hub
from esl.keeper import Intake, Keeper
from esl.link import Backoff, Link, LinkPolicy, LinkState, NodeAddress, NodeEvent, backoff

__all__ = ["Fleet", "Link", "LinkPolicy", "LinkState", "NodeAddress", "NodeEvent", "backoff"]

T = TypeVar("T")


class Fleet:
    """The links to all nodes. Callbacks come in the thread and loop that called ``start``, in order.

    ``on_link`` comes whenever a link's state or reason changes; ``on_event`` for every event
    subscribed to but background jobs, also for those that come just before the link is told UP.
    Events beyond ``policy.max_waiting_events`` not yet delivered are dropped (``dropped_events``
    counts): events make things sooner, they never are the only way to know.
    """

    def __init__(
        self,
        *,
        on_event: Callable[[NodeEvent], None],
        on_link: Callable[[Link], None],
        policy: LinkPolicy | None = None,
        backoff: Backoff = backoff,
    ) -> None:
        self.policy = policy or LinkPolicy()
        self.dropped_events = 0
        self._on_event = on_event
        self._on_link = on_link
        self._backoff = backoff
        self._links: dict[str, Link] = {}
        self._outcomes: set[asyncio.Future[Any]] = set()
        self._hub = Hub()
        self._keepers: dict[str, Keeper] = {}  # the gevent thread's, as is the intake
        self._intake: Intake | None = None

    async def start(self) -> None:
        """Starts the gevent thread; nodes are then taken in with ``hold``."""
        await self._hub.start()

    async def stop(self, timeout: float = 5.0) -> None:  # noqa: ASYNC109  # the bound is the promise
        """Closes every connection and ends the thread; within ``timeout`` seconds in any case."""
        self._hub.call(self._drop_all)
        await self._hub.stop(timeout)
        for outcome in tuple(self._outcomes):
            _fail(outcome, ConnectionLost("the fleet stopped"))
        self._links.clear()

    async def hold(self, address: NodeAddress) -> None:
        """Connects to a node and keeps it connected; another address of that name is replaced.

        Returns at once: ``on_link`` tells when it is up. The address held already changes nothing.
        """
        await self._cross(self._hold, address)

    async def release(self, node: str) -> None:
        """Closes the link; a last ``on_link`` says DOWN. A node that is not held is no error."""
        await self._cross(self._release, node)

    def link(self, node: str) -> Link | None:
        """The link as last told; None when the node is not held."""
        return self._links.get(node)

    def links(self) -> tuple[Link, ...]:
        """All links."""
        return tuple(self._links.values())

    async def run(self, node: str, command: Command[T], *, timeout: float | None = None) -> T:  # noqa: ASYNC109
        """Runs one command within ``timeout`` seconds (default: the policy's).

        Raises NotConnected when it was not sent; ConnectionLost or CommandTimeout when it is unknown
        whether it ran; CommandFailed when the node said no.
        """
        [outcome] = await self._cross(self._submit, node, (command,), timeout)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome  # type: ignore[no-any-return]

    async def run_many(
        self,
        node: str,
        commands: Sequence[Command[Any]],
        *,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> list[Any]:
        """Runs commands in order; a list as long as theirs, with an EventSocketError where one failed.

        Those that are no background jobs cross together and are pipelined, under one deadline; a
        background job is waited for before what follows it is sent.
        """
        outcomes: list[Any] = []
        for background, group in groupby(commands, key=lambda command: command.background):
            together = tuple(group)
            for part in [(each,) for each in together] if background else [together]:
                outcomes += await self._cross(self._submit, node, part, timeout)
        for outcome in outcomes:
            if isinstance(outcome, Exception) and not isinstance(outcome, EventSocketError):
                raise outcome
        return outcomes

    # --- the bridge ----------------------------------------------------------------------------

    async def _cross(self, function: Callable[..., object], *args: Any) -> Any:
        """Has ``function(outcome, *args)`` run in the gevent thread and waits for its outcome."""
        outcome: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._outcomes.add(outcome)
        try:
            if not self._hub.call(function, outcome, *args):
                raise NotConnected("the fleet is not running")
            return await outcome
        finally:
            self._outcomes.discard(outcome)

    def _resolve(self, outcome: "asyncio.Future[Any]", value: object) -> None:
        if not outcome.done():
            outcome.set_result(value)

    def _link_changed(self, link: Link, held: bool) -> None:
        if held:
            self._links[link.node] = link
        else:
            self._links.pop(link.node, None)
        self._on_link(link)

    # --- in the gevent thread ------------------------------------------------------------------

    def link_changed(self, link: Link, *, held: bool) -> None:
        """For the keepers."""
        self._hub.post(self._link_changed, link, held)

    def event_came(self, event: NodeEvent) -> None:
        """For the keepers."""
        if self._hub.backlog < self.policy.max_waiting_events:
            self._hub.post(self._on_event, event)
        else:
            self.dropped_events += 1

    def _hold(self, outcome: "asyncio.Future[Any]", address: NodeAddress) -> None:
        earlier = self._keepers.get(address.name)
        if earlier is None or earlier.address != address:
            if earlier is not None:
                earlier.release("replaced by another address", held=True)
            if self._intake is None:
                self._intake = Intake(self.policy)
            epoch = earlier.link.epoch if earlier else 0
            keeper = Keeper(address, self.policy, self._backoff, self._intake, self, epoch=epoch)
            self._keepers[address.name] = keeper
            keeper.start(self._hub.spawn)
        self._hub.post(self._resolve, outcome, None)

    def _release(self, outcome: "asyncio.Future[Any]", node: str) -> None:
        keeper = self._keepers.pop(node, None)
        if keeper is not None:
            keeper.release("released", held=False)
        self._hub.post(self._resolve, outcome, None)

    def _drop_all(self) -> None:
        for keeper in self._keepers.values():
            keeper.release("the fleet stopped", held=False)
        self._keepers.clear()

    def _submit(
        self,
        outcome: "asyncio.Future[Any]",
        node: str,
        commands: tuple[Command[Any], ...],
        timeout: float | None,
    ) -> None:
        def done(outcomes: list[Any]) -> None:
            self._hub.post(self._resolve, outcome, outcomes)

        keeper = self._keepers.get(node)
        if keeper is None:
            done([NotConnected(f"{node}: not held") for _ in commands])
        else:
            keeper.submit(commands, timeout, done)


def _fail(outcome: "asyncio.Future[Any]", error: EventSocketError) -> None:
    if not outcome.done():
        outcome.set_exception(error)
