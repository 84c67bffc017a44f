"""How pushes are timed, and what becomes of one that failed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from controlplane.answers.errors import Unanswerable
from controlplane.desired.windows import Window
from controlplane.observed.errors import ObservedError
from controlplane.push.errors import (
    NotAnswering,
    NotReady,
    NotRenderable,
    NotSeen,
    PushError,
    Refused,
    TooOften,
)
from controlplane.store.errors import StoreError
from esl.errors import (
    CommandFailed,
    CommandRejected,
    CommandTimeout,
    ConnectionLost,
    EventSocketError,
    NotConnected,
    TooSoon,
)

Backoff: TypeAlias = Callable[[float, float, float], Iterator[float]]
"""`(shortest, longest, jitter) -> delays`, without end."""


@dataclass(frozen=True, slots=True)
class PushPolicy:
    """Times in seconds. The waits on a node are FreeSWITCH's own times with some to spare."""

    debounce: float = 0.2
    """Edits that follow each other closer than this go out together ..."""
    debounce_most: float = 1.0
    """... but the first of them waits no longer than this."""
    at_once: int = 64
    """Nodes that are pushed to at the same time ..."""
    patience: float = 5.0
    """... without those that take longer than this: they are waited for, and keep nobody busy."""
    begun_per_second: float = 120.0
    """Pushes begun: each makes its node ask us, and other lookups want their answers meanwhile."""
    begun_at_once: int = 4
    attempts: int = 6
    """After so many failures that time alone does not cure, a push stalls."""
    backoff_min: float = 1.0
    backoff_max: float = 60.0
    jitter: float = 0.3
    deadline: float = 120.0
    """For one push to one node."""
    gone_timeout: float = 20.0
    """For a killed gateway to go: 1.2 to 1.7 s when it registers."""
    gone_poll: float = 2.5
    """After so long without word of it the node is asked."""
    up_timeout: float = 20.0
    """For a profile to come up: a taken port shows itself after 10 s."""
    restart_timeout: float = 45.0
    """For a profile to be up again: while it goes down it waits for its calls (sofia.c:3481)."""
    when_idle: bool = True
    """What would drop calls goes by itself once there are none."""
    idle_poll: float = 10.0
    """How often nodes on which something is held are asked for their calls."""
    replaced_at_most: int = 30
    """How often one gateway is replaced on one node without a rest ..."""
    replaced_within: float = 3600.0
    """... in so many seconds."""
    seen_timeout: float = 5.0
    """For the effect of a command to show."""
    probe_timeout: float = 10.0
    change_windows: tuple[Window, ...] = ()
    """When pushes to nodes go out that have no windows of their own; none: at any time."""
    linger: float = 0.05
    """How long an outcome waits for others to be written together with it."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a push that failed.

    `stalls`: it is given up at once. `counts`: it is given up after `PushPolicy.attempts` of the
    kind. `after`: how many seconds to wait at least, where the node said so.
    """

    reason: str
    stalls: bool = False
    counts: bool = True
    after: float | None = None


def judge(error: Exception) -> Verdict:
    """Say what an error means for the push; anything not foreseen counts as a failure."""
    match error:
        case TooSoon():
            return Verdict(str(error), counts=False, after=error.wait + 0.5)
        case NotConnected() | ConnectionLost():
            return Verdict(f"the node is away: {error}", counts=False)
        case CommandTimeout() | TimeoutError():
            return Verdict(f"the node did not answer in time: {error}".removesuffix(": "), counts=False)
        case TooOften():
            return Verdict(str(error), counts=False, after=error.wait)
        case NotAnswering() | NotRenderable() | NotReady() | StoreError() | Unanswerable():
            return Verdict(str(error), counts=False)
        case Refused() | CommandRejected():
            return Verdict(str(error), stalls=True)
        case CommandFailed() | NotSeen() | PushError() | ObservedError() | EventSocketError():
            return Verdict(str(error))
        case _:
            return Verdict(f"{type(error).__name__}: {error}"[:500])
