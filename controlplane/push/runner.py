"""One push to one node, from what it runs to what was seen: read, plan, prove, run, verify."""

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from controlplane.observed.read import read_all, read_some
from controlplane.observed.values import Seen, Wanted
from controlplane.push import settings
from controlplane.push.applied import Applied, acl_digest
from controlplane.push.documents import How, way
from controlplane.push.errors import NotReady, PushError, Refused, UnknownNode
from controlplane.push.perform import Performer, Report
from controlplane.push.plan import Act, Plan, Wait, plan, to_read
from controlplane.push.policy import Backoff, PushPolicy, Verdict, judge
from controlplane.push.ports import Answers, Nodes, Wants
from controlplane.push.probe import prepare, prove
from controlplane.push.queue import Ended, NodeState, State, Taken
from controlplane.push.touches import Touches
from controlplane.push.verify import Verifier, booted_with, lookups
from controlplane.push.watch import Watch
from esl.errors import EventSocketError, NotConnected
from esl.link import Link, LinkState

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Run:
    """What is known while one push runs, so that a failure at any point leaves a true account."""

    touches: Touches
    applied: Applied
    report: Report = field(default_factory=Report)
    wanted: Wanted | None = None
    plan: Plan | None = None
    link: Link | None = None
    read_whole: datetime | None = None

    def left(self) -> Touches:
        """What is still owed: all but the flushes that were done."""
        if self.report.flushed_all:
            return replace(self.touches, flushes=frozenset(), flush_all=False)
        return replace(self.touches, flushes=self.touches.flushes - self.report.flushed)

    def detail(self) -> dict[str, Any]:
        """For operators."""
        held = self.plan.described()["held"] if self.plan is not None else []
        return {"steps": self.report.steps, "held": held}


class Runner:
    """Runs pushes, one node at a time each; the caller sees to that.

    `since_boot(node)`: the ledger's mark from before the node's current process began to ask.
    """

    def __init__(
        self,
        nodes: Nodes,
        answers: Answers,
        wants: Wants,
        watch: Watch,
        *,
        since_boot: "SinceBoot",
        policy: PushPolicy,
        backoff: Backoff,
    ) -> None:
        self._nodes = nodes
        self._answers = answers
        self._wants = wants
        self._watch = watch
        self._since_boot = since_boot
        self._policy = policy
        self._backoff = backoff
        self._delays: dict[str, Iterator[float]] = {}

    async def run(self, taken: Taken) -> Ended:
        """Run a push and say what became of it; raises nothing but CancelledError."""
        push, kept = taken.push, taken.node
        run = _Run(push.touches, Applied.from_json(kept.applied))
        try:
            async with asyncio.timeout(self._policy.deadline):
                reason = await self._run(run, taken)
        except UnknownNode as error:
            return Ended(push.id, push.node, State.SUPERSEDED, run.left(), reason=str(error))
        except Exception as error:  # noqa: BLE001  # judged, written down, and logged when not foreseen
            return self._failed(run, taken, error)
        self._delays.pop(push.node, None)
        state = State.AWAITING_RESTART if reason else State.APPLIED
        return self._ended(run, taken, state, reason)

    async def plan(self, node: str, touches: Touches, kept: NodeState) -> Plan:
        """What a push would do, from what the node runs now; sends it nothing but questions."""
        link = self._nodes.link(node)
        wanted = await self._wants(node, touches)
        applied = Applied.from_json(kept.applied)
        if link is not None and link.core_uuid != kept.core_uuid:
            applied = self._since_start(wanted, touches, wanted.revision)
        seen = await self._read(touches, wanted)
        return plan(touches, wanted, seen, applied, link.own_address if link is not None else None)

    async def _run(self, run: _Run, taken: Taken) -> str:
        """Give the reason for which a restart is awaited, or nothing."""
        node = taken.push.node
        run.link = link = self._nodes.link(node)
        if link is None or link.state is not LinkState.UP:
            raise NotConnected(link.reason or link.state.value if link is not None else "not held")
        restarted = link.core_uuid != taken.node.core_uuid
        if restarted:
            run.touches = run.touches.merge(Touches(everything=True))
        run.wanted = wanted = await self._wants(node, run.touches)
        if restarted:
            run.applied = self._since_start(wanted, taken.push.touches, taken.push.revision)
        else:
            run.applied = self._restarted_profiles(wanted, run.applied)
        seen = await self._read(run.touches, wanted)
        if run.touches.everything:
            run.read_whole = seen.at
        run.plan = planned = plan(run.touches, wanted, seen, run.applied, link.own_address)
        performer = Performer(self._nodes, self._watch, self._policy, node, run.report)
        await performer.flush(planned.steps)
        if planned.breaking:
            await prove(self._nodes, self._answers, node, self._policy.probe_timeout)
            await prepare(self._answers, node, lookups(planned, wanted))
        since = self._answers.ledger.mark()
        with self._watch.listening(node) as ear:
            await performer.run(planned.steps)
            verifier = Verifier(self._nodes, self._answers.ledger, self._policy, wanted, planned, since)
            await verifier.see(ear)
        run.applied = _now_applied(run, wanted, planned, seen)
        for held in planned.held:
            if held.wait is Wait.GUARD:
                raise Refused(held.reason)
            if held.wait is Wait.READY:
                raise NotReady(held.reason)
        return "; ".join(held.reason for held in planned.held)

    async def _read(self, touches: Touches, wanted: Wanted) -> Seen:
        if touches.everything:
            modules = (way(name).module for name in wanted.documents)
            return await read_all(
                self._nodes,
                wanted.node,
                gateways=wanted.gateways,
                profiles=wanted.profiles,
                modules={module for module in modules if module is not None},
            )
        asked = to_read(touches, wanted)
        return await read_some(
            self._nodes, wanted.node, asked["gateways"], asked["profiles"], asked["modules"]
        )

    def _since_start(self, wanted: Wanted, touches: Touches, revision: int) -> Applied:
        """What a freshly started node goes by: all that it has fetched from us as it is wanted now."""
        touched = {f"document/{name}" for name in touches.documents}
        touched |= {f"profile/{name}" for name in touches.profiles}
        touched |= {"acl"} if touches.acls else set()
        fetched = booted_with(
            wanted,
            self._answers.ledger,
            self._since_boot(wanted.node),
            touched=touched,
            target=revision,
        )
        known_documents: dict[str, str] = {}
        for name, document in wanted.documents.items():
            if fetched[f"document/{name}"]:
                known_documents |= _digests(name, document.digest, document.rest)
        return Applied(
            {
                name: settings.in_force(profile)
                for name, profile in wanted.profiles.items()
                if fetched[f"profile/{name}"]
            },
            known_documents,
            acl_digest(wanted.acls, wanted.cidrs) if fetched["acl"] else None,
        )

    def _restarted_profiles(self, wanted: Wanted, applied: Applied) -> Applied:
        """Profiles that others started: they go by what they fetched then."""
        profiles = dict(applied.profiles)
        for name in self._since_boot.restarted(wanted.node):
            told = self._answers.ledger.answered(wanted.node, f"sofia.conf/{name}", 0)
            profiles.pop(name, None)
            profile = wanted.profiles.get(name)
            if profile is not None and told is not None and told >= profile.revision:
                profiles[name] = settings.in_force(profile)
        return replace(applied, profiles=profiles)

    def _failed(self, run: _Run, taken: Taken, error: Exception) -> Ended:
        push = taken.push
        if not isinstance(error, (EventSocketError, PushError, TimeoutError)):
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
        done = state in (State.APPLIED, State.AWAITING_RESTART)
        revision = run.wanted.revision if run.wanted is not None else 0
        # A node whose start was not compared to the end is compared again, so its new core is not yet known.
        compared = done and run.link is not None
        return Ended(
            push.id,
            push.node,
            state,
            run.left() if state is not State.APPLIED else Touches(),
            reason=reason,
            detail=run.detail(),
            attempted_revision=revision,
            applied_revision=revision if done and not run.applied.held else None,
            core_uuid=run.link.core_uuid if compared and run.link is not None else None,
            observed_at=run.read_whole,
            applied=run.applied.to_json() if done else None,
        )


class SinceBoot:
    """What of a node began anew: its process, and profiles that were started by others than us."""

    def __init__(self) -> None:
        self._marks: dict[str, int] = {}
        self._profiles: dict[str, set[str]] = {}

    def __call__(self, node: str) -> int:
        """The ledger's mark from before the process that runs there now; 0 when we saw no other."""
        return self._marks.get(node, 0)

    def down(self, node: str, mark: int) -> None:
        """The link went: what is asked from now on may come from the next process."""
        self._marks[node] = mark
        self._profiles.pop(node, None)

    def profile(self, node: str, name: str) -> None:
        """A profile started, and not by our doing."""
        self._profiles.setdefault(node, set()).add(name)

    def restarted(self, node: str) -> set[str]:
        """Those profiles, once."""
        return self._profiles.pop(node, set())


def _now_applied(run: _Run, wanted: Wanted, planned: Plan, seen: Seen) -> Applied:
    """What is in force once every step was seen through."""
    acts: dict[Act, set[str]] = {}
    for step in planned.steps:
        acts.setdefault(step.act, set()).add(step.target)
    profiles = dict(run.applied.profiles)
    for name in acts.get(Act.STOP_PROFILE, ()):
        profiles.pop(name, None)
    for name in acts.get(Act.START_PROFILE, ()):
        profiles[name] = settings.in_force(wanted.profiles[name])
    for name in acts.get(Act.RESCAN, ()):
        if name not in wanted.profiles:
            continue
        # Which settings an unknown profile was started with cannot be read back: taken as wanted.
        before = profiles.get(name) or settings.in_force(wanted.profiles[name])
        profiles[name] = settings.after_rescan(before, wanted.profiles[name])
    documents = dict(run.applied.documents)
    held = {each.what: each.reason for each in planned.held if each.wait is Wait.RESTART}
    for name in planned.documents:
        documents.pop(name, None)
        if name in wanted.documents:
            found = wanted.documents[name]
            rest = {} if f"document/{name}/rest" in held else _digests(name, found.digest, found.rest)
            documents |= {name: found.digest} | rest
    considered = {f"profile/{name}" for name in run.touches.profiles}
    considered |= {f"document/{name}" for name in run.touches.documents}
    considered |= {f"document/{name}/rest" for name in run.touches.documents}
    kept = (
        {}
        if run.touches.everything
        else {what: reason for what, reason in run.applied.held.items() if what not in considered}
    )
    acl = run.applied.acl
    if Act.RELOAD_ACL in acts:
        acl = acl_digest(wanted.acls, wanted.cidrs)
    return Applied(profiles, documents, acl, kept | held)


def _digests(name: str, digest: str, rest: str) -> dict[str, str]:
    found = {name: digest}
    if way(name).how is How.RELOAD_QUEUES:
        found[f"{name}/rest"] = rest
    return found
