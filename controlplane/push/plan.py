"""What to do on one node, and why: from what changed, what is wanted, and what was seen. Pure.

The order of the steps: flushes first, for they need nothing; then what goes; then what comes.
What would drop calls is held till none stand in its way, or till the operator lets it through; what
only a restart of the node would bring is held till somebody does that.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from controlplane.observed.drift import Kind, of_gateway
from controlplane.observed.values import Seen, Wanted, WantedDocument, WantedProfile
from controlplane.push import receipts, settings
from controlplane.push.acls import refused_by
from controlplane.push.applied import Applied, acl_digest
from controlplane.push.documents import REST, How, way
from controlplane.push.held import Held, Wait
from controlplane.push.receipts import Receipt, Stage
from controlplane.push.touches import CacheKey, Touches
from controlplane.push.traffic import MODULE, PROFILE, Traffic
from esl.commands import (
    CallcenterQueueReload,
    Command,
    FlushAll,
    FlushUser,
    KillGateway,
    LoadModule,
    ProfileRescan,
    ProfileRestart,
    ProfileStart,
    ProfileStop,
    ReloadAcl,
    ReloadModule,
    ReloadXml,
    SetVariable,
    StartGateway,
)
from esl.errors import CommandRejected
from esl.registrations import DropRegistrations


class Act(StrEnum):
    """What a step does."""

    FLUSH = "flush"
    STOP_PROFILE = "stop-profile"
    RESTART_PROFILE = "restart-profile"
    KILL_GATEWAY = "kill-gateway"
    START_PROFILE = "start-profile"
    RESCAN = "rescan"
    START_GATEWAY = "start-gateway"
    RELOAD_ACL = "reload-acl"
    RELOAD_XML = "reload-xml"
    RELOAD_MODULE = "reload-module"
    LOAD_MODULE = "load-module"
    RELOAD_QUEUE = "reload-queue"
    SET_VARIABLE = "set-variable"
    DROP_REGISTRATIONS = "drop-registrations"


_RELOADS_XML = frozenset(
    {
        Act.STOP_PROFILE,
        Act.RESTART_PROFILE,
        Act.START_PROFILE,
        Act.RESCAN,
        Act.START_GATEWAY,
        Act.RELOAD_ACL,
        Act.RELOAD_MODULE,
        Act.LOAD_MODULE,
    }
)
"""Acts that fire RELOADXML on their own."""


@dataclass(frozen=True, slots=True)
class Step:
    """One command for the node. `target`: the profile, gateway, list or user that it is about.

    `drops_calls`: it ends those that stand on what it is about. `receipt`: it must not be done twice.
    """

    act: Act
    target: str
    command: Command[Any]
    reason: str
    flushed: CacheKey | None = None
    drops_calls: bool = False
    receipt: Receipt | None = None

    @property
    def harmless(self) -> bool:
        """Whether it may be done to a node that cannot fetch from us: only what makes it forget one user.

        What is killed, stopped, emptied or reloaded then stays away, and what is started or rescanned
        is made of the files on the node's disk.
        """
        return self.flushed is not None or self.act is Act.DROP_REGISTRATIONS


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps in their order, what is held, and what has to be seen on the node afterwards.

    A gateway or profile that is to be seen and is not wanted is to be seen gone. `done`: what by the
    node's receipts was done before, for what is wanted now, and the receipts' tokens; `read`: documents
    that came with it. `unread`: documents that nobody on the node
    reads, and why. `asks`: of what the traffic has to be known for the plan to be whole.
    """

    steps: tuple[Step, ...] = ()
    held: tuple[Held, ...] = ()
    gateways: frozenset[str] = frozenset()
    profiles: frozenset[str] = frozenset()
    acls: frozenset[str] = frozenset()
    documents: frozenset[str] = frozenset()
    done: Mapping[str, str] = field(default_factory=dict)
    read: frozenset[str] = frozenset()
    unread: Mapping[str, str] = field(default_factory=dict)
    asks: frozenset[str] = frozenset()

    def described(self) -> dict[str, Any]:
        """For operators: commands and reasons."""
        return {
            "steps": [
                {
                    "act": step.act.value,
                    "command": step.command.shown,
                    "reason": step.reason,
                    "drops_calls": step.drops_calls,
                }
                for step in self.steps
            ],
            "held": [
                {"for": held.wait.value, "what": held.what, "reason": held.reason, "command": held.command}
                for held in self.held
            ],
        }


NOBODY: Mapping[str, float] = MappingProxyType({})


def plan(
    touches: Touches,
    wanted: Wanted,
    seen: Seen,
    applied: Applied,
    own_address: str | None,
    traffic: Traffic | None = None,
    *,
    when_idle: bool = True,
    resting: Mapping[str, float] = NOBODY,
) -> Plan:
    """Decide. `own_address`: the one at which the node sees us, None when it is not known.

    `traffic`: None when it was not asked for; what depends on it is held then, and stands in `asks`.
    `when_idle`: what would drop calls goes by itself once there are none. `resting`: gateways that changed
    too often, and for how many seconds they are left alone yet.
    """
    planning = _Planning(touches, wanted, seen, applied, traffic, when_idle, resting)
    planning.flushes()
    planning.drops()
    planning.profiles()
    planning.acls(own_address)
    planning.documents()
    planning.gateways()
    planning.found()
    planning.variables()
    return planning.plan()


@dataclass(slots=True)
class _Planning:
    """A plan in the making."""

    touches: Touches
    wanted: Wanted
    seen: Seen
    applied: Applied
    traffic: Traffic | None
    when_idle: bool
    resting: Mapping[str, float]
    flushing: list[Step] = field(default_factory=list)
    stops: list[Step] = field(default_factory=list)
    kills: list[Step] = field(default_factory=list)
    restarts: dict[str, Step] = field(default_factory=dict)
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
    modules: dict[str, list[str]] = field(default_factory=dict)
    queues: list[Step] = field(default_factory=list)
    sets: list[Step] = field(default_factory=list)
    done: dict[str, str] = field(default_factory=dict)
    read: set[str] = field(default_factory=set)
    unread: dict[str, str] = field(default_factory=dict)
    asks: set[str] = field(default_factory=set)

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

    def drops(self) -> None:
        reason = "his password changed, or he is no more"
        for user in sorted(self.touches.registrations):
            for profile in sorted(self.seen.phones.get(user, ())):
                step = Step(Act.DROP_REGISTRATIONS, user, DropRegistrations(profile, user), reason)
                self.flushing.append(step)

    def profiles(self) -> None:
        names = set(self.touches.profiles)
        if self.touches.everything:
            names |= self.wanted.profiles.keys() | self.applied.profiles.keys()
        for name in sorted(names):
            should = self.wanted.profiles.get(name)
            runs = self.runs(name)
            if should is None:
                step = Step(Act.STOP_PROFILE, name, ProfileStop(name), "desired no more", drops_calls=True)
                if not runs or self._goes(step, f"{PROFILE}{name}"):
                    self.see_profiles.add(name)
                    self.stops += [step] if runs else []
                continue
            if not runs:
                self.starts[name] = Step(Act.START_PROFILE, name, ProfileStart(name), "does not run")
                self.see_profiles.add(name)
                continue
            baseline = self.applied.profiles.get(name)
            if baseline is None:
                self.rescan(name, "it is not known with which settings it runs")
                continue
            waiting = settings.needs_restart(baseline, should)
            if waiting and self._restarts(should, waiting):
                continue
            if settings.needs_rescan(baseline, should):
                self.rescan(name, "its settings changed")

    def _restarts(self, should: WantedProfile, waiting: Sequence[str]) -> bool:
        """Whether it is restarted now, or was already: then it has read all of its settings."""
        what = f"{PROFILE}{should.name}"
        step = Step(
            Act.RESTART_PROFILE,
            should.name,
            ProfileRestart(should.name),
            f"only a restart of the profile takes over {', '.join(waiting)}",
            drops_calls=True,
            receipt=Receipt.of(what, settings.in_force(should)),
        )
        if self._goes(step, what):
            self.restarts[should.name] = step
            self.see_profiles.add(should.name)
        elif what in self.done:
            self.see_profiles.add(should.name)
        return should.name in self.restarts or what in self.done

    def _goes(self, step: Step, what: str) -> bool:
        """Whether a step may be done now; else it is held, or was done before."""
        stage = Stage.NEVER
        self.asks.add(what)
        if self.traffic is not None and step.receipt is not None:
            said = self.traffic.receipts.get(what)
            stage = step.receipt.stage(said, self.applied.receipts.get(what))
            if stage is Stage.DONE:
                self.done[what] = receipts.read(said)[0]
                return False
        if what in self.touches.let or not step.drops_calls:
            return self.traffic is not None
        if stage is Stage.BEGUN:
            wait, why = Wait.WORD, "it was begun before, and whether it was done is not known"
        elif self.traffic is None or not self.when_idle:
            wait, why = Wait.WORD if not self.when_idle else Wait.CALLS, "it would drop calls"
        elif calls := self.traffic.calls(what):
            wait, why = Wait.CALLS, f"it would drop {calls} {'leg' if calls == 1 else 'legs'} of calls"
        else:
            return True
        self.held.append(Held(wait, what, f"{step.reason}; {why}", step.command.shown))
        return False

    def gateways(self) -> None:
        names = set(self.touches.gateways)
        # A profile starts with all its gateways: a namesake on another one would be there twice.
        fresh = self.starts.keys() | self.restarts.keys()
        names |= {each.name for each in self.wanted.gateways.values() if each.profile in fresh}
        # So would one that a rescan adds while it still runs on another, its own turn yet to come.
        scanned = self.rescans.keys() | _scanned(names, self.wanted)
        names |= {
            each.name
            for each in self.wanted.gateways.values()
            if each.profile in scanned
            and (runs := self.seen.gateways.get(each.name)) is not None
            and runs.profile != each.profile
        }
        if self.touches.everything:
            names |= self.wanted.gateways.keys() | self.seen.gateways.keys()
        going = {step.target for step in self.stops} | self.restarts.keys()
        for name in sorted(names):
            should, runs = self.wanted.gateways.get(name), self.seen.gateways.get(name)
            if should is None and (runs is None or runs.fingerprint is None):
                continue  # gone, or none of ours
            self.see_gateways.add(name)
            differs = of_gateway(should, runs)
            if differs is None:
                continue
            if should is not None and should.profile not in fresh and not self.runs(should.profile):
                reason = f"profile {should.profile} does not run"
                self.held.append(Held(Wait.READY, f"gateway/{name}", reason))
                self.see_gateways.discard(name)
                continue
            if should is not None and name in self.resting and should.profile not in fresh:
                reason = "it changed too often, and what FreeSWITCH held of it stays with its profile"
                self.held.append(Held(Wait.REST, f"gateway/{name}", f"gateway {name} rests: {reason}"))
                self.see_gateways.discard(name)
                continue
            if runs is not None and runs.profile not in going:
                self.kills.append(
                    Step(Act.KILL_GATEWAY, name, KillGateway(runs.profile, name), differs.reason)
                )
            if should is not None and should.profile not in fresh:
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
        callcenter: tuple[WantedDocument, str] | None = None
        for name in sorted(names):
            should = self.wanted.documents.get(name)
            by = way(name)
            known = self.applied.documents.get(name)
            if by.how is How.NOTHING or (should is None and known is None and self.touches.everything):
                continue
            if by.module is not None and not self.seen.modules.get(by.module, False):
                if not self._loads(by.module, name) and should is not None:
                    # Who loads the module later fetches it then.
                    self.unread[name] = f"nobody on the node reads it: {by.module} is not loaded"
                continue
            if by.how is How.RELOAD_QUEUES and by.module is not None and should is not None:
                callcenter = should, by.module
                self._queues(*callcenter)
            elif should is None or should.digest != known:
                self._document(name, by.how, by.module)
        for module, changed in sorted(self.modules.items()):
            self._reload(module, changed)
        if callcenter is not None:
            self._queues_alone(*callcenter)

    def _loads(self, module: str, name: str) -> bool:
        """Whether it was our own reload that left the module unloaded: the node keeps the receipt."""
        if way(name).how not in (How.RELOAD_MODULE, How.RELOAD_DROPPING):
            return False
        what = f"{MODULE}{module}"
        self.asks.add(what)
        token, _ = receipts.read(self.traffic.receipts.get(what) if self.traffic is not None else None)
        if not token or token == self.applied.receipts.get(what):
            return False
        self.done[what] = token
        if not any(step.target == module for step in self.reloads):
            reason = "a reload of ours left it unloaded"
            self.reloads.append(Step(Act.LOAD_MODULE, module, LoadModule(module), reason))
        self.see_documents.add(name)
        return True

    def variables(self) -> None:
        for name in sorted(self.touches.variables & self.wanted.variables.keys()):
            value = self.wanted.variables[name]
            if settable(name, value):
                reason = "changed, or the node holds another value"
                self.sets.append(Step(Act.SET_VARIABLE, name, SetVariable(name, value), reason))

    def found(self) -> None:
        """What only a comparison finds to be otherwise than desired."""
        should = {**self.wanted.needed, **self.wanted.modules}
        for module in sorted(self.touches.modules & should.keys()):
            if not self.seen.modules.get(module, False) and all(s.target != module for s in self.reloads):
                reason = f"not loaded, and {should[module]} needs it"
                self.reloads.append(Step(Act.LOAD_MODULE, module, LoadModule(module), reason))
                # Each of these is fetched by the load.
                whole = (How.RELOAD_MODULE, How.RELOAD_DROPPING)
                loads = (name for name in self.wanted.documents if way(name).module == module)
                self.see_documents |= {name for name in loads if way(name).how in whole}

    def _reload(self, module: str, names: Sequence[str]) -> None:
        what, wants = f"{MODULE}{module}", self.wanted.documents
        step = Step(
            Act.RELOAD_MODULE,
            module,
            ReloadModule(module),
            f"{', '.join(names)} changed",
            drops_calls=any(way(name).how is not How.RELOAD_MODULE for name in names),
            receipt=Receipt.of(what, {name: wants[name].digest if name in wants else "" for name in names}),
        )
        if self._goes(step, what):
            self.reloads.append(step)
            self.see_documents |= set(names)
        elif what in self.done:
            self.read |= set(names)

    def _document(self, name: str, how: How, module: str | None) -> None:
        reason = f"{name} changed"
        if how is How.RESCAN:
            profile = self._any_profile()
            if profile is not None:
                self.rescan(profile, reason)
            if profile is not None or self.starts or self.restarts:
                self.see_documents.add(name)
        elif how is How.RELOAD_XML:
            self.reload_xml.append(name)
            self.see_documents.add(name)
        elif how in (How.RELOAD_MODULE, How.RELOAD_DROPPING) and module is not None:
            self.modules.setdefault(module, []).append(name)
        else:
            what = "only a restart of the node takes it over"
            self.held.append(Held(Wait.RESTART, f"document/{name}", what))

    def _queues(self, should: WantedDocument, module: str) -> None:
        name = should.name
        if should.digest != self.applied.documents.get(name) and should.queues:
            unnamed = [queue for queue in should.queues if not _sendable(queue)]
            if unnamed:
                what = f"no command can name the queue {unnamed[0]!r}"
                self.held.append(Held(Wait.RESTART, f"document/{name}", what))
                return
            self.queues = [
                Step(Act.RELOAD_QUEUE, queue, CallcenterQueueReload(queue), f"{name} changed")
                for queue in should.queues
            ]
        if should.rest != self.applied.documents.get(f"{name}{REST}"):
            # Agents, tiers and settings are read when the module loads, and the queues with them.
            self.modules.setdefault(module, []).append(name)

    def _queues_alone(self, should: WantedDocument, module: str) -> None:
        """Reload the queues, unless the whole module is reloaded or was."""
        whole = any(step.act is Act.RELOAD_MODULE and step.target == module for step in self.reloads)
        if self.queues and not whole and f"{MODULE}{module}" not in self.done:
            self.reloads += self.queues
            self.see_documents.add(should.name)

    def plan(self) -> Plan:
        steps: list[Step] = [*self.flushing, *self.stops, *self.kills]
        steps += [*self.restarts.values(), *self.starts.values()]
        for profile in sorted(self.adds.keys() | self.rescans.keys()):
            steps += self._fetching(profile, self.adds.get(profile, ()))
        steps += self.reloads
        if self.reload_xml and not any(step.act in _RELOADS_XML for step in steps):
            names = ", ".join(self.reload_xml)
            steps.append(Step(Act.RELOAD_XML, names, ReloadXml(), f"{names} changed"))
        # Last: whatever reloads XML has the node's own files set theirs again (switch_xml.c, preprocess).
        steps += self.sets
        return Plan(
            tuple(steps),
            tuple(self.held),
            frozenset(self.see_gateways),
            frozenset(self.see_profiles),
            frozenset(self.see_acls),
            frozenset(self.see_documents),
            self.done,
            frozenset(self.read),
            self.unread,
            frozenset(self.asks) if self.traffic is None else frozenset(),
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

        So does a start, and a restart.
        """
        if self.starts or self.restarts:
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


def settable(variable: str, value: str) -> bool:
    """Whether a command can set a global variable to exactly that.

    Quotes and backslashes are taken out (switch_utils.c, separate_string_char_delim), `${` is changed
    (switch_core.c, switch_core_set_variable), and an empty value takes the variable away.
    """
    if not value or value != value.strip() or "${" in value or any(sign in value for sign in "'\"\\`"):
        return False
    try:
        SetVariable(variable, value)
    except CommandRejected:
        return False
    return True


def _scanned(gateways: Collection[str], wanted: Wanted) -> frozenset[str]:
    """The profiles that are rescanned when these gateways are added: for one alone there is `startgw`."""
    those = [wanted.gateways[name] for name in gateways if name in wanted.gateways]
    counts = Counter(each.profile for each in those)
    return frozenset(each.profile for each in those if counts[each.profile] > 1 or each.by_user)


def to_read(touches: Touches, wanted: Wanted, applied: Applied) -> Mapping[str, frozenset[str]]:
    """What has to be read before planning: `gateways` and `profiles`, unless all are, and `modules`."""
    profiles = set(touches.profiles)
    profiles |= {wanted.gateways[name].profile for name in touches.gateways if name in wanted.gateways}
    gateways = set(touches.gateways)
    scanned = touches.profiles | _scanned(touches.gateways, wanted)
    gateways |= {each.name for each in wanted.gateways.values() if each.profile in scanned}
    documents = set(touches.documents)
    if touches.everything:
        documents |= wanted.documents.keys() | applied.documents.keys()
    ways = [way(name) for name in documents]
    if any(by.how is How.RESCAN for by in ways):
        profiles |= wanted.profiles.keys()
        gateways |= wanted.gateways.keys()
    modules = {by.module for by in ways if by.module is not None and by.how is not How.NOTHING}
    modules |= touches.modules
    return {
        "gateways": frozenset(gateways),
        "profiles": frozenset(profiles),
        "modules": frozenset(modules),
    }
