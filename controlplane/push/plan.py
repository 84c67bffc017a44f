"""What to do on one node, and why: from what changed, what is wanted, and what was seen. Pure.

The order of the steps: flushes first, for they need nothing; then what goes; then what comes.
Nothing here restarts a profile or a node: what only that would bring is held.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from controlplane.observed.drift import Kind, of_gateway
from controlplane.observed.values import Seen, Wanted, WantedDocument
from controlplane.push import settings
from controlplane.push.acls import refused_by
from controlplane.push.applied import Applied, acl_digest
from controlplane.push.documents import REST, How, way
from controlplane.push.touches import CacheKey, Touches
from esl.commands import (
    CallcenterQueueReload,
    Command,
    FlushAll,
    FlushUser,
    KillGateway,
    ProfileRescan,
    ProfileStart,
    ProfileStop,
    ReloadAcl,
    ReloadModule,
    ReloadXml,
    StartGateway,
)
from esl.errors import CommandRejected


class Act(StrEnum):
    """What a step does."""

    FLUSH = "flush"
    STOP_PROFILE = "stop-profile"
    KILL_GATEWAY = "kill-gateway"
    START_PROFILE = "start-profile"
    RESCAN = "rescan"
    START_GATEWAY = "start-gateway"
    RELOAD_ACL = "reload-acl"
    RELOAD_XML = "reload-xml"
    RELOAD_MODULE = "reload-module"
    RELOAD_QUEUE = "reload-queue"


_RELOADS_XML = frozenset(
    {Act.STOP_PROFILE, Act.START_PROFILE, Act.RESCAN, Act.START_GATEWAY, Act.RELOAD_ACL, Act.RELOAD_MODULE}
)
"""Acts that fire RELOADXML on their own."""


class Wait(StrEnum):
    """For what something is held back."""

    RESTART = "restart"
    """Of the profile or the node; nobody does it silently."""
    READY = "ready"
    """Something else on the node has to be in order first."""
    GUARD = "guard"
    """It would do harm, and is not done."""


@dataclass(frozen=True, slots=True)
class Step:
    """One command for the node. `target`: the profile, gateway, list or user that it is about."""

    act: Act
    target: str
    command: Command[Any]
    reason: str
    flushed: CacheKey | None = None

    @property
    def harmless(self) -> bool:
        """Whether it may be done to a node that cannot fetch from us: of all acts only one user's flush.

        What is killed, stopped, emptied or reloaded then stays away, and what is started or rescanned
        is made of the files on the node's disk.
        """
        return self.flushed is not None


@dataclass(frozen=True, slots=True)
class Held:
    """What is not done. `what`: such as `profile/internal`, as the applied state names it."""

    wait: Wait
    what: str
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps in their order, what is held, and what has to be seen on the node afterwards.

    A gateway or profile that is to be seen and is not wanted is to be seen gone.
    """

    steps: tuple[Step, ...] = ()
    held: tuple[Held, ...] = ()
    gateways: frozenset[str] = frozenset()
    profiles: frozenset[str] = frozenset()
    acls: frozenset[str] = frozenset()
    documents: frozenset[str] = frozenset()

    def described(self) -> dict[str, Any]:
        """For operators: commands and reasons."""
        return {
            "steps": [
                {"act": step.act.value, "command": step.command.shown, "reason": step.reason}
                for step in self.steps
            ],
            "held": [
                {"for": held.wait.value, "what": held.what, "reason": held.reason} for held in self.held
            ],
        }


def plan(touches: Touches, wanted: Wanted, seen: Seen, applied: Applied, own_address: str | None) -> Plan:
    """Decide. `own_address`: the one at which the node sees us, None when it is not known."""
    planning = _Planning(touches, wanted, seen, applied)
    planning.flushes()
    planning.profiles()
    planning.gateways()
    planning.acls(own_address)
    planning.documents()
    return planning.plan()


@dataclass(slots=True)
class _Planning:
    """A plan in the making."""

    touches: Touches
    wanted: Wanted
    seen: Seen
    applied: Applied
    flushing: list[Step] = field(default_factory=list)
    stops: list[Step] = field(default_factory=list)
    kills: list[Step] = field(default_factory=list)
    starts: dict[str, Step] = field(default_factory=dict)
    rescans: dict[str, list[str]] = field(default_factory=dict)
    adds: dict[str, list[tuple[str, bool, str]]] = field(default_factory=dict)
    reloads: list[Step] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)
    see_gateways: set[str] = field(default_factory=set)
    see_profiles: set[str] = field(default_factory=set)
    see_acls: set[str] = field(default_factory=set)
    see_documents: set[str] = field(default_factory=set)
    reload_xml: list[str] = field(default_factory=list)

    def flushes(self) -> None:
        if self.touches.flush_all:
            reason = "what cached users are made of changed"
            self.flushing.append(Step(Act.FLUSH, "everybody", FlushAll(), reason))
            return
        for each in sorted(self.touches.flushes):
            self.flushing.append(
                Step(
                    Act.FLUSH,
                    f"{each.user}@{each.domain}",
                    FlushUser(each.key, each.user, each.domain),
                    f"may be cached by {each.key}",
                    each,
                )
            )

    def profiles(self) -> None:
        names = set(self.touches.profiles)
        if self.touches.everything:
            names |= self.wanted.profiles.keys() | self.applied.profiles.keys()
        for name in sorted(names):
            should = self.wanted.profiles.get(name)
            runs = self.runs(name)
            if should is None:
                if runs:
                    step = Step(Act.STOP_PROFILE, name, ProfileStop(name), "desired no more")
                    self.stops.append(step)
                self.see_profiles.add(name)
                continue
            if not runs:
                self.starts[name] = Step(Act.START_PROFILE, name, ProfileStart(name), "does not run")
                self.see_profiles.add(name)
                continue
            baseline = self.applied.profiles.get(name)
            if baseline is None:
                self.rescan(name, "it is not known with which settings it runs")
                continue
            if settings.needs_rescan(baseline, should):
                self.rescan(name, "its settings changed")
            waiting = settings.needs_restart(baseline, should)
            if waiting:
                reason = f"only a restart of the profile takes over {', '.join(waiting)}"
                self.held.append(Held(Wait.RESTART, f"profile/{name}", reason))

    def gateways(self) -> None:
        names = set(self.touches.gateways)
        # A profile starts with all its gateways: a namesake on another one would be there twice.
        names |= {each.name for each in self.wanted.gateways.values() if each.profile in self.starts}
        if self.touches.everything:
            names |= self.wanted.gateways.keys() | self.seen.gateways.keys()
        stopping = {step.target for step in self.stops}
        for name in sorted(names):
            should, runs = self.wanted.gateways.get(name), self.seen.gateways.get(name)
            if should is None and (runs is None or runs.fingerprint is None):
                continue  # gone, or none of ours
            self.see_gateways.add(name)
            differs = of_gateway(should, runs)
            if differs is None:
                continue
            if should is not None and should.profile not in self.starts and not self.runs(should.profile):
                reason = f"profile {should.profile} does not run"
                self.held.append(Held(Wait.READY, f"gateway/{name}", reason))
                self.see_gateways.discard(name)
                continue
            if runs is not None and runs.profile not in stopping:
                self.kills.append(
                    Step(Act.KILL_GATEWAY, name, KillGateway(runs.profile, name), differs.reason)
                )
            if should is not None and should.profile not in self.starts:
                reason = differs.reason if differs.kind is Kind.MISSING else "to run as desired"
                self.adds.setdefault(should.profile, []).append((name, should.by_user, reason))

    def acls(self, own_address: str | None) -> None:
        touched = set(self.touches.acls)
        digest = acl_digest(self.wanted.acls, self.wanted.cidrs)
        if not touched and not self.touches.everything:
            return
        if digest == self.applied.acl or (self.applied.acl is None and not touched and not self.wanted.acls):
            return
        if own_address is not None:
            refusing = refused_by(self.wanted.guards, self.wanted.acls, self.wanted.cidrs, own_address)
            if refusing is not None:
                reason = f"ACL list {refusing} would refuse our own Event Socket address {own_address}"
                self.held.append(Held(Wait.GUARD, "acl", reason))
                return
        self.see_acls |= self.wanted.acls.keys() if self.touches.everything else touched
        what = f"changed: {', '.join(sorted(touched))}" if touched else "not known to be as desired"
        self.reloads.append(Step(Act.RELOAD_ACL, "acl.conf", ReloadAcl(), what))

    def documents(self) -> None:
        names = set(self.touches.documents)
        if self.touches.everything:
            held = {name for name in self.applied.documents if not name.endswith(REST)}
            names |= self.wanted.documents.keys() | held
        for name in sorted(names):
            should = self.wanted.documents.get(name)
            by = way(name)
            known = self.applied.documents.get(name)
            if by.how is How.NOTHING or (should is None and known is None and self.touches.everything):
                continue
            if by.module is not None and not self.seen.modules.get(by.module, False):
                continue  # nobody reads it now; who loads the module later fetches it then
            if by.how is How.RELOAD_QUEUES and should is not None:
                self._queues(should)
            elif should is None or should.digest != known:
                self._document(name, by.how, by.module)

    def _document(self, name: str, how: How, module: str | None) -> None:
        reason = f"{name} changed"
        if how is How.RESCAN:
            profile = self._any_profile()
            if profile is not None:
                self.rescan(profile, reason)
            if profile is not None or self.starts:
                self.see_documents.add(name)
        elif how is How.RELOAD_XML:
            self.reload_xml.append(name)
            self.see_documents.add(name)
        elif how is How.RELOAD_MODULE and module is not None:
            self.reloads.append(Step(Act.RELOAD_MODULE, module, ReloadModule(module), reason))
            self.see_documents.add(name)
        else:
            what = "nothing makes a running node fetch it again safely"
            self.held.append(Held(Wait.RESTART, f"document/{name}", what))

    def _queues(self, should: WantedDocument) -> None:
        name = should.name
        if should.digest != self.applied.documents.get(name) and should.queues:
            unnamed = [queue for queue in should.queues if not _sendable(queue)]
            if unnamed:
                what = f"no command can name the queue {unnamed[0]!r}"
                self.held.append(Held(Wait.RESTART, f"document/{name}", what))
                return
            self.reloads += [
                Step(Act.RELOAD_QUEUE, queue, CallcenterQueueReload(queue), f"{name} changed")
                for queue in should.queues
            ]
            self.see_documents.add(name)
        if should.rest != self.applied.documents.get(f"{name}{REST}"):
            what = "what is no queue (agents, tiers, settings) is read when the module loads"
            self.held.append(Held(Wait.RESTART, f"document/{name}{REST}", what))

    def plan(self) -> Plan:
        steps: list[Step] = [*self.flushing, *self.stops, *self.kills, *self.starts.values()]
        for profile in sorted(self.adds.keys() | self.rescans.keys()):
            steps += self._fetching(profile, self.adds.get(profile, ()))
        steps += self.reloads
        if self.reload_xml and not any(step.act in _RELOADS_XML for step in steps):
            names = ", ".join(self.reload_xml)
            steps.append(Step(Act.RELOAD_XML, names, ReloadXml(), f"{names} changed"))
        return Plan(
            tuple(steps),
            tuple(self.held),
            frozenset(self.see_gateways),
            frozenset(self.see_profiles),
            frozenset(self.see_acls),
            frozenset(self.see_documents),
        )

    def _fetching(self, profile: str, adds: Sequence[tuple[str, bool, str]]) -> list[Step]:
        """One `startgw`, or one rescan for all of them: it adds whatever is missing."""
        reasons = list(self.rescans.get(profile, ()))
        if not reasons and len(adds) == 1 and not adds[0][1]:
            name, _, reason = adds[0]
            return [Step(Act.START_GATEWAY, name, StartGateway(profile, name), reason)]
        if adds:
            reasons.append(f"adds {', '.join(name for name, _, _ in adds)}")
        return [Step(Act.RESCAN, profile, ProfileRescan(profile), "; ".join(reasons))]

    def rescan(self, profile: str, reason: str) -> None:
        self.rescans.setdefault(profile, []).append(reason)
        self.see_profiles.add(profile)

    def runs(self, profile: str) -> bool:
        found = self.seen.profiles.get(profile)
        return found is not None and found.running

    def _any_profile(self) -> str | None:
        """One that is rescanned anyway, else one that runs: a rescan of any reads the global settings.

        So does a start.
        """
        if self.starts:
            return None
        if self.rescans:
            return min(self.rescans)
        running = sorted(name for name in self.wanted.profiles if self.runs(name))
        return running[0] if running else None


def _sendable(queue: str) -> bool:
    """Whether a command can name the queue: FreeSWITCH expands `$${x}` in XML, but not in commands."""
    try:
        CallcenterQueueReload(queue)
    except CommandRejected:
        return False
    return "$${" not in queue


def to_read(touches: Touches, wanted: Wanted, applied: Applied) -> Mapping[str, frozenset[str]]:
    """What has to be read before planning: `gateways` and `profiles`, unless all are, and `modules`."""
    profiles = set(touches.profiles)
    profiles |= {wanted.gateways[name].profile for name in touches.gateways if name in wanted.gateways}
    gateways = set(touches.gateways)
    gateways |= {each.name for each in wanted.gateways.values() if each.profile in touches.profiles}
    documents = set(touches.documents)
    if touches.everything:
        documents |= wanted.documents.keys() | applied.documents.keys()
    ways = [way(name) for name in documents]
    if any(by.how is How.RESCAN for by in ways):
        profiles |= wanted.profiles.keys()
    modules = {by.module for by in ways if by.module is not None and by.how is not How.NOTHING}
    return {
        "gateways": frozenset(gateways),
        "profiles": frozenset(profiles),
        "modules": frozenset(modules),
    }
