"""Gateways that are replaced too often: what FreeSWITCH held of a killed one stays with its profile.

Its memory is the profile's, and returns only when that restarts. So one that changes all the time rests
for a while; what is changed meanwhile is brought to the node together, at the end.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping


class Flapping:
    """Counts what was killed, by node and gateway, in this life of the daemon.

    `limit`: so many within `within` seconds are taken without a rest. `clock()`: seconds, never going back.
    """

    def __init__(self, limit: int, within: float, clock: Callable[[], float]) -> None:
        self._limit = limit
        self._within = within
        self._clock = clock
        self._killed: dict[str, dict[str, deque[float]]] = {}

    def killed(self, node: str, gateways: Iterable[str]) -> None:
        """These were killed on the node, now."""
        now, known = self._clock(), self._killed.setdefault(node, {})
        for name in gateways:
            known.setdefault(name, deque(maxlen=self._limit)).append(now)

    def restarted(self, node: str) -> None:
        """The node holds nothing of what was before."""
        self._killed.pop(node, None)

    def resting(self, node: str) -> Mapping[str, float]:
        """The gateways that are to rest, and for how many seconds yet."""
        now, known = self._clock(), self._killed.get(node, {})
        for name in [name for name, times in known.items() if times[-1] + self._within <= now]:
            del known[name]
        left = {
            name: times[0] + self._within - now for name, times in known.items() if len(times) == self._limit
        }
        return {name: seconds for name, seconds in left.items() if seconds > 0}
