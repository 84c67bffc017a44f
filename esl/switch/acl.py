"""Network lists: ``reloadacl`` and ``acl ADDRESS LIST`` (switch_core.c, switch_load_network_lists)."""

import asyncio
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from lxml import etree

from esl.switch.core import Core
from esl.switch.events import Caller
from esl.switch.lookup import Question

_LOAD = Caller("switch_core.c", "switch_load_network_lists", 1638)

_AUTOMATIC = {
    "loopback.auto": ("127.0.0.0/8", "::1/128"),
    "localnet.auto": ("127.0.0.0/8",),
    "rfc1918.auto": ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fe80::/10"),
    "rfc6598.auto": ("100.64.0.0/10",),
    "nat.auto": ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fe80::/10"),
    "any_v4.auto": ("0.0.0.0/0",),
    "any_v6.auto": ("::/0",),
}


@dataclass(slots=True)
class _List:
    allows: bool
    nodes: list[tuple[IPv4Network | IPv6Network, bool]] = field(default_factory=list)

    def lets_in(self, address: str) -> bool:
        """The longest prefix decides; of equal ones the first."""
        given, verdict, longest = ip_address(address), self.allows, -1
        for network, allowed in self.nodes:
            if given in network and network.prefixlen > longest:
                verdict, longest = allowed, network.prefixlen
        return verdict

    def add(self, cidr: str, allowed: bool) -> None:
        """An entry that is no network is left out, as FreeSWITCH does with an error in its log."""
        try:
            self.nodes.append((ip_network(cidr.strip(), strict=False), allowed))
        except ValueError:
            return


class Acls:
    """The lists. While they are loaded, everybody who asks waits: the core's mutex is held."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._lists: dict[str, _List] = {}
        self._mutex = asyncio.Lock()

    async def load(self) -> None:
        """Empties every list, then asks for acl.conf and for each domain's users."""
        async with self._mutex:
            self._lists = {}
            for name, networks in _AUTOMATIC.items():
                made = self._lists[name] = _List(False)
                for network in networks:
                    made.add(network, True)
            config = await self._core.locate(Question("configuration", "configuration", "name", "acl.conf"))
            if config is None:
                return
            for element in config.iterfind("network-lists/list"):
                await self._load(element)

    async def _load(self, element: etree._Element) -> None:
        made = _List(element.get("default", "").lower() in ("allow", "true", "yes"))
        self._lists.setdefault(element.get("name", ""), made)
        for node in element.iterfind("node"):
            allowed = node.get("type", "").lower() in ("allow", "true", "yes")
            if (domain := node.get("domain")) is not None:
                await self._load_domain(made, domain, allowed)
            elif (cidr := node.get("cidr")) is not None:
                for each in cidr.split(","):
                    made.add(each, allowed)
            elif (host := node.get("host")) is not None:
                made.add(f"{host}/{node.get('mask', '255.255.255.255')}", allowed)

    async def _load_domain(self, made: _List, domain: str, allowed: bool) -> None:
        told = (("domain", domain), ("purpose", "network-list"))
        question = Question("directory", "domain", "name", domain, told)
        found = await self._core.locate(question, _LOAD, "GENERAL")
        if found is None:
            return
        for user in found.iter("user"):
            for cidr in (user.get("cidr") or "").split(","):
                if cidr:
                    made.add(cidr, allowed)

    async def check(self, address: str, name: str) -> bool:
        """Whether a list lets an address in. A name with a slash is a network; an unknown list is closed."""
        async with self._mutex:
            try:
                if name in self._lists:
                    return self._lists[name].lets_in(address)
                if "/" in name:
                    return any(
                        ip_address(address) in ip_network(each, strict=False) for each in name.split(",")
                    )
            except ValueError:
                return False
            return False
