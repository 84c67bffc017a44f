"""Gives nodes their turns in rollouts, and sees each of them well before the next."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from sqlalchemy.orm import Session

from controlplane.desired.catalog import Catalog
from controlplane.desired.errors import DesiredError
from controlplane.desired.revisions import Author
from controlplane.push import queue, rollout_rows
from controlplane.push.errors import PushError
from controlplane.push.ports import Nodes
from controlplane.push.pusher import Pusher
from controlplane.push.queue import Ended
from controlplane.push.rollout_rows import IN_TURN, NodeTurn, Rollout, State, Turn
from controlplane.push.touches import Touches
from controlplane.push.turns import Candidate, beginners, canaries, failing, groups_of, remembered, unlike
from controlplane.store.engine import Store
from controlplane.store.errors import StoreError
from controlplane.strategy import ALL_AT_ONCE
from esl.errors import EventSocketError
from esl.link import LinkState
from esl.queries import GatewayStatusOf
from esl.status import GatewayStatus

log = logging.getLogger(__name__)

Undo: TypeAlias = Callable[[int, Author], Awaitable[object]]
"""Takes back what a revision changed, as a new one; raises a DesiredError or a StoreError."""


@dataclass(frozen=True, slots=True)
class RolloutPolicy:
    """Times in seconds."""

    settle: float = 30.0
    """For a node's gateways to be again as they were, and for a lost link to come back."""
    deadline: float = 300.0
    """For a node's push to be applied."""
    skip_away: bool = True
    """Go on without nodes that are away; they catch up when they are back."""
    canary_wait: float = 60.0
    """For how long canaries must be well before the rest follows."""
    error_rate: float = 0.5
    """Of the calls through a canary's gateways as many may fail, as a share ..."""
    error_calls: int = 10
    """... of so many calls at least."""
    look: float = 0.5
    """Between two looks at what no event tells of."""


class Rollouts:
    """Follows every rollout that is open. Rows are the truth: a new life goes on where the last ended.

    Invariant: a turn begins only when all that the strategy puts before it is over, and nothing failed.
    All methods belong to the event loop's thread.
    """

    def __init__(
        self,
        store: Store,
        catalog: Callable[[], Catalog],
        nodes: Nodes,
        pusher: Pusher,
        undo: Undo,
        policy: RolloutPolicy,
    ) -> None:
        self.policy = policy
        self._store = store
        self._catalog = catalog
        self._nodes = nodes
        self._pusher = pusher
        self._undo = undo
        self._woken = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None
        self._tasks: dict[tuple[int, str], asyncio.Task[None]] = {}
        self._bells: dict[str, asyncio.Event] = {}
        self._since = datetime.now(UTC)
        pusher.ended.listen(self._pushed)

    def start(self) -> None:
        """Go on with what is open."""
        self._loop = asyncio.create_task(self._follow(), name="rollouts")

    async def stop(self) -> None:
        """Give no more turns; those under way go on in the next life."""
        tasks = [*self._tasks.values(), *([self._loop] if self._loop is not None else [])]
        self._loop = None
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def wake(self) -> None:
        """Something changed by which a turn may begin, or end."""
        self._woken.set()

    async def pause(self, rollout: int, reason: str) -> bool:
        """Give no more turns; one under way ends. Whether it was running."""
        return await self._become(rollout, State.PAUSED, reason, (State.RUNNING,))

    async def halt(self, rollout: int, reason: str, *, roll_back: bool) -> bool:
        """Give no more turns; with `roll_back`, take back what its revision changed. Whether it was open."""
        state = State.ROLLING_BACK if roll_back else State.STOPPED
        return await self._become(rollout, state, reason, (State.RUNNING, State.PAUSED, State.STOPPED))

    async def resume(self, rollout: int) -> bool:
        """Go on, with what failed first; canaries that were found wanting are taken as they are."""

        def work(session: Session) -> bool:
            now = datetime.now(UTC)
            found = rollout_rows.one(session, rollout)
            resumed = rollout_rows.resume(session, rollout, now)
            if resumed and found is not None and found.state is State.STOPPED and self._gated(found):
                rollout_rows.passed(session, rollout, now)
            return resumed

        resumed = await self._store.write(work)
        self.wake()
        return resumed

    def _pushed(self, ended: Ended) -> None:
        if ended.node in self._bells:
            self._bells[ended.node].set()

    async def _follow(self) -> None:
        while True:
            self._woken.clear()
            try:
                wait = await self._step()
            except StoreError as error:
                log.warning("rollouts cannot be read, trying again: %s", error)
                wait = 1.0
            except Exception:
                # Whatever it was: the other rollouts must not end with it.
                log.exception("rollouts cannot be followed, trying again")
                wait = 1.0
            try:
                async with asyncio.timeout(wait):
                    await self._woken.wait()
            except TimeoutError:
                continue

    async def _step(self) -> float | None:
        """Begin what may begin; gives the seconds till the next look, None till something happens."""
        found = await self._store.read(rollout_rows.unfinished)
        for rollout in found:
            for turn in rollout.turns:
                if turn.state in IN_TURN:
                    self._task(rollout, turn.node, self._turn(rollout, turn))
            if rollout.state is State.ROLLING_BACK:
                self._task(rollout, "", self._roll_back(rollout))
        for rollout in found:
            if rollout.state is State.RUNNING:
                await self._advance(rollout)
            elif rollout.state is not State.ROLLING_BACK and not any(map(_open, rollout.turns)):
                # Later revisions have taken over what it withheld.
                await self._over(rollout)
        return self.policy.look if any(each.state is State.RUNNING for each in found) else None

    async def _advance(self, rollout: Rollout) -> None:
        failed = [turn for turn in rollout.turns if turn.state is Turn.FAILED]
        if failed:
            await self._fail(rollout, f"{failed[0].node}: {failed[0].reason}")
            return
        candidates = [
            Candidate(turn.node, self._groups(turn.node), (rollout.id, turn.node) in self._tasks)
            for turn in rollout.turns
            if _open(turn)
        ]
        passed = rollout.passed_at is not None or not self._canaries(rollout)
        if not candidates and passed:
            await self._over(rollout)
            return
        if not passed and not canaries(rollout.strategy, candidates):
            self._task(rollout, "", self._gate(rollout))
            return
        ready = [each for each in candidates if each.in_turn or self._ready(each.node)]
        for node in beginners(rollout.strategy, ready, self._busy(), passed=passed):
            turn = next(turn for turn in rollout.turns if turn.node == node)
            self._task(rollout, node, self._turn(rollout, turn))
        if self.policy.skip_away:
            for each in candidates:
                away = "" if each.in_turn else self._away(each.node)
                if away:
                    await self._skip(rollout, each.node, away)

    # --- one node ------------------------------------------------------------------------------

    async def _turn(self, rollout: Rollout, turn: NodeTurn) -> None:
        """Bring a node through its turn, from wherever it is."""
        node, before, since = turn.node, turn.before, turn.since
        names = self._watched(node, turn.touches)
        if turn.state is Turn.WAITING:
            try:
                await self._pusher.prove(node)
                # One that failed is to be again as it was before its first turn.
                before = {**remembered(await self._statuses(node, names)), **turn.before}
            except (EventSocketError, PushError) as error:
                if self.policy.skip_away and self._pusher.may_cache(node):
                    await self._skip(rollout, node, str(error))
                else:
                    await asyncio.sleep(self.policy.look)
                return
            since = datetime.now(UTC)
            began = await self._store.write(
                lambda session: rollout_rows.begin(session, rollout.id, node, before, since)
            )
            if began is None:
                return
            self._pusher.notify([node])
        if turn.state is not Turn.SETTLING:
            wrong = await self._applied(node, turn.touches, since)
            since = datetime.now(UTC)
            await self._turned(rollout, node, Turn.FAILED if wrong else Turn.SETTLING, wrong or "")
            if wrong:
                return
        wrong = await self._settled(node, names, before, since)
        await self._turned(rollout, node, Turn.FAILED if wrong else Turn.DONE, wrong or "")

    async def _applied(self, node: str, touches: Touches, since: datetime) -> str | None:
        """Return once no push that is about it waits, runs or stalled; or say what is wrong."""

        def work(session: Session) -> list[queue.Push]:
            return [push for push in queue.unfinished(session, [node]) if push.touches.meets(touches)]

        bell = self._bells[node] = asyncio.Event()
        while pushes := await self._store.read(work):
            stalled = [push for push in pushes if push.state is queue.State.STALLED]
            if len(stalled) == len(pushes):
                return f"push {stalled[0].id} stalled: {stalled[0].reason}"
            late = datetime.now(UTC) - since > timedelta(seconds=self.policy.deadline)
            if late and self._pusher.suspended(node) is None and self._pusher.opening(node) is None:
                return (
                    f"not applied within {self.policy.deadline:g} s: {pushes[0].reason or 'it is under way'}"
                )
            lost = self._lost(node)
            if lost is not None:
                return lost
            bell.clear()
            try:
                async with asyncio.timeout(self.policy.look):
                    await bell.wait()
            except TimeoutError:
                continue
        return None

    async def _settled(
        self, node: str, names: Collection[str], before: Mapping[str, Any], since: datetime
    ) -> str | None:
        """Return once its gateways are as they were; or say which are not."""
        while True:
            try:
                wrong = unlike(before, await self._statuses(node, names))
            except EventSocketError as error:
                wrong = str(error)
            if wrong is None:
                return None
            if datetime.now(UTC) - since > timedelta(seconds=self.policy.settle):
                return wrong
            await asyncio.sleep(self.policy.look / 2)

    def _lost(self, node: str) -> str | None:
        """Whether the node went away in its turn, which may be for what it was sent."""
        link = self._nodes.link(node)
        if link is None or link.state is LinkState.UP:
            return None
        gone = datetime.now(UTC) - link.since > timedelta(seconds=self.policy.settle)
        return f"the node went away in its turn: {link.reason}" if gone else None

    # --- the whole -----------------------------------------------------------------------------

    async def _gate(self, rollout: Rollout) -> None:
        """See that the canaries are well when they have been changed for long enough."""
        done = [turn for turn in self._canaries(rollout) if turn.state is Turn.DONE]
        if not done:
            await self._fail(rollout, f"no node of the group {rollout.strategy.canary} could be changed")
            return
        till = max(turn.since for turn in done) + timedelta(seconds=self.policy.canary_wait)
        await asyncio.sleep(max((till - datetime.now(UTC)).total_seconds(), 0))
        for turn in done:
            # One that we have not reached yet since we started is not unwell for that.
            till = datetime.now(UTC) + timedelta(seconds=self.policy.settle)
            while True:
                wrong = await self._unwell(turn)
                if wrong is None or datetime.now(UTC) >= till:
                    break
                await asyncio.sleep(self.policy.look)
            if wrong is not None:
                await self._fail(rollout, f"{turn.node}: {wrong}")
                return
        now = datetime.now(UTC)
        await self._store.write(lambda session: rollout_rows.passed(session, rollout.id, now))

    async def _unwell(self, turn: NodeTurn) -> str | None:
        try:
            await self._pusher.prove(turn.node)
            statuses = await self._statuses(turn.node, self._watched(turn.node, turn.touches))
        except (EventSocketError, PushError) as error:
            return str(error)
        policy = self.policy
        return unlike(turn.before, statuses) or failing(
            turn.before, statuses, policy.error_rate, policy.error_calls
        )

    async def _fail(self, rollout: Rollout, reason: str) -> None:
        state = State.ROLLING_BACK if rollout.roll_back else State.STOPPED
        log.warning("rollout %d of revision %d is %s: %s", rollout.id, rollout.revision, state, reason)
        await self._become(rollout.id, state, reason, (State.RUNNING, State.PAUSED))

    async def _roll_back(self, rollout: Rollout) -> None:
        # Whatever a strategy would ask for: the fewer calls go amiss the better.
        reason = f"revision {rollout.revision} is taken back: {rollout.reason}"
        author = Author(f"rollout {rollout.id}", reason=reason, rollout=str(ALL_AT_ONCE))
        try:
            await self._undo(rollout.revision, author)
        except DesiredError as error:
            reason = f"{rollout.reason}; it cannot be rolled back: {error}"
            await self._become(rollout.id, State.STOPPED, reason, (State.ROLLING_BACK,))
        else:
            await self._become(rollout.id, State.ROLLED_BACK, rollout.reason, (State.ROLLING_BACK,))

    async def _over(self, rollout: Rollout) -> None:
        states = [turn.state for turn in rollout.turns]
        told = [
            f"{states.count(state)} {said}"
            for state, said in ((Turn.SKIPPED, "skipped"), (Turn.SUPERSEDED, "went into later revisions"))
            if state in states
        ]
        all_gone = set(states) == {Turn.SUPERSEDED}
        await self._become(
            rollout.id, State.SUPERSEDED if all_gone else State.DONE, ", ".join(told), (rollout.state,)
        )

    async def _become(self, rollout: int, state: State, reason: str, when: Collection[State]) -> bool:
        now = datetime.now(UTC)
        became = await self._store.write(
            lambda session: rollout_rows.become(session, rollout, state, now, reason, when=when)
        )
        self.wake()
        return became

    async def _turned(self, rollout: Rollout, node: str, state: Turn, reason: str) -> None:
        now = datetime.now(UTC)
        await self._store.write(
            lambda session: rollout_rows.turned(session, rollout.id, node, state, now, reason)
        )
        said = f": {reason}" if reason else ""
        log.info("rollout %d: %s is %s%s", rollout.id, node, state, said, extra={"node": node})

    async def _skip(self, rollout: Rollout, node: str, reason: str) -> None:
        now = datetime.now(UTC)
        await self._store.write(lambda session: rollout_rows.skip(session, rollout.id, node, reason, now))
        self._pusher.notify([node])
        self.wake()

    # --- what is so now ------------------------------------------------------------------------

    async def _statuses(self, node: str, names: Collection[str]) -> dict[str, GatewayStatus]:
        """Of these gateways those that the node has. Raises an EventSocketError."""
        outcomes = await self._nodes.run_many(node, [GatewayStatusOf(name) for name in sorted(names)])
        for outcome in outcomes:
            if isinstance(outcome, EventSocketError):
                raise outcome
        return {status.name: status for status in outcomes if status is not None}

    def _watched(self, node: str, touches: Touches) -> Collection[str]:
        """The gateways that must not suffer: those that are touched, or all when other things are."""
        if Touches(gateways=touches.gateways) == touches or self._catalog().node(node) is None:
            return touches.gateways
        return touches.gateways | self._catalog().view(node).gateways.keys()

    def _groups(self, node: str) -> tuple[str, ...]:
        row = self._catalog().node(node)
        return row.value.groups if row is not None else ()

    def _canaries(self, rollout: Rollout) -> list[NodeTurn]:
        canary = rollout.strategy.canary
        return [turn for turn in rollout.turns if canary is not None and canary in self._groups(turn.node)]

    def _gated(self, rollout: Rollout) -> bool:
        """Whether all its canaries were changed, so that only their health can be amiss."""
        found = self._canaries(rollout)
        return bool(found) and all(turn.state in (Turn.DONE, Turn.SKIPPED) for turn in found)

    def _busy(self) -> set[str]:
        return {group for _, node in self._tasks if node for group in groups_of(self._groups(node))}

    def _away(self, node: str) -> str:
        suspension = self._pusher.suspended(node)
        if suspension is not None:
            return str(suspension)
        link = self._nodes.link(node)
        if link is not None and link.state is LinkState.UP:
            return ""
        # One that we lost a moment ago, or have not reached yet since we started, may be there soon.
        since = max(link.since, self._since) if link is not None else self._since
        if datetime.now(UTC) - since < timedelta(seconds=self.policy.settle):
            return ""
        return f"the node is away: {link.reason if link is not None and link.reason else 'not connected'}"

    def _ready(self, node: str) -> bool:
        return self._pusher.may_cache(node) and self._pusher.opening(node) is None

    def _task(self, rollout: Rollout, node: str, work: Any) -> None:
        """Have it done, unless it is under way; without a node it is about the whole rollout."""
        key = (rollout.id, node)
        if key in self._tasks:
            work.close()
            return
        name = f"rollout {rollout.id} {node}".rstrip()
        self._tasks[key] = asyncio.create_task(self._guarded(key, work), name=name)

    async def _guarded(self, key: tuple[int, str], work: Awaitable[None]) -> None:
        try:
            await work
        except Exception:
            # Whatever it was: the rows say how far it came, and it is taken up again from there.
            log.exception("rollout %d cannot go on now", key[0])
            await asyncio.sleep(1.0)
        finally:
            del self._tasks[key]
            self.wake()


def _open(turn: NodeTurn) -> bool:
    """Whether it is to come, or under way, or to be given again."""
    return turn.state in (Turn.WAITING, Turn.FAILED, *IN_TURN)
