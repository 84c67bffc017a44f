"""How many pushes may begin now: a steady rate, so that lookups are answered fast meanwhile."""


class Pace:
    """A token bucket. Times are a clock's seconds; the clock is the caller's.

    Invariant: in any span of t seconds no more than `rate` * t + `burst` are taken.
    """

    def __init__(self, rate: float, burst: int) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = float(burst)
        self._at = 0.0

    def allowed(self, now: float) -> int:
        """How many may begin at this moment."""
        self._tokens = min(self._tokens + (now - self._at) * self._rate, self._burst)
        self._at = now
        return int(self._tokens)

    def take(self, count: int) -> None:
        """So many begin."""
        self._tokens -= count

    def next(self) -> float:
        """When the next one may begin, should none be allowed now."""
        return self._at + (1 - self._tokens) / self._rate
