"""Where a request comes from: networks, and what trusted proxies say of those behind them."""

import ipaddress
from collections.abc import Iterable, Sequence

from starlette.types import ASGIApp, Receive, Scope, Send

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Networks:
    """A list of CIDRs that an address may be in."""

    def __init__(self, cidrs: Iterable[str]) -> None:
        self._networks = tuple(ipaddress.ip_network(cidr, strict=False) for cidr in cidrs)

    def __contains__(self, source: str) -> bool:
        address = read(source)
        return address is not None and any(address in network for network in self._networks)


def read(text: str) -> Address | None:
    """Read an address; an IPv4 one that came over an IPv6 socket is the IPv4 one. None for what is none."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def original(peer: str, forwarded: Sequence[str], trusted: Networks) -> str:
    """Give the address that the nearest party whom we do not trust speaks from.

    `forwarded`: the values of X-Forwarded-For in the order of the headers. Each proxy adds whom it hears
    at the right, so what stands left of an address that is not trusted is that party's own claim.
    """
    said = [hop for value in forwarded for hop in value.split(",")]
    source = peer
    while source in trusted and said:
        address = read(_bare(said.pop()))
        if address is None:
            break
        source = str(address)
    return source


def _bare(hop: str) -> str:
    """An address without the port that some proxies write beside it."""
    hop = hop.strip()
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop


class Proxied:
    """Lets `app` see, as client and scheme, what trusted proxies say they are."""

    def __init__(self, app: ASGIApp, trusted: Networks) -> None:
        self._app = app
        self._trusted = trusted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        client = scope.get("client")
        if client is not None and client[0] in self._trusted:
            headers: list[tuple[bytes, bytes]] = scope["headers"]
            hops = [value.decode("latin-1") for name, value in headers if name == b"x-forwarded-for"]
            schemes = [value for name, value in headers if name == b"x-forwarded-proto"]
            scope["client"] = (original(client[0], hops, self._trusted), 0)
            # The nearest proxy's word; what stands before it may be its caller's.
            scheme = schemes[-1].rpartition(b",")[2].strip().lower() if schemes else b""
            if scheme in (b"http", b"https"):
                scope["scheme"] = scheme.decode()
        await self._app(scope, receive, send)
