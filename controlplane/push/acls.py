"""What an ACL list says of an address, computed as FreeSWITCH does. Pure.

The longest prefix decides; of equal ones the entry that stands first, for lists are searched from
their end (switch_utils.c, switch_network_list_validate_ip_port_token: `>=` over a list built in
reverse). IPv4 and IPv6 entries never meet.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias

from controlplane.desired.values import Acl

Cidrs: TypeAlias = Mapping[str, tuple[str, ...]]
"""For each domain the networks of its users."""

_Network: TypeAlias = IPv4Network | IPv6Network
_Address: TypeAlias = IPv4Address | IPv6Address

AUTOMATIC: Mapping[str, tuple[bool, tuple[tuple[bool, str], ...]]] = {
    # switch_core.c, switch_load_network_lists; those that depend on the node's own address are left out
    "loopback.auto": (False, ((True, "127.0.0.0/8"), (True, "::1/128"))),
    "rfc1918.auto": (
        False,
        ((True, "10.0.0.0/8"), (True, "172.16.0.0/12"), (True, "192.168.0.0/16"), (True, "fe80::/10")),
    ),
    "rfc6598.auto": (False, ((True, "100.64.0.0/10"),)),
}
"""Lists that FreeSWITCH makes itself: default, entries."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One address and what the list has to say of it."""

    address: str
    allowed: bool


def allows(acl: Acl, cidrs: Cidrs, address: str) -> bool:
    """Whether the list lets the address in."""
    return _verdict(acl.default_allow, _entries(acl, cidrs), _plain(address))


def samples(acl: Acl, cidrs: Cidrs) -> tuple[Sample, ...]:
    """One address of every entry, and of a domain's entry one of its first user's network."""
    entries = _entries(acl, cidrs)
    chosen: dict[str, Sample] = {}
    for entry in acl.entries:
        networks = [entry.cidr] if entry.cidr is not None else list(cidrs.get(entry.domain or "", ())[:1])
        for network in _networks(networks):
            address = _inside(network)
            chosen[str(address)] = Sample(str(address), _verdict(acl.default_allow, entries, address))
    return tuple(chosen.values())


def refused_by(guards: Iterable[str], acls: Mapping[str, Acl], cidrs: Cidrs, address: str) -> str | None:
    """The first of the lists that would turn the address away; None: every one that is known lets it in.

    Event Socket asks all the lists that it is given (mod_event_socket.c:2677). A name with a slash is
    a network itself, and a name that is no list lets nobody in (switch_core.c,
    switch_check_network_list_ip_port_token).
    """
    plain = _plain(address)
    for name in guards:
        if name in acls:
            allowed = allows(acls[name], cidrs, address)
        elif name in AUTOMATIC:
            default, entries = AUTOMATIC[name]
            allowed = _verdict(default, [(ip_network(cidr), allow) for allow, cidr in entries], plain)
        elif name.endswith(".auto"):
            continue
        else:
            allowed = any(plain in network for network in _networks(name.split(",")))
        if not allowed:
            return name
    return None


def _entries(acl: Acl, cidrs: Cidrs) -> list[tuple[_Network, bool]]:
    entries: list[tuple[_Network, bool]] = []
    for entry in acl.entries:
        texts = (entry.cidr,) if entry.cidr is not None else cidrs.get(entry.domain or "", ())
        entries += [(network, entry.allow) for network in _networks(texts)]
    return entries


def _verdict(default: bool, entries: Iterable[tuple[_Network, bool]], address: _Address) -> bool:
    verdict, longest = default, -1
    for network, allow in entries:
        if network.version == address.version and network.prefixlen > longest and address in network:
            verdict, longest = allow, network.prefixlen
    return verdict


def _networks(texts: Iterable[str]) -> list[_Network]:
    """A user's `cidr` may hold several, separated by commas; what is no network FreeSWITCH skips."""
    networks: list[_Network] = []
    for text in texts:
        for part in text.split(","):
            try:
                networks.append(ip_network(part.strip(), strict=False))
            except ValueError:
                continue
    return networks


def _inside(network: _Network) -> _Address:
    return network[0] if network.num_addresses <= 2 else network[1]


def _plain(address: str) -> _Address:
    """An IPv6 address that maps an IPv4 one is taken as that one."""
    found = ip_address(address.partition("%")[0])
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found
