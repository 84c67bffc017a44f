"""Compares what nodes run with what they should run; reports it, or has it repaired."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeAlias, TypeVar

from sqlalchemy.orm import Session

from controlplane.desired.catalog import Catalog
from controlplane.desired.values import NodeMode
from controlplane.observed.drift import GATEWAY_REPAIRS, PROFILE_REPAIRS, Drift
from controlplane.observed.errors import ObservedError
from controlplane.observed.values import Seen, Wanted
from controlplane.push import findings, queue
from controlplane.push.batch import Batch
from controlplane.push.errors import PushError, UnknownNode
from controlplane.push.findings import Found, Severity
from controlplane.push.ports import Nodes, Wants
from controlplane.push.pusher import Pusher
from controlplane.push.queue import State
from controlplane.push.touches import EVERYTHING, Touches
from controlplane.reconcile import acls, modules, variables
from controlplane.reconcile.policy import KINDS, SEVERITIES, Mode, ReconcilePolicy, Subject
from controlplane.reconcile.sip import compare as compare_sip
from controlplane.reconcile.sip import look as look_sip
from controlplane.store.engine import Store
from esl.errors import EventSocketError, NotConnected
from esl.link import LinkState

log = logging.getLogger(__name__)

T = TypeVar("T")

Compare: TypeAlias = Callable[[Nodes, Wanted], Awaitable[tuple[Drift, ...]]]
"""Reads one respect of a node, and says how it differs."""

_OTHERS: Mapping[Subject, Compare] = {
    Subject.ACLS: acls.compare,
    Subject.MODULES: modules.compare,
    Subject.VARIABLES: variables.compare,
}

_UNREADABLE = (EventSocketError, ObservedError, PushError, TimeoutError)


@dataclass(frozen=True, slots=True)
class Compared:
    """What came of one node. `error`: why it could not be compared; `pushed`: repairs are under way."""

    node: str
    drift: tuple[Drift, ...] = ()
    pushed: bool = False
    error: str = ""


@dataclass(frozen=True, slots=True)
class _Record:
    node: str
    kinds: frozenset[str]
    found: tuple[Found, ...]
    read_whole: datetime | None = None


@dataclass(slots=True)
class _Look:
    """What one node was found to be like. `errors`: in which respects it could not be read, and why."""

    drift: list[Drift] = field(default_factory=list)
    errors: dict[Subject, str] = field(default_factory=dict)
    read_whole: datetime | None = None


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
            look = await self._look(node, modes)
        except (NotConnected, UnknownNode) as error:
            return Compared(node, error=str(error))
        drifted = tuple(each for each in look.drift if not self.policy.ignores(each.kind, each.name))
        await self._record(node, modes, drifted, look)
        touches = self._repairs(node, drifted, modes, stalled)
        if touches:
            await self._pusher.enqueue({node: touches}, "found by comparing", patient=patient)
        return Compared(node, drifted, bool(touches), "; ".join(dict.fromkeys(look.errors.values())))

    async def _record(
        self, node: str, subjects: Iterable[Subject], drifted: Iterable[Drift], look: _Look
    ) -> None:
        found = [
            Found(node, each.kind.value, each.name, each.reason, SEVERITIES.get(each.kind, Severity.ERROR))
            for each in drifted
        ]
        looked: set[str] = set()
        for subject in subjects:
            looked.add(subject.unreadable)
            if subject in look.errors:
                found.append(Found(node, subject.unreadable, node, look.errors[subject], Severity.WARNING))
            else:
                looked.update(kind.value for kind in KINDS[subject])
        await self._records.add(_Record(node, frozenset(looked), tuple(found), look.read_whole))

    async def _look(self, node: str, subjects: Collection[Subject]) -> _Look:
        """Compare in every respect, each by itself: one that cannot be read hides no other."""
        look = _Look()
        sip = {Subject.GATEWAYS, Subject.PROFILES}.intersection(subjects)
        if sip:
            try:
                wanted, seen = await self._bounded(self.look(node, sip))
                look.drift += compare_sip(wanted, seen, sip)
                look.read_whole = seen.at if Subject.GATEWAYS in sip else None
            except _UNREADABLE as error:
                look.errors |= dict.fromkeys(sip, self._reason(error))
        for subject, compare in _OTHERS.items():
            if subject in subjects:
                try:
                    look.drift += await self._bounded(self._compared(node, subject, compare))
                except _UNREADABLE as error:
                    look.errors[subject] = self._reason(error)
        return look

    async def _bounded(self, reading: Awaitable[T]) -> T:
        async with asyncio.timeout(self.policy.deadline):
            return await reading

    def _reason(self, error: Exception) -> str:
        if isinstance(error, NotConnected | UnknownNode):
            raise error
        return str(error) or f"not read within {self.policy.deadline:g} s"

    async def look(
        self, node: str, subjects: Collection[Subject] = (Subject.GATEWAYS, Subject.PROFILES)
    ) -> tuple[Wanted, Seen]:
        """What is wanted and what is seen, of one moment: no revision came between, nor a push.

        Raises NotConnected, UnknownNode, another EventSocketError, an ObservedError or a StoreError.
        """
        touches = EVERYTHING if Subject.GATEWAYS in subjects else Touches()
        return await self._of_one_moment(
            node, touches, lambda wanted: look_sip(self._nodes, wanted, subjects)
        )

    async def _compared(self, node: str, subject: Subject, compare: Compare) -> tuple[Drift, ...]:
        row = self._catalog().node(node)
        touches = Touches()
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
            async with self._pusher.serial(node):
                catalog = self._catalog()
                wanted = await self._wants(node, touches)
                seen = await read(wanted)
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
            queue.observed(
                session, {each.node: each.read_whole for each in records if each.read_whole is not None}
            )

        await self._store.write(work)
        self._pusher.changed(each.node for each in records)


def _stalled(session: Session, since: datetime) -> dict[str, Touches]:
    """By node what pushes gave up after `since`."""
    found: dict[str, Touches] = {}
    for push in queue.unfinished(session):
        if push.state is State.STALLED and push.ended_at is not None and push.ended_at > since:
            found[push.node] = found.get(push.node, Touches()).merge(push.touches)
    return found
