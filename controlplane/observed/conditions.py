"""How a node is doing, told honestly: whether we reach it, and apart from that whether it is in sync."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from controlplane.desired.values import NodeMode
from esl.link import Link, LinkState


def _none() -> Mapping[str, str]:
    return {}


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
class NodeStatus:
    """One node now.

    `desired_revision`: the last one that concerned it; `attempted_revision`: the one that the last push
    went by; `applied_revision`: up to which everything was seen on it. `observed_at`: when it was last
    read whole. `in_sync` is None when that cannot be told: `why` says so in a sentence. `held`: what
    waits for a restart, and why.
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


@dataclass(frozen=True, slots=True)
class Progress:
    """What is kept of a node's way from revision to revision."""

    desired_revision: int = 0
    attempted_revision: int = 0
    applied_revision: int = 0
    observed_at: datetime | None = None


def status(
    node: str,
    mode: NodeMode,
    link: Link | None,
    catalog_revision: int,
    progress: Progress,
    pushes: Sequence[OpenPush],
    held: Mapping[str, str],
    drifting: Sequence[str],
) -> NodeStatus:
    """Put together; `drifting`: the reasons of the standing findings by which it is not in sync."""
    in_sync, why = _in_sync(mode, link, progress, pushes, held, drifting)
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
        applied_revision=progress.applied_revision,
        observed_at=progress.observed_at,
        in_sync=in_sync,
        why=why,
        pushes=tuple(pushes),
        held=held,
        findings=len(drifting),
    )


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
        if link is None or link.state is not LinkState.UP:
            away = link.reason if link is not None and link.reason else "not connected"
            return False, f"a push waits till the node is back: {away}"
        return False, f"a push is {push.state}" + (f": {push.reason}" if push.reason else "")
    if held:
        what, reason = next(iter(sorted(held.items())))
        return False, f"{what} waits for a restart: {reason}"
    if drifting:
        return False, drifting[0]
    if link is None or link.state is not LinkState.UP:
        return None, "the node is away"
    if progress.observed_at is None and (mode is NodeMode.OBSERVING or not progress.applied_revision):
        return None, "the node was not compared yet"
    return True, ""
