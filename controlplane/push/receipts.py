"""What a node itself remembers of a step that must not be done twice.

Whether a profile was restarted or a module reloaded cannot be read back from FreeSWITCH: neither shows
since when it runs. So before such a step a core variable says for what it is begun, and after it that it
was done. Whoever takes the push up again, be it after `kill -9`, finds there what became of it; the
variable is gone together with the process that it is about.
"""

import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from esl.commands import SetVariable

_UNFIT = re.compile(r"[^\w.\-]", re.ASCII)


class Stage(StrEnum):
    """How far the step is known to be."""

    NEVER = "never"
    """Not begun, as far as this process of the node knows."""
    BEGUN = "begun"
    """Begun; whether it was done is not known."""
    DONE = "done"
    FAILED = "failed"
    """The node said no; a module may be unloaded now."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """Of one step. `what`: such as `profile/internal`; `mark`: a digest of what it brings there."""

    what: str
    mark: str

    @classmethod
    def of(cls, what: str, brings: Mapping[str, str]) -> "Receipt":
        """For what is brought, by name."""
        text = "\n".join((what, *(f"{name}={value}" for name, value in sorted(brings.items()))))
        return cls(what, hashlib.sha256(text.encode()).hexdigest()[:32])

    def token(self) -> str:
        """For doing it once: each time another."""
        return f"{self.mark}.{secrets.token_hex(4)}"

    def stage(self, said: str | None, accounted: str | None) -> Stage:
        """What the node says of this step; of another one, and of one that is `accounted` for, NEVER."""
        token, stage = read(said)
        about_it = token != accounted and token.partition(".")[0] == self.mark
        return stage if about_it else Stage.NEVER


def writing(what: str, token: str, stage: Stage) -> SetVariable:
    """The command that has the node remember."""
    return SetVariable(variable(what), f"{token}:{stage.value}")


def read(said: str | None) -> tuple[str, Stage]:
    """Token and stage out of what the node says; an empty token when it says nothing."""
    token, _, stage = (said or "").partition(":")
    return (token, Stage(stage)) if stage in set(Stage) else ("", Stage.NEVER)


def variable(what: str) -> str:
    """The core variable that tells of it. Where names differ in signs alone, marks keep them apart."""
    return f"controlplane_done_{_UNFIT.sub('_', what)}"
