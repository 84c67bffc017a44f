"""Compares what nodes run with what they should run; reports it, or has it repaired."""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from controlplane.desired.catalog import Catalog
from controlplane.desired.reader import known_users
from controlplane.desired.values import NodeMode
from controlplane.observed.drift import Drift, Kind
from controlplane.observed.values import Seen, Wanted
from controlplane.push import findings, queue, repaired, rollout_rows
from controlplane.push.batch import Batch
from controlplane.push.errors import UnknownNode
from controlplane.push.findings import Found, Severity
from controlplane.push.plan import Plan
from controlplane.push.ports import Nodes, Wants
from controlplane.push.pusher import Pusher
from controlplane.push.queue import Ended, State
from controlplane.reconcile.looking import UNREADABLE, Look, Looker
from controlplane.reconcile.policy import KINDS, SEVERITIES, Mode, ReconcilePolicy, Subject, subject_of
from controlplane.reconcile.repairs import History, Repairs, decide, touches_of
from controlplane.reconcile.soon import EVERY_RESPECT, Soon, respects
from controlplane.reconcile.words import guarded, in_vain, would_send
from controlplane.store.engine import Store
from esl.errors import NotConnected
from esl.link import Link, LinkState, NodeEvent

log = logging.getLogger(__name__)

SIP = (Subject.GATEWAYS, Subject.PROFILES)


def _no_plans() -> Mapping[Subject, Plan]:
    return {}


@dataclass(frozen=True, slots=True)
class Compared:
    """What came of one node. `error`: why it could not be compared; `pushed`: repairs are under way.

    `plans`: what repairs would send, of what is only tried out. `guarded`: many gateways would be
    killed, and are not before the operator says so.
    """

    node: str
    drift: tuple[Drift, ...] = ()
    pushed: bool = False
    error: str = ""
    plans: Mapping[Subject, Plan] = field(default_factory=_no_plans)
    guarded: bool = False


@dataclass(frozen=True, slots=True)
class Word:
    """What an operator says who asks for a comparison.

    What did not help before is tried again then. `mode`: instead of the ones set; `allow`: many gateways
    may be killed at once.
    """

    mode: Mode | None = None
    allow: bool = False


@dataclass(frozen=True, slots=True)
class _Record:
    node: str
    kinds: frozenset[str]
    found: tuple[Found, ...]
    read_whole: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Round:
    """One comparison of some nodes. `patient`: see `Pusher.enqueue`."""

    modes: Mapping[Subject, Mode]
    word: Word | None
    patient: datetime | None
    histories: Mapping[str, History]


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
        self._pusher = pusher
        self._looker = Looker(catalog, nodes, wants, pusher.serial, self._known, policy.deadline)
        self._records: Batch[_Record] = Batch(self._write, linger=0.02)
        self._soon = Soon(self._asked_for_by_nodes, policy.settle, policy.rest)
        self._cores: dict[str, str | None] = {}
        self._repaired: dict[str, frozenset[Subject]] = {}
        pusher.ended.listen(self._ended)
        self.asleep: Callable[[Subject], bool] = lambda _: False
        """Whether a subject is not compared but by an operator's word."""

    def start(self) -> None:
        """From now on nodes are compared for what they report; in the event loop's thread."""
        if self.policy.events:
            self._soon.start()

    async def stop(self) -> None:
        """Compare no more for what nodes report."""
        await self._soon.stop()

    def on_event(self, event: NodeEvent) -> None:
        """An event of a node; what a push of ours does there is seen by the push itself."""
        subjects = respects(event)
        if self.policy.events and subjects and not self._pusher.busy(event.node):
            self._soon.ask(event.node, subjects)

    def on_link(self, link: Link) -> None:
        """A node's link changed; one that was started anew is compared in every respect."""
        if link.state is LinkState.UP and self._cores.get(link.node) != link.core_uuid:
            self._cores[link.node] = link.core_uuid
            if self.policy.events:
                self._soon.ask(link.node, EVERY_RESPECT)

    async def run(
        self,
        nodes: Collection[str] | None = None,
        *,
        subjects: Iterable[Subject] = tuple(Subject),
        word: Word | None = None,
    ) -> list[Compared]:
        """Compare these nodes, or all; `word`: an operator asks for it. Sorted by node.

        Raises StoreError when nothing can be written; what goes wrong on a node is told with it.
        """
        instead = word.mode if word is not None else None
        modes = {subject: instead or self.policy.modes.get(subject, Mode.REPORT) for subject in subjects}
        modes = {subject: each for subject, each in modes.items() if each is not Mode.OFF}
        names = sorted(row.value.name for row in self._catalog().nodes.values())
        if nodes is not None:
            names = [name for name in names if name in nodes]
        if not modes or not names:
            return []
        now = datetime.now(UTC)
        patient = now - timedelta(seconds=self.policy.retry_stalled) if word is None else None
        steady = now - timedelta(seconds=self.policy.steady)
        histories = await self._store.read(lambda session: _histories(session, patient, steady))
        if word is not None:
            histories = {node: History(withheld=each.withheld) for node, each in histories.items()}
        round_ = _Round(modes, word, patient, histories)
        turns = asyncio.Semaphore(self.policy.at_once)

        async def one(name: str) -> Compared:
            async with turns:
                return await self._node(name, round_)

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(one(name), name=f"compare {name}") for name in names]
        except ExceptionGroup as errors:
            # The first ends the others; all have the same cause.
            raise errors.exceptions[0] from errors
        return [task.result() for task in tasks]

    async def look(self, node: str) -> tuple[Wanted, Seen]:
        """What is wanted and what is seen of its profiles and gateways, of one moment.

        Raises NotConnected, UnknownNode, another EventSocketError, an ObservedError or a StoreError.
        """
        return await self._looker.sip(node, SIP)

    async def _asked_for_by_nodes(self, nodes: Collection[str], subjects: Collection[Subject]) -> None:
        await self.run(nodes, subjects=[each for each in subjects if not self.asleep(each)])

    def _ended(self, ended: Ended) -> None:
        """What a push was to repair is looked at, once it has run."""
        if ended.state is not State.WAITING:
            subjects = self._repaired.pop(ended.node, None)
            if subjects and self.policy.events:
                self._soon.ask(ended.node, subjects)

    async def _known(self, node: str, names: Mapping[str, frozenset[str]]) -> Mapping[str, frozenset[str]]:
        catalog = self._catalog()
        domains = catalog.view(node).domains if catalog.node(node) is not None else {}
        rows = {domain: domains[domain].id for domain in names if domain in domains}

        def work(session: Session) -> Mapping[str, frozenset[str]]:
            return {domain: known_users(session, row, names[domain]) for domain, row in rows.items()}

        return await self._store.read(work) if rows else {}

    async def _node(self, node: str, round_: _Round) -> Compared:
        try:
            look = await self._looker.look(node, round_.modes)
        except (NotConnected, UnknownNode) as error:
            return Compared(node, error=str(error))
        drifted = [each for each in look.drift if not self.policy.ignores(each.kind, each.name)]
        if any(each.kind is Kind.ACL_WRONG for each in drifted):
            await self._store.write(lambda session: queue.contradicted(session, [node]))
        repairs = self._decide(node, drifted, look, round_)
        plans = await self._plans(node, drifted, look, round_)
        if repairs.given_up:
            drifted = await self._in_vain(node, drifted, repairs)
        await self._record(node, drifted, look, round_, repairs, plans)
        if repairs.touches:
            subjects = frozenset(subject_of(each.kind) for each in repairs.repaired)
            self._repaired[node] = self._repaired.get(node, frozenset()) | subjects
            await self._pusher.enqueue({node: repairs.touches}, "found by comparing", patient=round_.patient)
        return Compared(
            node,
            tuple(drifted),
            bool(repairs.touches),
            "; ".join(dict.fromkeys(look.errors.values())),
            plans,
            bool(repairs.guarded),
        )

    def _decide(self, node: str, drifted: Sequence[Drift], look: Look, round_: _Round) -> Repairs:
        row = self._catalog().node(node)
        if row is None or row.value.mode is not NodeMode.MANAGED or self._pusher.suspended(node) is not None:
            return Repairs()
        link = self._nodes.link(node)
        return decide(
            [each for each in drifted if round_.modes[subject_of(each.kind)] is Mode.REPAIR],
            round_.histories.get(node, History()),
            self.policy,
            core=(link.core_uuid if link is not None else None) or "",
            gateways=look.gateways,
            allowed=round_.word is not None and round_.word.allow,
        )

    async def _plans(
        self, node: str, drifted: Sequence[Drift], look: Look, round_: _Round
    ) -> Mapping[Subject, Plan]:
        """What a repair would send, of what is only tried out."""
        plans: dict[Subject, Plan] = {}
        for subject, mode in round_.modes.items():
            touches = touches_of(each for each in drifted if subject_of(each.kind) is subject)
            if mode is Mode.DRY_RUN and touches:
                try:
                    plans[subject] = await self._pusher.plan_for(node, touches)
                except UNREADABLE as error:
                    look.errors[subject] = str(error)
        return plans

    async def _in_vain(self, node: str, drifted: Sequence[Drift], repairs: Repairs) -> list[Drift]:
        """Say with what was given up how often it was tried, and what the node said last."""
        pushes = await self._store.read(lambda session: queue.page(session, node=node, limit=20))
        return [
            replace(each, reason=f"{each.reason}; {in_vain(each, repairs.tried[each].times, pushes)}")
            if each in repairs.given_up
            else each
            for each in drifted
        ]

    async def _record(
        self,
        node: str,
        drifted: Sequence[Drift],
        look: Look,
        round_: _Round,
        repairs: Repairs,
        plans: Mapping[Subject, Plan],
    ) -> None:
        tried = {(each.kind, each.name): found for each, found in repairs.tried.items()}
        begun = {(each.kind, each.name) for each in repairs.begun}
        found = [
            Found(
                node,
                each.kind.value,
                each.name,
                each.reason,
                SEVERITIES.get(each.kind, Severity.ERROR),
                tried.get((each.kind, each.name)),
                (each.kind, each.name) in begun,
            )
            for each in drifted
        ]
        looked: set[str] = set()
        for subject in round_.modes:
            looked.add(subject.unreadable)
            if subject in look.errors:
                found.append(Found(node, subject.unreadable, node, look.errors[subject], Severity.WARNING))
                continue
            looked.update((subject.dry_run, subject.guarded), (kind.value for kind in KINDS[subject]))
            if subject in plans:
                found.append(Found(node, subject.dry_run, node, would_send(plans[subject]), Severity.INFO))
        if repairs.guarded:
            reason = guarded(node, repairs.guarded, look.gateways)
            found.append(Found(node, Subject.GATEWAYS.guarded, node, reason, Severity.ERROR))
        await self._records.add(_Record(node, frozenset(looked), tuple(found), look.read_whole))

    async def _write(self, records: Sequence[_Record]) -> None:
        def work(session: Session) -> None:
            now = datetime.now(UTC)
            for record in records:
                findings.record(session, record.node, record.kinds, record.found, now)
            repairs = (each for record in records for each in record.found if each.repaired)
            repaired.begun(session, repairs, now)
            queue.observed(
                session, {each.node: each.read_whole for each in records if each.read_whole is not None}
            )

        await self._store.write(work)
        self._pusher.changed(each.node for each in records)


def _histories(
    session: Session, stalled_since: datetime | None, steady_since: datetime
) -> dict[str, History]:
    """What was done to each node; what pushes gave up before `stalled_since` is tried again."""
    found = {node: History(tried=each) for node, each in findings.tried(session, steady_since).items()}
    for node, touches in rollout_rows.withheld_touches(session).items():
        found[node] = replace(found.get(node, History()), withheld=touches)
    for push in queue.unfinished(session):
        held = found.get(push.node, History())
        if push.state is not State.STALLED:
            found[push.node] = replace(held, under_way=held.under_way.merge(push.touches))
        elif push.ended_at is not None and (stalled_since is None or push.ended_at > stalled_since):
            found[push.node] = replace(held, stalled=held.stalled.merge(push.touches))
    return found
