"""Sees that a plan's effects are on the node: nothing is applied because a command said `+OK`."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from controlplane.observed.drift import of_gateway
from controlplane.observed.read import read_some
from controlplane.observed.values import Seen, Wanted
from controlplane.push.acls import samples
from controlplane.push.documents import How, way
from controlplane.push.errors import NotSeen
from controlplane.push.plan import Act, Plan
from controlplane.push.policy import PushPolicy
from controlplane.push.ports import Ledger, Nodes
from controlplane.push.watch import Ear
from esl.commands import SetVariable, StartGateway
from esl.errors import EventSocketError
from esl.queries import CheckAcl, GlobalVariable

_FETCHING = (Act.RESCAN, Act.START_PROFILE, Act.RESTART_PROFILE)
_CHECKS = 200
"""Most addresses that are tried on one list."""


@dataclass(frozen=True, slots=True)
class Verifier:
    """Sees one plan through. `since`: the ledger's mark from before its first command."""

    nodes: Nodes
    ledger: Ledger
    policy: PushPolicy
    wanted: Wanted
    plan: Plan
    since: int

    async def fetched(self, ear: Ear) -> None:
        """Return once the node has fetched all that the steps made it fetch, and its ACL lists are right.

        Raises NotSeen with what is missing, or an EventSocketError.
        """

        async def untold() -> str | None:
            return self._untold()

        await self._until(untold, ear)
        await self._acls()

    async def shows(self, ear: Ear) -> None:
        """Return once its gateways, profiles and variables are as they should be. Raises as `fetched`."""
        if self.plan.steps:
            await self._until(self._unlike, ear)

    async def _until(self, wrong: Callable[[], Awaitable[str | None]], ear: Ear) -> None:
        clock = asyncio.get_running_loop()
        until = clock.time() + self.policy.seen_timeout
        delay = 0.02
        while (found := await wrong()) is not None:
            if clock.time() >= until:
                raise NotSeen(found)
            await ear.next(delay)
            delay = min(delay * 2, 1.0)

    async def _unlike(self) -> str | None:
        """What the node itself does not show yet."""
        found: str | None = None
        if self.plan.gateways or self.plan.profiles:
            seen = await read_some(self.nodes, self.wanted.node, self.plan.gateways, self.plan.profiles)
            found = self._gateways(seen) or self._profiles(seen)
        return found or await self._variables()

    async def _variables(self) -> str | None:
        sets = [step.command for step in self.plan.steps if isinstance(step.command, SetVariable)]
        if not sets:
            return None
        outcomes = await self.nodes.run_many(self.wanted.node, [GlobalVariable(each.name) for each in sets])
        for each, outcome in zip(sets, outcomes, strict=True):
            if isinstance(outcome, EventSocketError):
                raise outcome
            if outcome != each.value:
                return f"variable {each.name} has another value on the node, or none"
        return None

    def _gateways(self, seen: Seen) -> str | None:
        for name in sorted(self.plan.gateways):
            differs = of_gateway(self.wanted.gateways.get(name), seen.gateways.get(name))
            if differs is not None:
                return f"gateway {name} {differs.reason}"
        return None

    def _profiles(self, seen: Seen) -> str | None:
        for name in sorted(self.plan.profiles):
            runs = name in seen.profiles
            if runs is not (name in self.wanted.profiles):
                return f"profile {name} is {'up' if runs else 'not up'}"
        return None

    def _untold(self) -> str | None:
        """What the node has not fetched from us yet, at the revision that it is to have."""
        fetching = {step.target for step in self.plan.steps if step.act in _FETCHING}
        for name in sorted(self.plan.profiles & fetching):
            if name in self.wanted.profiles and not self._told(f"sofia.conf/{name}"):
                return f"the node has not fetched sofia.conf for profile {name}"
        for name in sorted(self.plan.documents):
            if way(name).how is not How.RESCAN and not any(self._told(what) for what in asked_as(name)):
                return f"the node has not fetched {name}"
        if any(step.act is Act.RELOAD_ACL for step in self.plan.steps):
            for what in acl_lookups(self.wanted):
                if not self._told(what):
                    return f"the node has not fetched {what}"
        return None

    def _told(self, what: str) -> bool:
        answered = self.ledger.answered(self.wanted.node, what, self.since)
        return answered is not None and answered >= self.wanted.revision

    async def _acls(self) -> None:
        """Try one address of every entry of the lists that changed."""
        checks: list[tuple[CheckAcl, bool]] = []
        for name in sorted(self.plan.acls & self.wanted.acls.keys()):
            found = samples(self.wanted.acls[name], self.wanted.cidrs)[:_CHECKS]
            checks += [(CheckAcl(sample.address, name), sample.allowed) for sample in found]
        if not checks:
            return
        outcomes = await self.nodes.run_many(self.wanted.node, [check for check, _ in checks])
        for (check, allowed), outcome in zip(checks, outcomes, strict=True):
            if isinstance(outcome, EventSocketError):
                raise outcome
            if outcome is not allowed:
                does, should = ("lets", "should not") if outcome else ("does not let", "should")
                raise NotSeen(f"ACL list {check.list} {does} {check.address} in, and {should}")


def asked_as(document: str) -> tuple[str, str]:
    """The names under which nodes ask for a document: modules.conf and switch.conf again after boot.

    Every module asks in lower case, and is answered however the document is spelled.
    """
    document = document.lower()
    return f"configuration/{document}", f"configuration/post_load_{document}"


def acl_lookups(wanted: Wanted) -> tuple[str, ...]:
    """What a reload of the ACL lists asks for, of what is ours to tell."""
    return ("acl.conf", *(f"network-list/{domain}" for domain in sorted(wanted.cidrs)))


def lookups(plan: Plan, wanted: Wanted) -> tuple[str, ...]:
    """What the plan's steps make the node ask for, by the ledger's names."""
    asked: list[str] = []
    for step in plan.steps:
        match step.act:
            case Act.START_GATEWAY if isinstance(step.command, StartGateway):
                asked.append(f"sofia.conf/{step.command.profile}/{step.command.gateway}")
            case Act.RESCAN | Act.START_PROFILE | Act.RESTART_PROFILE:
                asked.append(f"sofia.conf/{step.target}")
            case Act.RELOAD_ACL if wanted.acls:
                asked += acl_lookups(wanted)
    asked += [asked_as(name)[0] for name in sorted(plan.documents) if way(name).how is not How.RESCAN]
    return tuple(dict.fromkeys(asked))
