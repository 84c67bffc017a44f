"""What can be made to go wrong with a switch, while it runs."""

import re
from dataclasses import dataclass, field


@dataclass(slots=True)
class Faults:
    """Set any of these at any time; each takes effect at the next chance.

    They are what a live fleet shows: a node that is not there, that hangs, that dies within a frame,
    whose bytes are damaged, that refuses one command, or that cannot reach its backend.
    """

    refuse: bool = False
    """Close new connections without a greeting."""

    stall: bool = False
    """Accept and read, but answer nothing and send no event, until it is unset."""

    cut: int | None = None
    """After so many bytes of the next reply the connection dies; taken once."""

    garble: bool = False
    """Send the next reply's bytes with their headers damaged; taken once."""

    errors: dict[str, str] = field(default_factory=dict)
    """Regular expression over an api command's line -> what is answered instead of running it."""

    lose: set[str] = field(default_factory=set)
    """Event names or subclasses that are not sent."""

    lookups_blocked: bool = False
    """The backend cannot be reached: every lookup fails as a refused connection does."""

    reload_error: str | None = None
    """What ``reloadxml`` says of a broken file, such as ``[error near line 83]: unclosed tag <document>``."""

    clock_ahead: float = 0.0
    """Seconds by which its clock is ahead of the right time."""

    taken_ports: set[int] = field(default_factory=set)
    """SIP ports that another program holds: a profile there says it started, then fails."""

    slow_stops: bool = False
    """Profiles that stop stay on their way down, as over a call that does not end, until it is unset."""

    def reply_to(self, line: str) -> str | None:
        """The failure to answer this command with, if one is set."""
        for pattern, reply in self.errors.items():
            if re.search(pattern, line):
                return reply
        return None

    def loses(self, name: str, subclass: str | None) -> bool:
        """Whether an event is lost."""
        return name in self.lose or (subclass is not None and subclass in self.lose)
