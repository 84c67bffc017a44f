"""How a node is doing, told honestly: whether we reach it, and apart from that whether it is in sync."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from controlplane.desired.values import NodeMode
from controlplane.observed.conditions import Condition, Kept, Name, dated
from esl.link import Link, LinkState


def _none() -> Mapping[Any, Any]:
    return {}


class Health(StrEnum):
    """How a node fares, whatever it should run."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    """It is reached, but something on it does not work."""
    UNREACHABLE = "unreachable"
    UNKNOWN = "unknown"
    """It is reached, and not yet known to work."""


@dataclass(frozen=True, slots=True)
class Proof:
    """The last time that a node was asked to show that it can fetch from us.

    `reason`: why it did not; empty when it did. `answered_at` and `round_trip`, in seconds, are of the
    last time that it did.
    """

    at: datetime
    reason: str = ""
    answered_at: datetime | None = None
    round_trip: float | None = None


class Suspended(Protocol):
    """By whose word, and since when, a node is sent nothing."""

    @property
    def reason(self) -> str:
        """As it was given."""

    @property
    def since(self) -> datetime:
        """In UTC."""


@dataclass(frozen=True, slots=True)
class OpenPush:
    """A push of the node that waits, runs, or stalled. `state`: its word."""

    id: int
    state: str
    revision: int
    reason: str
    attempts: int
    not_before: datetime | None


@dataclass(frozen=True, slots=True)
class Withheld:
    """What a rollout does not bring to the node before its turn: of which revision, and why not now."""

    rollout: int
    revision: int
    reason: str


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """One node now.

    `desired_revision`: the last one that concerned it; `attempted_revision`: the one that the last push
    went by; `applied_revision`: up to which everything was seen on it. `observed_at`: when it was last
    read whole. `in_sync` is None when that cannot be told: `why` says so in a sentence. `held`: what
    is held back, and why. `answered_at`: when it last showed that it can fetch from us, and
    `round_trip`: how many seconds that took.
    """

    node: str
    mode: NodeMode
    link: LinkState
    link_since: datetime | None
    link_reason: str
    core_uuid: str | None
    version: str | None
    own_address: str | None
    catalog_revision: int
    desired_revision: int
    attempted_revision: int
    applied_revision: int
    observed_at: datetime | None
    in_sync: bool | None
    why: str
    pushes: tuple[OpenPush, ...] = ()
    held: Mapping[str, str] = field(default_factory=_none)
    findings: int = 0
    conditions: tuple[Condition, ...] = ()
    health: Health = Health.UNKNOWN
    ails: str = ""
    answered_at: datetime | None = None
    round_trip: float | None = None
    withheld: tuple[Withheld, ...] = ()


@dataclass(frozen=True, slots=True)
class Progress:
    """What is kept of a node's way from revision to revision, and of what was said of it."""

    desired_revision: int = 0
    attempted_revision: int = 0
    applied_revision: int = 0
    observed_at: datetime | None = None
    answered_at: datetime | None = None
    round_trip: float | None = None
    conditions: Kept = field(default_factory=_none)
    core_uuid: str | None = None
    """Of the process that all of this is about."""


def status(
    node: str,
    mode: NodeMode,
    link: Link | None,
    catalog_revision: int,
    progress: Progress,
    pushes: Sequence[OpenPush],
    held: Mapping[str, str],
    drifting: Sequence[str],
    *,
    now: datetime,
    proof: Proof | None = None,
    suspended: Suspended | None = None,
    ailing: str = "",
    withheld: Sequence[Withheld] = (),
) -> NodeStatus:
    """Put together; `drifting`: the reasons of the standing findings by which it is not in sync.

    `proof`: the last one that this daemon asked for. `suspended`: None when it is not. `ailing`: what
    of it is known not to work.
    """
    in_sync, why = _in_sync(mode, link, progress, pushes, held, drifting)
    if withheld and not pushes:
        in_sync, why = False, _till_its_turn(link, withheld[0])
    found = (
        _connected(link),
        _answering(link, proof),
        Condition(Name.IN_SYNC, in_sync, why),
        _reconciling(link, pushes, withheld),
        _stalled(pushes),
        _suspended(suspended),
    )
    health, ails = _health(found, ailing)
    answered = proof if proof is not None and proof.answered_at is not None else progress
    return NodeStatus(
        node=node,
        mode=mode,
        link=link.state if link is not None else LinkState.DOWN,
        link_since=link.since if link is not None else None,
        link_reason=link.reason if link is not None else "not held",
        core_uuid=link.core_uuid if link is not None else None,
        version=link.version if link is not None else None,
        own_address=link.own_address if link is not None else None,
        catalog_revision=catalog_revision,
        desired_revision=progress.desired_revision,
        attempted_revision=progress.attempted_revision,
        applied_revision=min([progress.applied_revision, *(each.revision - 1 for each in withheld)]),
        observed_at=progress.observed_at,
        in_sync=in_sync,
        why=why,
        pushes=tuple(pushes),
        held=held,
        findings=len(drifting),
        conditions=dated(found, progress.conditions, now),
        health=health,
        ails=ails,
        answered_at=answered.answered_at,
        round_trip=answered.round_trip,
        withheld=tuple(withheld),
    )


def _connected(link: Link | None) -> Condition:
    if link is None:
        return Condition(Name.CONNECTED, False, "not held")
    known = None if link.state is LinkState.CONNECTING else link.state is LinkState.UP
    reason = link.reason or ("connecting" if known is None else "")
    return Condition(Name.CONNECTED, known, reason, link.since)


def _answering(link: Link | None, proof: Proof | None) -> Condition:
    if link is None or link.state is not LinkState.UP:
        return Condition(Name.ANSWERING, None, "the node is away")
    if proof is None or proof.at < link.since:
        return Condition(Name.ANSWERING, None, "the node was not asked yet")
    return Condition(Name.ANSWERING, not proof.reason, proof.reason)


def _reconciling(link: Link | None, pushes: Sequence[OpenPush], withheld: Sequence[Withheld]) -> Condition:
    for push in pushes:
        if push.state != "stalled":
            return Condition(Name.RECONCILING, True, _on_its_way(link, push))
    for each in withheld:
        return Condition(Name.RECONCILING, True, _till_its_turn(link, each))
    return Condition(Name.RECONCILING, False)


def _stalled(pushes: Sequence[OpenPush]) -> Condition:
    for push in pushes:
        if push.state == "stalled":
            return Condition(Name.STALLED, True, push.reason)
    return Condition(Name.STALLED, False)


def _suspended(suspended: Suspended | None) -> Condition:
    if suspended is None:
        return Condition(Name.SUSPENDED, False)
    return Condition(Name.SUSPENDED, True, suspended.reason, suspended.since)


def _health(conditions: Sequence[Condition], ailing: str) -> tuple[Health, str]:
    """Judge by how the node fares alone: what waits to be pushed to it is no illness."""
    said = {each.name: each for each in conditions}
    connected, answering = said[Name.CONNECTED], said[Name.ANSWERING]
    if connected.status is False:
        return Health.UNREACHABLE, connected.reason
    if connected.status is None:
        return Health.UNKNOWN, connected.reason
    if answering.status is False:
        return Health.DEGRADED, answering.reason
    if answering.status is None:
        return Health.UNKNOWN, answering.reason
    return (Health.DEGRADED, ailing) if ailing else (Health.HEALTHY, "")


def _in_sync(
    mode: NodeMode,
    link: Link | None,
    progress: Progress,
    pushes: Sequence[OpenPush],
    held: Mapping[str, str],
    drifting: Sequence[str],
) -> tuple[bool | None, str]:
    for push in pushes:
        if push.state == "stalled":
            return False, f"a push stalled: {push.reason}"
    for push in pushes:
        return False, _on_its_way(link, push)
    if held:
        what, reason = next(iter(sorted(held.items())))
        return False, f"{what} is held: {reason}"
    if drifting:
        return False, drifting[0]
    if link is None or link.state is not LinkState.UP:
        return None, "the node is away"
    if progress.observed_at is None and (mode is NodeMode.OBSERVING or not progress.applied_revision):
        return None, "the node was not compared yet"
    if mode is NodeMode.MANAGED and link.core_uuid != progress.core_uuid:
        return None, "the node was not compared since it was started"
    return True, ""


def _till_its_turn(link: Link | None, withheld: Withheld) -> str:
    if link is not None and link.state is LinkState.UP:
        return withheld.reason
    return f"{withheld.reason}; it waits till the node is back: {_away(link)}"


def _away(link: Link | None) -> str:
    return link.reason if link is not None and link.reason else "not connected"


def _on_its_way(link: Link | None, push: OpenPush) -> str:
    if link is None or link.state is not LinkState.UP:
        return f"a push waits till the node is back: {_away(link)}"
    return f"a push is {push.state}" + (f": {push.reason}" if push.reason else "")
