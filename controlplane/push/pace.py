"""When pushes may begin: at a steady rate, so that lookups are answered fast meanwhile."""


class Pace:
    """Gives turns (the generic cell rate algorithm). Times are a clock's seconds; the clock is the caller's.

    Invariant: in any span of t seconds no more than `rate` * t + `burst` turns begin.
    """

    def __init__(self, rate: float, burst: int) -> None:
        self._interval = 1 / rate
        self._slack = (burst - 1) * self._interval
        self._next = 0.0

    def turn(self, now: float) -> float:
        """Take the next turn, and say in how many seconds it begins."""
        due = max(self._next, now)
        self._next = due + self._interval
        return max(due - self._slack - now, 0.0)
