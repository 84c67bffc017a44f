"""Runs a plan's steps on one node, each until its effect is there or it failed."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from controlplane.push.errors import NotReady, NotSeen
from controlplane.push.plan import Act, Step
from controlplane.push.policy import PushPolicy
from controlplane.push.ports import Nodes
from controlplane.push.receipts import Stage, writing
from controlplane.push.touches import CacheKey
from controlplane.push.watch import Ear, Watch
from esl.commands import Command
from esl.errors import CommandFailed, EventSocketError, UnknownProfile
from esl.link import NodeEvent
from esl.queries import GatewayStatuses, ProfileStatusOf, StoppingProfiles
from esl.registrations import DropRegistrations, Registration, Registrations

T = TypeVar("T")

_TOLD = 200
"""How many steps are kept with a push."""


@dataclass(slots=True)
class Report:
    """What was done so far. `flushed`: owed no more; while `provisional`, flushes do not count.

    `dropped`: no registration is owed any more. `receipts`: what was done once and for all, and under
    which token the node remembers it. `killed`: gateways, be they gone yet or not.
    """

    steps: list[dict[str, Any]] = field(default_factory=list)
    flushed: set[CacheKey] = field(default_factory=set)
    flushed_all: bool = False
    provisional: bool = False
    receipts: dict[str, str] = field(default_factory=dict)
    dropped: bool = False
    killed: set[str] = field(default_factory=set)

    def add(self, step: Step, outcome: object) -> None:
        """Note a step's outcome, in the node's words when it failed."""
        said = outcome if isinstance(outcome, Exception) else "done" if outcome is None else outcome
        if len(self.steps) < _TOLD:
            self.steps.append(
                {
                    "act": step.act.value,
                    "command": step.command.shown,
                    "reason": step.reason,
                    "outcome": str(said)[:500],
                }
            )


class Performer:
    """Runs steps on one node. Raises the EventSocketError, NotReady or NotSeen of the first that failed."""

    def __init__(self, nodes: Nodes, watch: Watch, policy: PushPolicy, node: str, report: Report) -> None:
        self._nodes = nodes
        self._watch = watch
        self._policy = policy
        self._node = node
        self._report = report

    async def flush(self, steps: Iterable[Step]) -> None:
        """Every single user's flush; those that were done count as done even if another failed."""
        failed: EventSocketError | None = None
        for step, outcome in await self._all([step for step in steps if step.flushed is not None]):
            if isinstance(outcome, EventSocketError):
                failed = failed or outcome
            elif step.flushed is not None and not self._report.provisional:
                self._report.flushed.add(step.flushed)
        if failed is not None:
            raise failed

    async def run(self, steps: Iterable[Step]) -> None:
        """All the rest, in order; gateways are killed together and waited for together."""
        rest = [step for step in steps if not step.harmless]
        kills = [step for step in rest if step.act is Act.KILL_GATEWAY]
        for step in rest:
            match step.act:
                case Act.FLUSH:
                    await self._one(step)
                    self._report.flushed_all = not self._report.provisional
                case Act.KILL_GATEWAY:
                    if step is kills[0]:
                        await self._kill(kills)
                case Act.STOP_PROFILE:
                    await self._stop(step)
                case Act.START_PROFILE:
                    await self._start(step)
                case Act.RESTART_PROFILE:
                    await self._restart(step)
                case Act.RELOAD_MODULE:
                    await self._once(step)
                case _:
                    await self._one(step)

    async def flush_again(self, steps: Sequence[Step]) -> None:
        """Every flush once more: now they count."""
        self._report.provisional = False
        await self.flush(steps)
        await self.run(step for step in steps if step.act is Act.FLUSH)

    async def drop(self, steps: Iterable[Step]) -> None:
        """Every registration that has to go; a phone that is back by then has shown what it has to."""
        for step in steps:
            if step.act is Act.DROP_REGISTRATIONS and isinstance(step.command, DropRegistrations):
                asking = Registrations(step.command.profile, step.command.user)
                before = {each.call_id: each for each in await self._nodes.run(self._node, asking) or ()}
                await self._one(step)
                await self._dropped(asking, before)
        self._report.dropped = True

    async def _dropped(self, asking: Registrations, before: Mapping[str, Registration]) -> None:
        clock = asyncio.get_running_loop()
        until, delay = clock.time() + self._policy.seen_timeout, 0.05
        while stale := [
            each
            for each in await self._nodes.run(self._node, asking) or ()
            if each.call_id in before and each.expires_in <= before[each.call_id].expires_in
        ]:
            if clock.time() >= until:
                raise NotSeen(f"still registered: {asking.user} with {asking.profile} from {stale[0].ip}")
            await asyncio.sleep(delay)
            delay = min(delay * 2, 1.0)

    async def _kill(self, steps: Sequence[Step]) -> None:
        """A gateway started before its namesake is gone would be unregistered by it (sofia_reg.c)."""
        with self._watch.listening(self._node) as ear:
            outcomes = await self._all(steps)
            going = {step.target for step, outcome in outcomes if outcome is True}
            self._report.killed |= going
            await self._gone(ear, going)
        for _, outcome in outcomes:
            if isinstance(outcome, EventSocketError):
                raise outcome

    async def _gone(self, ear: Ear, going: set[str]) -> None:
        clock = asyncio.get_running_loop()
        until = clock.time() + self._policy.gone_timeout
        look = clock.time() + self._policy.gone_poll
        while going:
            event = await ear.next(look - clock.time())
            if event is not None and event.subclass == "sofia::gateway_delete":
                going.discard(event.headers.get("Gateway", ""))
            if clock.time() < look:
                continue
            # The list still holds a gateway that is on its way out; asked by its name it is gone already.
            listed = {status.name for status in await self._nodes.run(self._node, GatewayStatuses())}
            going &= listed
            if going and clock.time() >= until:
                waited = f"{self._policy.gone_timeout:g} s"
                raise NotSeen(f"still there {waited} after killgw: {', '.join(sorted(going))}")
            look = clock.time() + max(self._policy.gone_poll / 2, 0.05)

    async def _stop(self, step: Step) -> None:
        with self._watch.listening(self._node) as ear:
            try:
                await self._one(step)
            except UnknownProfile:
                return
            await self._profile(ear, step.target, up=False)

    async def _start(self, step: Step) -> None:
        """The reply and the profile_start event come also when its port is taken: only its status tells."""
        if step.target in await self._nodes.run(self._node, StoppingProfiles()):
            raise NotReady(f"profile {step.target} is still on its way down, or restarting")
        with self._watch.listening(self._node) as ear:
            await self._one(step)
            await self._profile(ear, step.target, up=True)

    async def _restart(self, step: Step) -> None:
        """From its reply on the profile is found no more, till it is up anew (mod_sofia.c:3783)."""
        with self._watch.listening(self._node) as ear:
            await self._once(step)
            await self._profile(ear, step.target, up=True, within=self._policy.restart_timeout)

    async def _profile(self, ear: Ear, name: str, *, up: bool, within: float | None = None) -> None:
        clock = asyncio.get_running_loop()
        within = within or self._policy.up_timeout
        until = clock.time() + within
        delay = 0.05
        while (await self._nodes.run(self._node, ProfileStatusOf(name)) is not None) is not up:
            if clock.time() >= until:
                state = "up" if up else "down"
                raise NotSeen(f"profile {name} is not {state} after {within:g} s")
            event = await ear.next(delay)
            if up and event is not None and _failed(event, name):
                said = event.headers.get("failure_message", "no reason")
                why = f"the node says FAILURE, {said!r}, as for a port that is taken"
                raise NotSeen(f"profile {name} did not start: {why}")
            delay = min(delay * 2, 1.0)

    async def _once(self, step: Step) -> None:
        """Do a step so that whoever comes after us finds on the node whether it was done.

        A reload goes on without us once it was taken: its receipt is written right behind the command,
        on the same connection, and not only when it is through.
        """
        if step.receipt is None:
            raise ValueError(f"{step.act} without a receipt")
        what, token = step.receipt.what, step.receipt.token()
        await self._nodes.run(self._node, writing(what, token, Stage.BEGUN))
        done = writing(what, token, Stage.DONE)
        try:
            if step.act is Act.RELOAD_MODULE:
                both = self._one(step), self._nodes.run(self._node, done)
                for outcome in await asyncio.gather(*both, return_exceptions=True):
                    if isinstance(outcome, BaseException):
                        raise outcome
            else:
                await self._one(step)
                await self._nodes.run(self._node, done)
        except CommandFailed:
            await self._nodes.run(self._node, writing(what, token, Stage.FAILED))
            raise
        self._report.receipts[what] = token

    async def _one(self, step: Step) -> None:
        try:
            outcome = await self._nodes.run(self._node, step.command)
        except EventSocketError as error:
            self._report.add(step, error)
            raise
        self._report.add(step, outcome)

    async def _all(self, steps: Sequence[Step]) -> list[tuple[Step, Any]]:
        if not steps:
            return []
        commands: list[Command[Any]] = [step.command for step in steps]
        outcomes = await self._nodes.run_many(self._node, commands)
        for step, outcome in zip(steps, outcomes, strict=True):
            self._report.add(step, outcome)
        return list(zip(steps, outcomes, strict=True))


def _failed(event: NodeEvent, profile: str) -> bool:
    return event.name == "FAILURE" and event.headers.get("profile_name") == profile
