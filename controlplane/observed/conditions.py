"""What can be said of a node, each with a reason and since when. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any


class Name(StrEnum):
    """Of what is said whether it is so."""

    CONNECTED = "Connected"
    """Our Event Socket connection to it is up."""
    ANSWERING = "Answering"
    """It fetches from us, and shows what it got."""
    IN_SYNC = "InSync"
    """It runs what it should; says nothing of how it fares with it."""
    RECONCILING = "Reconciling"
    """Something is on its way to it."""
    STALLED = "Stalled"
    """Something on its way to it was given up."""
    SUSPENDED = "Suspended"
    """Nothing is sent to it, by an operator's word."""


@dataclass(frozen=True, slots=True)
class Condition:
    """`status`: whether it is so, None when that cannot be told. `since`: when that became so."""

    name: Name
    status: bool | None
    reason: str = ""
    since: datetime | None = None


Kept = Mapping[Name, tuple[bool | None, datetime]]
"""By condition its last status, and since when."""


def dated(found: Sequence[Condition], kept: Kept, at: datetime) -> tuple[Condition, ...]:
    """Say since when: as it was known before, or from `at` on where the status is another one now."""
    return tuple(replace(each, since=_since(each, kept, at)) for each in found)


def keep(conditions: Sequence[Condition]) -> dict[str, Any]:
    """Write them as JSON, as far as they are to be known after a restart."""
    return {
        each.name.value: [each.status, each.since.isoformat()]
        for each in conditions
        if each.since is not None
    }


def kept(json: Mapping[str, Any]) -> Kept:
    """Read what `keep` wrote."""
    return {Name(name): (status, datetime.fromisoformat(since)) for name, (status, since) in json.items()}


def _since(found: Condition, kept: Kept, at: datetime) -> datetime:
    if found.since is not None:
        return found.since
    before = kept.get(found.name)
    return before[1] if before is not None and before[0] is found.status else at
