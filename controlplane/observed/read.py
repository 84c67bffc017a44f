"""Reading what a node runs, through the fleet: whole or not at all.

A list that lacks something is no proof: an empty one is also what a node says that is not
ready, or a reply cut short. So what is expected and not listed is asked for by its name, and
only the node's plain "Invalid Gateway!" or "Invalid Profile!" counts as its absence.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from controlplane.observed.errors import Unreadable
from controlplane.observed.values import Seen, SeenGateway, SeenProfile
from esl.commands import Command
from esl.errors import EventSocketError
from esl.queries import (
    GatewayStatuses,
    GatewayStatusOf,
    GatewayVariable,
    ModuleExists,
    Profiles,
    ProfileStatusOf,
)
from esl.status import GatewayStatus, ProfileStatus, ProfileSummary

FINGERPRINT = "controlplane_fingerprint"
"""The inbound variable by which a gateway is known as ours."""

_GOING = frozenset({"UNREGISTER", "DOWN"})
"""States of a killed gateway on its way out; beside its successor it is no second copy."""


class Asks(Protocol):
    """The part of the fleet that is used here."""

    async def run_many(self, node: str, commands: Sequence[Command[Any]]) -> list[Any]:
        """Run commands in order; where one failed, an EventSocketError stands for its outcome."""


async def read_some(
    fleet: Asks,
    node: str,
    gateways: Collection[str],
    profiles: Collection[str],
    modules: Collection[str] = (),
) -> Seen:
    """Read these gateways, with their fingerprints, and these profiles: one crossing to the node.

    `modules`: of which it is asked whether they are loaded. Raises the EventSocketError of the first
    command that failed, and Unreadable when the answers contradict each other, as when a gateway
    went between two of them.
    """
    wanted, chosen, asked = sorted(gateways), sorted(profiles), sorted(modules)
    commands: list[Command[Any]] = [ModuleExists(name) for name in asked]
    commands += [ProfileStatusOf(name) for name in chosen]
    for name in wanted:
        commands += [GatewayStatusOf(name), GatewayVariable(name, FINGERPRINT)]
    outcomes = await ask_all(fleet, node, commands)
    loaded = dict(zip(asked, outcomes, strict=False))
    outcomes = outcomes[len(asked) :]
    return Seen(
        node,
        datetime.now(UTC),
        _asked(wanted, outcomes[len(chosen) :]),
        _statuses(chosen, outcomes[: len(chosen)]),
        frozenset(wanted),
        frozenset(chosen),
        loaded,
    )


async def read_all(
    fleet: Asks,
    node: str,
    *,
    gateways: Iterable[str] = (),
    profiles: Iterable[str] = (),
    modules: Iterable[str] = (),
) -> Seen:
    """Read every gateway and profile of a node: two or three crossings.

    `gateways` and `profiles` are those expected there. Raises as `read_some`.
    """
    summaries, listed = await ask_all(fleet, node, [Profiles(), GatewayStatuses()])
    seen_profiles = _summaries(summaries)
    copies = Counter({status.name: 0 for status in listed})
    copies.update(status.name for status in listed if status.state not in _GOING)
    lost_gateways = sorted(set(gateways).difference(copies))
    lost_profiles = sorted(set(profiles).difference(seen_profiles))
    named = list(copies)
    confirming: list[Command[Any]] = [GatewayVariable(name, FINGERPRINT) for name in named]
    confirming += [GatewayStatusOf(name) for name in lost_gateways]
    confirming += [ProfileStatusOf(name) for name in lost_profiles]
    asked = sorted(modules)
    confirming += [ModuleExists(name) for name in asked]
    outcomes = await ask_all(fleet, node, confirming)
    marks = dict(zip(named, outcomes, strict=False))
    _absent("gateway", lost_gateways, outcomes[len(named) :])
    _absent("profile", lost_profiles, outcomes[len(named) + len(lost_gateways) :])
    loaded = dict(zip(asked, outcomes[len(outcomes) - len(asked) :], strict=True))

    # A killed gateway stays listed until it is deleted, but is found by its name no more.
    unmarked = [name for name in named if not marks[name]]
    alive = await ask_all(fleet, node, [GatewayStatusOf(name) for name in unmarked])
    dying = {name for name, status in zip(unmarked, alive, strict=True) if status is None}
    seen_gateways: dict[str, SeenGateway] = {}
    for status in listed:
        # The list begins with the newest (sofia_reg.c, sofia_reg_add_gateway).
        if status.name not in dying and status.name not in seen_gateways:
            seen_gateways[status.name] = _gateway(status, marks[status.name], copies[status.name])
    return Seen(node, datetime.now(UTC), seen_gateways, seen_profiles, modules=loaded)


async def read_profiles(fleet: Asks, node: str, profiles: Collection[str]) -> Seen:
    """Read every profile of a node, and no gateway. `profiles`: those expected. Raises as `read_some`."""
    [summaries] = await ask_all(fleet, node, [Profiles()])
    seen = _summaries(summaries)
    lost = sorted(set(profiles).difference(seen))
    _absent("profile", lost, await ask_all(fleet, node, [ProfileStatusOf(name) for name in lost]))
    return Seen(node, datetime.now(UTC), {}, seen, asked_gateways=frozenset())


async def ask_all(fleet: Asks, node: str, commands: Sequence[Command[Any]]) -> list[Any]:
    """Run them all; raises the EventSocketError of the first that failed."""
    outcomes = await fleet.run_many(node, commands) if commands else []
    for outcome in outcomes:
        if isinstance(outcome, EventSocketError):
            raise outcome
    return outcomes


def _absent(kind: str, names: Sequence[str], outcomes: Sequence[Any]) -> None:
    for name, status in zip(names, outcomes, strict=False):
        if status is not None:
            raise Unreadable(f"{kind} {name}: not listed, and yet the node has it")


def _asked(names: Sequence[str], outcomes: Sequence[Any]) -> dict[str, SeenGateway]:
    seen = {}
    for index, name in enumerate(names):
        status, mark = outcomes[2 * index], outcomes[2 * index + 1]
        if status is None and mark:
            raise Unreadable(f"gateway {name}: unknown, and yet it has a fingerprint")
        if status is not None:
            if status.name != name:
                raise Unreadable(f"gateway {name}: the node told of {status.name}")
            seen[name] = _gateway(status, mark, 1)
    return seen


def _gateway(status: GatewayStatus, mark: str | None, copies: int) -> SeenGateway:
    return SeenGateway(status.name, status.profile, status.state, status.up, mark or None, copies)


def _summaries(summaries: Sequence[ProfileSummary]) -> dict[str, SeenProfile]:
    return {found.name: SeenProfile(found.name, found.running, found.state, found.url) for found in summaries}


def _statuses(names: Sequence[str], outcomes: Sequence[ProfileStatus | None]) -> dict[str, SeenProfile]:
    seen = {}
    for name, status in zip(names, outcomes, strict=True):
        if status is not None:
            if status.name != name:
                raise Unreadable(f"profile {name}: the node told of {status.name}")
            seen[name] = SeenProfile(name, True, url=status.url)
    return seen
