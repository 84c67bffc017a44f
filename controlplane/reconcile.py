"""Compares what nodes run with what they should run; reports it, or has it repaired."""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from sqlalchemy.orm import Session

from controlplane.desired.catalog import Catalog
from controlplane.desired.values import NodeMode
from controlplane.observed.drift import GATEWAY_REPAIRS, PROFILE_REPAIRS, Drift, Kind, drift
from controlplane.observed.errors import ObservedError
from controlplane.observed.read import read_all
from controlplane.observed.values import Seen, Wanted
from controlplane.push import findings, queue
from controlplane.push.batch import Batch
from controlplane.push.errors import PushError, UnknownNode
from controlplane.push.findings import Found, Severity
from controlplane.push.ports import Nodes, Wants
from controlplane.push.pusher import Pusher
from controlplane.push.queue import State
from controlplane.push.touches import EVERYTHING, Touches
from controlplane.store.engine import Store
from esl.errors import EventSocketError, NotConnected
from esl.link import LinkState

log = logging.getLogger(__name__)

UNREADABLE = "unreadable"
"""The kind of finding that says that a node could not be read."""


class Mode(StrEnum):
    """What is done about drift."""

    OFF = "off"
    REPORT = "report"
    REPAIR = "repair"


class Subject(StrEnum):
    """What is compared; each has a mode and a job of its own."""

    GATEWAYS = "gateways"
    PROFILES = "profiles"


_KINDS: Mapping[Subject, frozenset[Kind]] = {
    Subject.GATEWAYS: frozenset(kind for kind in Kind if kind.value.startswith("gateway-")),
    Subject.PROFILES: frozenset(kind for kind in Kind if kind.value.startswith("profile-")),
}

_SEVERITIES: Mapping[Kind, Severity] = {
    Kind.UNWELL: Severity.WARNING,
    Kind.FOREIGN: Severity.INFO,
    Kind.PROFILE_UNKNOWN: Severity.INFO,
}
"""All others are errors."""


@dataclass(frozen=True, slots=True)
class Compared:
    """What came of one node. `error`: why it could not be compared; `pushed`: repairs are under way."""

    node: str
    drift: tuple[Drift, ...] = ()
    pushed: bool = False
    error: str = ""


@dataclass(frozen=True, slots=True)
class ReconcilePolicy:
    """`modes`: what is done, by subject. Times in seconds."""

    modes: Mapping[Subject, Mode]
    at_once: int = 32
    """Nodes read at the same time."""
    deadline: float = 60.0
    """For one node."""
    retry_stalled: float = 600.0
    """What a push gave up is not tried again sooner than this."""


@dataclass(frozen=True, slots=True)
class _Record:
    node: str
    kinds: frozenset[str]
    found: tuple[Found, ...]
    at: datetime | None


class Reconciler:
    """Compares nodes, whatever their mode; repairs only managed ones, through the pusher.

    A gateway that cannot register is as it should be: it is told of and left alone. What we did not
    make is told of and left alone, too.
    """

    def __init__(
        self,
        store: Store,
        catalog: Callable[[], Catalog],
        nodes: Nodes,
        wants: Wants,
        pusher: Pusher,
        policy: ReconcilePolicy,
    ) -> None:
        self.policy = policy
        self._store = store
        self._catalog = catalog
        self._nodes = nodes
        self._wants = wants
        self._pusher = pusher
        self._records: Batch[_Record] = Batch(self._write, linger=0.02)

    async def run(
        self,
        nodes: Collection[str] | None = None,
        *,
        subjects: Iterable[Subject] = tuple(Subject),
        mode: Mode | None = None,
    ) -> list[Compared]:
        """Compare these nodes, or all; `mode` instead of the ones set. Sorted by node.

        Raises StoreError when nothing can be written; what goes wrong on a node is told with it.
        """
        chosen = {subject: mode or self.policy.modes.get(subject, Mode.REPORT) for subject in subjects}
        chosen = {subject: each for subject, each in chosen.items() if each is not Mode.OFF}
        names = sorted(row.value.name for row in self._catalog().nodes.values())
        if nodes is not None:
            names = [name for name in names if name in nodes]
        if not chosen or not names:
            return []
        # What an operator asks for is tried again whatever became of it before.
        since = datetime.now(UTC) - timedelta(seconds=self.policy.retry_stalled) if mode is None else None
        stalled = await self._store.read(lambda session: _stalled(session, since)) if since else {}
        turns = asyncio.Semaphore(self.policy.at_once)

        async def one(name: str) -> Compared:
            async with turns:
                return await self._node(name, chosen, stalled.get(name, Touches()), since)

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(one(name), name=f"compare {name}") for name in names]
        except ExceptionGroup as errors:
            # The first ends the others; all have the same cause.
            raise errors.exceptions[0] from errors
        return [task.result() for task in tasks]

    async def _node(
        self, node: str, modes: Mapping[Subject, Mode], stalled: Touches, patient: datetime | None
    ) -> Compared:
        try:
            async with asyncio.timeout(self.policy.deadline):
                wanted, seen = await self.look(node)
        except (NotConnected, UnknownNode) as error:
            return Compared(node, error=str(error))
        except (EventSocketError, ObservedError, PushError, TimeoutError) as error:
            reason = str(error) or f"not read within {self.policy.deadline:g} s"
            unread = Found(node, UNREADABLE, node, reason, Severity.WARNING)
            await self._records.add(_Record(node, frozenset({UNREADABLE}), (unread,), None))
            return Compared(node, error=reason)
        kinds = frozenset().union(*(_KINDS[subject] for subject in modes))
        drifted = tuple(each for each in drift(wanted, seen) if each.kind in kinds)
        found = tuple(
            Found(node, each.kind.value, each.name, each.reason, _SEVERITIES.get(each.kind, Severity.ERROR))
            for each in drifted
        )
        looked = frozenset({UNREADABLE, *(kind.value for kind in kinds)})
        await self._records.add(_Record(node, looked, found, seen.at))
        touches = self._repairs(node, drifted, modes, stalled)
        if touches:
            await self._pusher.enqueue({node: touches}, "found by comparing", patient=patient)
        return Compared(node, drifted, bool(touches))

    async def look(self, node: str) -> tuple[Wanted, Seen]:
        """What is wanted and what is seen, of one moment: no revision came between, nor a push.

        Raises NotConnected, UnknownNode, another EventSocketError, an ObservedError or a StoreError.
        """
        link = self._nodes.link(node)
        if link is None or link.state is not LinkState.UP:
            raise NotConnected(link.reason if link is not None and link.reason else "not connected")
        while True:
            async with self._pusher.serial(node):
                catalog = self._catalog()
                wanted = await self._wants(node, EVERYTHING)
                seen = await read_all(self._nodes, node, gateways=wanted.gateways, profiles=wanted.profiles)
                if self._catalog() is catalog:
                    return wanted, seen

    def _repairs(
        self, node: str, drifted: Sequence[Drift], modes: Mapping[Subject, Mode], stalled: Touches
    ) -> Touches:
        row = self._catalog().node(node)
        if row is None or row.value.mode is not NodeMode.MANAGED or stalled.everything:
            return Touches()
        if self._pusher.suspended(node) is not None:
            return Touches()
        gateways: frozenset[str] = frozenset()
        profiles: frozenset[str] = frozenset()
        if modes.get(Subject.GATEWAYS) is Mode.REPAIR:
            gateways = frozenset(each.name for each in drifted if each.kind in GATEWAY_REPAIRS)
        if modes.get(Subject.PROFILES) is Mode.REPAIR:
            profiles = frozenset(each.name for each in drifted if each.kind in PROFILE_REPAIRS)
        return Touches(gateways=gateways - stalled.gateways, profiles=profiles - stalled.profiles)

    async def _write(self, records: Sequence[_Record]) -> None:
        def work(session: Session) -> None:
            now = datetime.now(UTC)
            for record in records:
                findings.record(session, record.node, record.kinds, record.found, now)
            queue.observed(session, {each.node: each.at for each in records if each.at is not None})

        await self._store.write(work)


def _stalled(session: Session, since: datetime) -> dict[str, Touches]:
    """By node what pushes gave up after `since`."""
    found: dict[str, Touches] = {}
    for push in queue.unfinished(session):
        if push.state is State.STALLED and push.ended_at is not None and push.ended_at > since:
            found[push.node] = found.get(push.node, Touches()).merge(push.touches)
    return found
