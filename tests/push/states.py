"""What a node should run and does run, shortly written, for the planner's tests."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from controlplane.desired.values import GLOBAL, Acl, AclEntry, Param
from controlplane.observed.values import (
    Seen,
    SeenGateway,
    SeenProfile,
    Wanted,
    WantedDocument,
    WantedGateway,
    WantedProfile,
)
from controlplane.push import settings
from controlplane.push.applied import Applied, acl_digest

AT = datetime(2026, 11, 24, tzinfo=UTC)

EXTERNAL = WantedProfile("external", 1, (Param("sip-port", "5080"), Param("context", "public")))
INTERNAL = WantedProfile("internal", 1, (Param("sip-port", "5060"), Param("context", "default")))
LAN = Acl("lan", GLOBAL, False, (AclEntry(True, "192.0.2.0/24"),))


def gateway(
    name: str, mark: str = "new", profile: str = "external", *, by_user: bool = False
) -> WantedGateway:
    return WantedGateway(name, profile, mark, by_user)


def runs(
    name: str, mark: str | None = "new", profile: str = "external", state: str = "REGED", copies: int = 1
) -> SeenGateway:
    return SeenGateway(name, profile, state, True, mark, copies)


def wanted(
    *gateways: WantedGateway,
    profiles: Iterable[WantedProfile] = (EXTERNAL, INTERNAL),
    acls: Iterable[Acl] = (),
    cidrs: Mapping[str, tuple[str, ...]] | None = None,
    documents: Iterable[WantedDocument] = (),
    guards: tuple[str, ...] = (),
) -> Wanted:
    return Wanted(
        "fs1",
        7,
        {each.name: each for each in gateways},
        {each.name: each for each in profiles},
        {each.name: each for each in acls},
        cidrs=cidrs or {},
        documents={each.name: each for each in documents},
        guards=guards,
    )


def seen(
    *gateways: SeenGateway,
    profiles: Iterable[str] = ("external", "internal"),
    modules: Iterable[str] = (),
) -> Seen:
    return Seen(
        "fs1",
        AT,
        {each.name: each for each in gateways},
        {name: SeenProfile(name, True) for name in profiles},
        modules=dict.fromkeys(modules, True),
    )


def applied(should: Wanted) -> Applied:
    """Everything that cannot be read back is known to be in force."""
    documents = {name: each.digest for name, each in should.documents.items()}
    documents |= {f"{name}/rest": each.rest for name, each in should.documents.items() if each.rest}
    return Applied(
        {name: settings.in_force(each) for name, each in should.profiles.items()},
        documents,
        acl_digest(should.acls, should.cidrs),
    )
