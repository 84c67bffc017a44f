"""A node as the planner's commands change it: tiny, and by FreeSWITCH's rules.

A rescan and a start add what is missing on their profile and change nothing; a gateway that runs on
another profile is then there twice.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from controlplane.observed.values import Seen, SeenGateway, SeenProfile, Wanted
from controlplane.push import settings
from controlplane.push.applied import Applied, acl_digest
from controlplane.push.documents import REST, How, way
from controlplane.push.plan import Act, Step
from controlplane.push.traffic import Traffic
from tests.push.states import AT


@dataclass
class Model:
    """`gateways`: by name, where and with which fingerprint. `twice`: what was added beside another."""

    profiles: dict[str, dict[str, str]]
    gateways: dict[str, tuple[str, str | None]]
    acl: str | None
    documents: dict[str, str]
    modules: frozenset[str]
    twice: set[str] = field(default_factory=set)
    receipts: dict[str, str] = field(default_factory=dict, compare=False)

    def copy(self) -> "Model":
        return Model(
            dict(self.profiles),
            dict(self.gateways),
            self.acl,
            dict(self.documents),
            self.modules,
            set(self.twice),
            dict(self.receipts),
        )

    def traffic(self, calls: Mapping[str, int]) -> Traffic:
        """`calls`: by profile."""
        return Traffic(sum(calls.values()), calls, self.receipts)

    def seen(self) -> Seen:
        return Seen(
            "fs1",
            AT,
            {
                name: SeenGateway(name, profile, "REGED", True, mark)
                for name, (profile, mark) in self.gateways.items()
            },
            {name: SeenProfile(name, True) for name in self.profiles},
            modules=dict.fromkeys(self.modules, True),
        )

    def applied(self) -> Applied:
        """All that is true of it, as a push would know it that saw every effect."""
        return Applied(dict(self.profiles), dict(self.documents), self.acl)

    def do(self, steps: Iterable[Step], wanted: Wanted) -> None:
        for step in steps:
            self._one(step, wanted)

    def _one(self, step: Step, wanted: Wanted) -> None:
        name = step.target
        if step.receipt is not None:
            self.receipts[step.receipt.what] = f"{step.receipt.token()}:done"
        match step.act:
            case Act.STOP_PROFILE:
                del self.profiles[name]
                self.gateways = {each: at for each, at in self.gateways.items() if at[0] != name}
            case Act.KILL_GATEWAY:
                del self.gateways[name]
            case Act.START_PROFILE | Act.RESTART_PROFILE:
                assert (name in self.profiles) is (step.act is Act.RESTART_PROFILE)
                self.gateways = {each: at for each, at in self.gateways.items() if at[0] != name}
                self.profiles[name] = settings.in_force(wanted.profiles[name])
                self._adds(name, wanted)
            case Act.RESCAN:
                running = self.profiles[name]
                self.profiles[name] = settings.after_rescan(running, wanted.profiles[name])
                self._adds(name, wanted)
            case Act.START_GATEWAY:
                [profile] = {wanted.gateways[name].profile} & self.profiles.keys()
                assert not wanted.gateways[name].by_user
                self._add(name, wanted.gateways[name].fingerprint, profile)
            case Act.RELOAD_ACL:
                self.acl = acl_digest(wanted.acls, wanted.cidrs)
            case Act.RELOAD_MODULE | Act.RELOAD_QUEUE:
                self._read(wanted, module=name, how=way("callcenter.conf").how)
        if step.act in (Act.RESCAN, Act.START_PROFILE, Act.RESTART_PROFILE):
            self._read(wanted, how=How.RESCAN)
        if step.act not in (Act.KILL_GATEWAY, Act.FLUSH, Act.RELOAD_QUEUE):
            self._read(wanted, how=How.RELOAD_XML)

    def _adds(self, profile: str, wanted: Wanted) -> None:
        for each in wanted.gateways.values():
            if each.profile == profile and self.gateways.get(each.name, ("",))[0] != profile:
                self._add(each.name, each.fingerprint, profile)

    def _add(self, name: str, mark: str, profile: str) -> None:
        if name in self.gateways:
            self.twice.add(name)
        self.gateways[name] = (profile, mark)

    def _read(self, wanted: Wanted, *, how: How, module: str | None = None) -> None:
        for name in self.documents.keys() | wanted.documents.keys():
            by = way(name)
            if by.how is not how and (module is None or by.module != module):
                continue
            self.documents.pop(name, None)
            if name in wanted.documents and (by.module is None or by.module in self.modules):
                self.documents[name] = wanted.documents[name].digest
            assert not name.endswith(REST)
