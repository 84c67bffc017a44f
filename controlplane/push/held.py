"""What a plan does not do: for what it waits, and what it would cost."""

from dataclasses import dataclass
from enum import StrEnum


class Wait(StrEnum):
    """For what something is held back."""

    CALLS = "calls"
    """It would drop calls: for none to stand there any more, or for the operator's word."""
    WORD = "word"
    """It would drop calls, and only the operator's word lets it through."""
    RESTART = "restart"
    """Of the node; nobody does it silently."""
    REST = "rest"
    """It changed too often, and waits a while."""
    READY = "ready"
    """Something else on the node has to be in order first."""
    GUARD = "guard"
    """It would do harm, and is not done."""

    @property
    def lasting(self) -> bool:
        """Whether it is held beyond the push, which ends without it."""
        return self in (Wait.CALLS, Wait.WORD, Wait.RESTART)

    @property
    def can_be_let(self) -> bool:
        """Whether the operator's word lets it through."""
        return self in (Wait.CALLS, Wait.WORD)


@dataclass(frozen=True, slots=True)
class Held:
    """What is not done. `what`: such as `profile/internal`, as the applied state names it.

    `command`: what would be sent, when it is a matter of calls.
    """

    wait: Wait
    what: str
    reason: str
    command: str = ""
