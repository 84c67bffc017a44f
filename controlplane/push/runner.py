"""One push to one node, from what it runs to what was seen: read, plan, prove, run, verify."""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from controlplane.observed.errors import ObservedError
from controlplane.observed.read import read_all, read_some
from controlplane.observed.registrations import registered
from controlplane.observed.values import Seen, Wanted
from controlplane.push.applied import Applied
from controlplane.push.boot import SinceBoot, since_start, with_restarted
from controlplane.push.errors import NotReady, PushError, Refused, TooOften, UnknownNode
from controlplane.push.flapping import Flapping
from controlplane.push.held import Wait
from controlplane.push.perform import Performer, Report
from controlplane.push.plan import Act, Plan, plan, to_read
from controlplane.push.policy import Backoff, PushPolicy, Verdict, judge
from controlplane.push.ports import Answers, Nodes, Wants
from controlplane.push.probe import prepare
from controlplane.push.progress import afterwards
from controlplane.push.proving import Prover
from controlplane.push.queue import Ended, NodeState, State, Taken
from controlplane.push.touches import EVERYTHING, Touches
from controlplane.push.traffic import ask
from controlplane.push.verify import Verifier, lookups
from controlplane.push.watch import Watch
from controlplane.store.errors import StoreError
from esl.errors import EventSocketError, NotConnected
from esl.link import Link, LinkState

log = logging.getLogger(__name__)

_STARTS = (Act.START_PROFILE, Act.RESTART_PROFILE)


@dataclass(slots=True)
class _Run:
    """What is known while one push runs, so that a failure at any point leaves a true account.

    `settled`: `applied` holds what the steps did, not only what was known before them.
    """

    touches: Touches
    applied: Applied
    report: Report = field(default_factory=Report)
    wanted: Wanted | None = None
    plan: Plan | None = None
    link: Link | None = None
    read_whole: datetime | None = None
    settled: bool = False

    def left(self) -> Touches:
        """What is still owed: all but the flushes that were done, and what was let through and is done."""
        left = replace(self.touches, let=self.touches.let - self.report.receipts.keys())
        if self.report.dropped:
            left = replace(left, registrations=frozenset())
        if self.report.flushed_all:
            return replace(left, flushes=frozenset(), flush_all=False)
        return replace(left, flushes=left.flushes - self.report.flushed)

    def detail(self) -> dict[str, Any]:
        """For operators."""
        held = self.plan.described()["held"] if self.plan is not None else []
        return {"steps": self.report.steps, "held": held}


class Runner:
    """Runs pushes, one at a time for each node; the caller sees to that.

    `opening(node)`: when its change window opens; None: pushes may go out now.
    """

    def __init__(
        self,
        nodes: Nodes,
        answers: Answers,
        wants: Wants,
        watch: Watch,
        prove: Prover,
        *,
        since_boot: SinceBoot,
        opening: Callable[[str], datetime | None],
        policy: PushPolicy,
        backoff: Backoff,
    ) -> None:
        self._nodes = nodes
        self._answers = answers
        self._wants = wants
        self._watch = watch
        self._prove = prove
        self._since_boot = since_boot
        self._opening = opening
        self._policy = policy
        self._backoff = backoff
        self._delays: dict[str, Iterator[float]] = {}
        self._flapping = Flapping(policy.replaced_at_most, policy.replaced_within, time.monotonic)
        self._starting: dict[str, Collection[str]] = {}

    async def run(self, taken: Taken) -> Ended:
        """Run a push and say what became of it; raises nothing but CancelledError."""
        push, kept = taken.push, taken.node
        opens = None if push.let_through else self._opening(push.node)
        if opens is not None:
            return await self._closed(taken, opens)
        run = _Run(push.touches, Applied.from_json(kept.applied))
        try:
            async with asyncio.timeout(self._policy.deadline):
                reason = await self._run(run, taken)
        except UnknownNode as error:
            return Ended(push.id, push.node, State.SUPERSEDED, run.left(), reason=str(error))
        except Exception as error:  # noqa: BLE001  # judged, written down, and logged when not foreseen
            return self._failed(run, taken, error)
        finally:
            self._starting.pop(push.node, None)
        self._delays.pop(push.node, None)
        state = State.HELD if reason else State.APPLIED
        return self._ended(run, taken, state, reason)

    async def plan(self, node: str, touches: Touches, kept: NodeState) -> Plan:
        """What a push would do, from what the node runs now; sends it nothing but questions."""
        link = self._nodes.link(node)
        wanted = await self._wants(node, touches)
        applied = Applied.from_json(kept.applied)
        if link is not None and link.core_uuid != kept.core_uuid:
            applied = since_start(
                wanted, self._answers.ledger, self._since_boot(node), touches, wanted.revision
            )
        seen = await self._read(touches, wanted, applied)
        own_address = link.own_address if link is not None else None
        return await self._plan(touches, wanted, seen, applied, own_address)

    def starting(self, node: str) -> Collection[str]:
        """The profiles that the push under way on the node starts."""
        return self._starting.get(node, ())

    async def _run(self, run: _Run, taken: Taken) -> str:
        """Give the reason for which a restart is awaited, or nothing."""
        node, ledger = taken.push.node, self._answers.ledger
        run.link = link = self._nodes.link(node)
        if link is None or link.state is not LinkState.UP:
            raise NotConnected(link.reason or link.state.value if link is not None else "not held")
        begun = self._since_boot.restarted(node)
        restarted = link.core_uuid != taken.node.core_uuid
        if restarted:
            run.touches = run.touches.merge(EVERYTHING)
            self._flapping.restarted(node)
        run.wanted = wanted = await self._wants(node, run.touches)
        if restarted:
            since = self._since_boot(node)
            run.applied = since_start(wanted, ledger, since, taken.push.touches, taken.push.revision)
        else:
            run.applied = with_restarted(run.applied, wanted, ledger, begun)
        seen = await self._read(run.touches, wanted, run.applied)
        if run.touches.everything:
            run.read_whole = seen.at
        planned = await self._plan(run.touches, wanted, seen, run.applied, link.own_address)
        run.plan = planned
        if planned.steps:
            # Before the first is sent: were we killed then, this is all that tells of them.
            log.debug("planned", extra={"commands": [step.command.shown for step in planned.steps]})
        await self._do(run, wanted, planned)
        self._since_boot.settled(node, begun)
        for held in planned.held:
            if held.wait is Wait.GUARD:
                raise Refused(held.reason)
            if held.wait is Wait.READY:
                raise NotReady(held.reason)
        resting = {each.what: each.reason for each in planned.held if each.wait is Wait.REST}
        if resting:
            left = self._flapping.resting(node)
            wait = max(left.get(what.removeprefix("gateway/"), 0.0) for what in resting)
            raise TooOften("; ".join(resting.values()), wait)
        return "; ".join(held.reason for held in planned.held)

    async def _closed(self, taken: Taken, opens: datetime) -> Ended:
        """Outside its change window: a node only forgets users, for that cannot wait; the rest does."""
        push = taken.push
        run, rest = _Run(push.touches.forgetting, Applied()), push.touches.levels
        try:
            async with asyncio.timeout(self._policy.deadline):
                run.wanted = wanted = await self._wants(push.node, run.touches)
                if run.touches:
                    seen = await self._phones(Seen(push.node, datetime.now(UTC)), run.touches.registrations)
                    await self._do(run, wanted, plan(run.touches, wanted, seen, run.applied, None))
        except UnknownNode as error:
            return Ended(push.id, push.node, State.SUPERSEDED, push.touches, reason=str(error))
        except Exception as error:  # noqa: BLE001  # as in `run`
            run.settled = False
            ended = self._failed(run, taken, error)
            return replace(ended, touches=rest.merge(ended.touches))
        if run.touches and not rest:
            return Ended(
                push.id,
                push.node,
                State.APPLIED,
                rest,
                detail=run.detail(),
                attempted_revision=wanted.revision,
                applied_revision=wanted.revision if not Applied.from_json(taken.node.applied).held else None,
            )
        reason = f"waits for its change window, which opens {opens:%Y-%m-%d %H:%M} UTC"
        return Ended(
            push.id,
            push.node,
            State.WAITING,
            rest,
            reason=reason,
            not_before=opens,
            attempts=push.attempts - 1,
            detail=run.detail(),
        )

    async def _plan(
        self, touches: Touches, wanted: Wanted, seen: Seen, applied: Applied, own_address: str | None
    ) -> Plan:
        """Ask what stands in the way only where that matters."""
        resting = self._flapping.resting(wanted.node)
        planned = plan(touches, wanted, seen, applied, own_address, resting=resting)
        if not planned.asks:
            return planned
        traffic = await ask(self._nodes, wanted.node, planned.asks)
        idle = self._policy.when_idle
        return plan(touches, wanted, seen, applied, own_address, traffic, when_idle=idle, resting=resting)

    async def _do(self, run: _Run, wanted: Wanted, planned: Plan) -> None:
        """Run the steps and see their effects."""
        node, ledger, under_way = wanted.node, self._answers.ledger, self._answers.under_way
        # Else it could be given what is older than what is wanted after it forgot that.
        await self._answers.settled()
        run.report.provisional = under_way.left(node, wanted.revision) > 0
        performer = Performer(self._nodes, self._watch, self._policy, node, run.report)
        await performer.flush(planned.steps)
        if not run.report.provisional:
            await performer.drop(planned.steps)
        if not all(step.harmless for step in planned.steps):
            await self._prove(node)
            await prepare(self._answers, node, lookups(planned, wanted))
        self._starting[node] = {step.target for step in planned.steps if step.act in _STARTS}
        verifier = Verifier(self._nodes, ledger, self._policy, wanted, planned, ledger.mark())
        with self._watch.listening(node) as ear:
            try:
                await performer.run(planned.steps)
            finally:
                self._flapping.killed(node, run.report.killed)
            await verifier.fetched(ear)
            # From here on it is known, be something else amiss: no module is reloaded twice for it.
            run.applied = afterwards(run.applied, run.touches, wanted, planned, run.report.receipts)
            run.settled = True
            await verifier.shows(ear)
        if run.report.provisional and any(step.act is Act.FLUSH for step in planned.steps):
            # An answer older than the revision may have been stored after the flush.
            await asyncio.sleep(under_way.left(node, wanted.revision))
            await performer.flush_again(planned.steps)
        if not run.report.dropped:
            await performer.drop(planned.steps)

    async def _read(self, touches: Touches, wanted: Wanted, applied: Applied) -> Seen:
        asked = to_read(touches, wanted, applied)
        if touches.everything:
            seen = await read_all(
                self._nodes,
                wanted.node,
                gateways=wanted.gateways,
                profiles=wanted.profiles,
                modules=asked["modules"],
            )
        else:
            seen = await read_some(
                self._nodes, wanted.node, asked["gateways"], asked["profiles"], asked["modules"]
            )
        return await self._phones(seen, touches.registrations)

    async def _phones(self, seen: Seen, users: Iterable[str]) -> Seen:
        """With which profiles these users are registered."""
        found = {user: await registered(self._nodes, seen.node, user) for user in sorted(users)}
        return replace(
            seen, phones={user: frozenset(each.profile for each in some) for user, some in found.items()}
        )

    def _failed(self, run: _Run, taken: Taken, error: Exception) -> Ended:
        push = taken.push
        if not isinstance(error, (EventSocketError, ObservedError, PushError, StoreError, TimeoutError)):
            log.error("push %d to %s failed", push.id, push.node, exc_info=error)
        verdict = judge(error)
        attempts = push.attempts if verdict.counts else push.attempts - 1
        if verdict.stalls or attempts >= self._policy.attempts:
            self._delays.pop(push.node, None)
            return self._ended(run, taken, State.STALLED, verdict.reason)
        due = datetime.now(UTC) + timedelta(seconds=self._delay(push.node, verdict))
        ended = self._ended(run, taken, State.WAITING, verdict.reason)
        return replace(ended, not_before=due, attempts=attempts)

    def _delay(self, node: str, verdict: Verdict) -> float:
        if verdict.after is not None:
            return verdict.after
        if node not in self._delays:
            policy = self._policy
            self._delays[node] = self._backoff(policy.backoff_min, policy.backoff_max, policy.jitter)
        return next(self._delays[node])

    def _ended(self, run: _Run, taken: Taken, state: State, reason: str) -> Ended:
        push = taken.push
        done = state in (State.APPLIED, State.HELD)
        revision = run.wanted.revision if run.wanted is not None else 0
        shown = run.plan if done else None
        # A node whose start was not compared to the end is compared again, so its new core is not yet known.
        return Ended(
            push.id,
            push.node,
            state,
            run.left() if state is not State.APPLIED else Touches(),
            reason=reason,
            detail=run.detail(),
            attempted_revision=revision,
            applied_revision=revision if done and not run.applied.held else None,
            core_uuid=run.link.core_uuid if run.settled and run.link is not None else None,
            observed_at=run.read_whole,
            applied=run.applied.to_json() if run.settled else None,
            gateways=shown.gateways if shown is not None else frozenset(),
            profiles=shown.profiles if shown is not None else frozenset(),
        )
