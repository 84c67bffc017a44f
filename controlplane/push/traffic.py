"""What stands in the way of a step that drops calls: asked of the node right before it would be done."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from controlplane.push.ports import Nodes
from controlplane.push.receipts import variable
from esl.commands import Command
from esl.errors import EventSocketError
from esl.queries import GlobalVariable, Profiles, Sessions

PROFILE = "profile/"
MODULE = "module/"


def _none() -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True, slots=True)
class Traffic:
    """Legs of calls, on the whole node and by SIP profile; and the node's receipts, by what they are for."""

    sessions: int = 0
    profiles: Mapping[str, int] = field(default_factory=_none)
    receipts: Mapping[str, str | None] = field(default_factory=_none)

    def calls(self, what: str) -> int:
        """How many may be dropped: a profile's own; by a module whichever there are."""
        if what.startswith(PROFILE):
            return self.profiles.get(what.removeprefix(PROFILE), 0)
        return self.sessions


async def ask(nodes: Nodes, node: str, whats: Collection[str]) -> Traffic:
    """Ask for all of it in one crossing; raises the EventSocketError of the first that failed."""
    names = sorted(whats)
    commands: list[Command[Any]] = [Sessions(), *(GlobalVariable(variable(name)) for name in names)]
    if any(name.startswith(PROFILE) for name in names):
        commands.append(Profiles())
    outcomes = await nodes.run_many(node, commands)
    for outcome in outcomes:
        if isinstance(outcome, EventSocketError):
            raise outcome
    sessions, said, listed = outcomes[0], outcomes[1 : len(names) + 1], outcomes[len(names) + 1 :]
    return Traffic(
        sessions,
        {each.name: each.calls for profiles in listed for each in profiles},
        dict(zip(names, said, strict=True)),
    )
