"""What a node should run, and what it was seen to run: frozen, and free of how either came to be known."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

from controlplane.desired.values import Acl, Params, ProfileDomain


def _none() -> Mapping[Any, Any]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class WantedGateway:
    """A gateway that a node should run, on which profile, and with which fingerprint.

    `by_user`: a directory user declares it, so that only a rescan of the profile adds it
    (`startgw` reads sofia.conf alone).
    """

    name: str
    profile: str
    fingerprint: str
    by_user: bool = False


@dataclass(frozen=True, slots=True)
class WantedProfile:
    """A SIP profile that a node should run. `revision`: of its row's last change."""

    name: str
    revision: int
    params: Params = ()
    aliases: tuple[str, ...] = ()
    domains: tuple[ProfileDomain, ...] = ()


@dataclass(frozen=True, slots=True)
class WantedDocument:
    """A configuration document. `queues`: of callcenter.conf, the queues that it holds.

    `revision`: of its row's last change. `digest` covers the whole of it, `rest` what is not a queue.
    """

    name: str
    digest: str
    revision: int = 0
    queues: tuple[str, ...] = ()
    rest: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Everything that one node should run at one revision.

    `acl_revision`: of the last change of a list. `cidrs`: for each domain that an ACL entry names,
    the networks of its users. `guards`: the ACL lists that the node's Event Socket goes by, as far as
    its event_socket.conf is ours. `modules`: those that its modules.conf names, and `needed`: where it
    has none, those that read its documents; each with the document. `variables`: those not sealed.
    """

    node: str
    revision: int
    gateways: Mapping[str, WantedGateway] = field(default_factory=_none)
    profiles: Mapping[str, WantedProfile] = field(default_factory=_none)
    acls: Mapping[str, Acl] = field(default_factory=_none)
    acl_revision: int = 0
    cidrs: Mapping[str, tuple[str, ...]] = field(default_factory=_none)
    documents: Mapping[str, WantedDocument] = field(default_factory=_none)
    guards: tuple[str, ...] = ()
    modules: Mapping[str, str] = field(default_factory=_none)
    needed: Mapping[str, str] = field(default_factory=_none)
    variables: Mapping[str, str] = field(default_factory=_none)


@dataclass(frozen=True, slots=True)
class SeenGateway:
    """A gateway that a node runs. `fingerprint`: None when it carries none, so that we did not make it.

    `copies`: how many gateways of the name the node lists. `state` is FreeSWITCH's word.
    """

    name: str
    profile: str
    state: str
    up: bool
    fingerprint: str | None = None
    copies: int = 1


@dataclass(frozen=True, slots=True)
class SeenProfile:
    """A profile that a node lists; `running` unless it says DOWN. `url`: with address and port."""

    name: str
    running: bool
    state: str = "RUNNING"
    url: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """What was read from a node at one moment.

    `gateways` and `profiles` hold what is there. What was not asked for is not known:
    `asked_gateways` and `asked_profiles` name what was, None meaning all. `modules`: of those asked
    for, whether they are loaded. `phones`: of users asked for, the profiles with which they are registered.
    """

    node: str
    at: datetime
    gateways: Mapping[str, SeenGateway] = field(default_factory=_none)
    profiles: Mapping[str, SeenProfile] = field(default_factory=_none)
    asked_gateways: frozenset[str] | None = None
    asked_profiles: frozenset[str] | None = None
    modules: Mapping[str, bool] = field(default_factory=_none)
    phones: Mapping[str, frozenset[str]] = field(default_factory=_none)
