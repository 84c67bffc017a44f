"""How often one source may be wrong.

Each source has a bucket of wrong attempts that fills up again with time. What is right is never
counted, and never asked here.
"""

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable

from api.sources import read

# Sources remembered at once; the one longest not heard of goes first.
MOST_SOURCES = 10_000
# A site, and many a single host, owns 2**64 addresses.
_IPV6_SITE = 64


class Throttle:
    """`burst` wrong attempts at once for each source, and `per_minute` more with time."""

    def __init__(
        self,
        burst: int,
        per_minute: float,
        *,
        most: int = MOST_SOURCES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._burst = burst
        self._rate = per_minute / 60
        self._most = most
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._left)

    def wrong(self, source: str) -> float:
        """Count a wrong attempt; gives the seconds till the next may be made, 0.0 for now."""
        now, site = self._clock(), site_of(source)
        left, since = self._left.pop(site, (float(self._burst), now))
        left = min(self._burst, left + (now - since) * self._rate)
        wait = 0.0
        if left >= 1:
            left -= 1
        else:
            wait = (1 - left) / self._rate
        self._left[site] = (left, now)
        if len(self._left) > self._most:
            self._left.popitem(last=False)
        return wait


def site_of(source: str) -> str:
    """Name the site that an address belongs to: itself for IPv4, its /64 for IPv6."""
    address = read(source)
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, _IPV6_SITE), strict=False))
    return source if address is None else str(address)
