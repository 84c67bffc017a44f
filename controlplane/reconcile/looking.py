"""Looks at a node: what it should run, what it runs, and how these differ, in every respect by itself."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias, TypeVar

from controlplane.desired.catalog import Catalog
from controlplane.observed.drift import Drift
from controlplane.observed.errors import ObservedError
from controlplane.observed.values import Seen, Wanted
from controlplane.push.errors import PushError, UnknownNode
from controlplane.push.ports import Nodes, Wants
from controlplane.push.touches import EVERYTHING, Touches
from controlplane.reconcile import acls, modules, registrations, sip, variables
from controlplane.reconcile.policy import Subject
from esl.errors import EventSocketError, NotConnected
from esl.link import LinkState

T = TypeVar("T")

Compare: TypeAlias = Callable[[Nodes, Wanted], Awaitable[tuple[Drift, ...]]]
"""Reads one respect of a node, and says how it differs."""

UNREADABLE = (EventSocketError, ObservedError, PushError, TimeoutError)
"""What can keep a node from being read."""


@dataclass(slots=True)
class Look:
    """What one node was found to be like. `errors`: in which respects it could not be read, and why.

    `gateways`: how many it runs.
    """

    drift: list[Drift] = field(default_factory=list)
    errors: dict[Subject, str] = field(default_factory=dict)
    gateways: int = 0
    read_whole: datetime | None = None


class Looker:
    """`serial(node)`: has the node for oneself, between its pushes. `deadline` (s): for one respect.

    `known`: knows the users that are.
    """

    def __init__(
        self,
        catalog: Callable[[], Catalog],
        nodes: Nodes,
        wants: Wants,
        serial: Callable[[str], AbstractAsyncContextManager[None]],
        known: registrations.Known,
        deadline: float,
    ) -> None:
        self._catalog = catalog
        self._nodes = nodes
        self._wants = wants
        self._serial = serial
        self._deadline = deadline
        self._others: Mapping[Subject, Compare] = {
            Subject.ACLS: acls.compare,
            Subject.REGISTRATIONS: lambda nodes, wanted: registrations.compare(nodes, wanted, known),
            Subject.MODULES: modules.compare,
            Subject.VARIABLES: variables.compare,
        }

    async def look(self, node: str, subjects: Collection[Subject]) -> Look:
        """Compare; one respect that cannot be read hides no other. Raises NotConnected and UnknownNode."""
        look = Look()
        both = {Subject.GATEWAYS, Subject.PROFILES}.intersection(subjects)
        if both:
            try:
                wanted, seen = await self._bounded(self.sip(node, both))
                look.drift += sip.compare(wanted, seen, both)
                look.gateways = len(seen.gateways)
                look.read_whole = seen.at if Subject.GATEWAYS in both else None
            except UNREADABLE as error:
                look.errors |= dict.fromkeys(both, self.reason(error))
        for subject, compare in self._others.items():
            if subject in subjects:
                try:
                    look.drift += await self._bounded(self._compared(node, subject, compare))
                except UNREADABLE as error:
                    look.errors[subject] = self.reason(error)
        return look

    async def sip(self, node: str, subjects: Collection[Subject]) -> tuple[Wanted, Seen]:
        """What is wanted and what is seen, of one moment: no revision came between, nor a push.

        Raises NotConnected, UnknownNode, another EventSocketError, an ObservedError or a StoreError.
        """
        touches = EVERYTHING if Subject.GATEWAYS in subjects else Touches()
        return await self._of_one_moment(
            node, touches, lambda wanted: sip.look(self._nodes, wanted, subjects)
        )

    def reason(self, error: Exception) -> str:
        """Say why it could not be read; raises what tells that there is nobody to be asked."""
        if isinstance(error, NotConnected | UnknownNode):
            raise error
        return str(error) or f"not read within {self._deadline:g} s"

    async def _compared(self, node: str, subject: Subject, compare: Compare) -> tuple[Drift, ...]:
        row, touches = self._catalog().node(node), Touches()
        if subject is Subject.ACLS and row is not None:
            touches = Touches(acls=frozenset(self._catalog().view(node).acls))
        return (await self._of_one_moment(node, touches, lambda wanted: compare(self._nodes, wanted)))[1]

    async def _of_one_moment(
        self, node: str, touches: Touches, read: Callable[[Wanted], Awaitable[T]]
    ) -> tuple[Wanted, T]:
        link = self._nodes.link(node)
        if link is None or link.state is not LinkState.UP:
            raise NotConnected(link.reason if link is not None and link.reason else "not connected")
        while True:
            async with self._serial(node):
                catalog = self._catalog()
                wanted = await self._wants(node, touches)
                seen = await read(wanted)
                if self._catalog() is catalog:
                    return wanted, seen

    async def _bounded(self, reading: Awaitable[T]) -> T:
        async with asyncio.timeout(self._deadline):
            return await reading
