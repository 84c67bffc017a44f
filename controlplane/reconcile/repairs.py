"""Which of a node's differences are repaired now. Pure.

What a repair did not help several times is left alone till something changes, and many gateways at
once are not killed before an operator says so.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from controlplane.observed.drift import GATEWAY_REPAIRS, PROFILE_REPAIRS, Drift, Kind
from controlplane.push.findings import Tried
from controlplane.push.touches import Touches
from controlplane.reconcile.policy import ReconcilePolicy

_FIELDS: Mapping[Kind, str] = {
    **dict.fromkeys(GATEWAY_REPAIRS, "gateways"),
    **dict.fromkeys(PROFILE_REPAIRS, "profiles"),
    Kind.ACL_WRONG: "acls",
    Kind.MODULE_MISSING: "modules",
    Kind.MODULE_NEEDED: "modules",
    Kind.VARIABLE_DIFFERS: "variables",
    Kind.REGISTRATION_ORPHAN: "registrations",
}
"""What a push to it mends, by the names of `Touches`. All other kinds are told of only."""

_KILLING = frozenset({Kind.EXTRA, Kind.CHANGED, Kind.WRONG_PROFILE, Kind.UNMANAGED})


_NOTHING = Touches()


def _none() -> Mapping[tuple[str, str], Tried]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class History:
    """What was done to a node so far. `stalled`: what pushes gave up lately; `under_way`: waits or runs.

    `withheld`: what a rollout brings to it when its turn comes, and nothing else does.
    """

    stalled: Touches = _NOTHING
    under_way: Touches = _NOTHING
    withheld: Touches = _NOTHING
    tried: Mapping[tuple[str, str], Tried] = field(default_factory=_none)
    """By kind and name."""


@dataclass(frozen=True, slots=True)
class Repairs:
    """`tried`: how often each was repaired, this time included; `repaired` now, `given_up`, `guarded`.

    `begun`: of `repaired`, those of which no push knows yet.
    """

    touches: Touches = _NOTHING
    repaired: frozenset[Drift] = frozenset()
    tried: Mapping[Drift, Tried] = field(default_factory=dict)
    begun: frozenset[Drift] = frozenset()
    given_up: frozenset[Drift] = frozenset()
    guarded: tuple[Drift, ...] = ()


def touches_of(drifted: Iterable[Drift]) -> Touches:
    """What a push has to look at to mend these."""
    named: dict[str, set[str]] = {}
    for each in drifted:
        if each.kind in _FIELDS:
            named.setdefault(_FIELDS[each.kind], set()).add(each.name)
    return Touches.from_json(named)


def decide(
    drifted: Sequence[Drift],
    history: History,
    policy: ReconcilePolicy,
    *,
    core: str,
    gateways: int,
    allowed: bool,
) -> Repairs:
    """Choose. `core`: the node's process; `gateways`: how many run there; `allowed`: the operator's word."""
    if history.stalled.everything:
        return Repairs()
    left_alone = history.stalled.merge(history.withheld)
    mendable = [each for each in drifted if each.kind in _FIELDS and not _names(left_alone, each)]
    guarded: list[Drift] = []
    if not allowed:
        killed = [each for each in mendable if each.kind in _KILLING]
        if len(killed) > max(policy.wipe_few, policy.wipe_share * gateways):
            guarded = killed
    tried = dict[Drift, Tried]()
    repaired, begun, given_up = set[Drift](), set[Drift](), set[Drift]()
    for each in mendable:
        before = history.tried.get((each.kind.value, each.name))
        known = Tried(0, mark(each, core))
        if before is not None and before.mark == known.mark:
            known = before
        if each in guarded:
            continue
        if known.times >= policy.attempts:
            given_up.add(each)
        else:
            repaired.add(each)
            if not _names(history.under_way, each):
                known = Tried(known.times + 1, known.mark)
                begun.add(each)
        tried[each] = known
    return Repairs(
        touches_of(repaired),
        frozenset(repaired),
        tried,
        frozenset(begun),
        frozenset(given_up),
        tuple(guarded),
    )


def mark(drift: Drift, core: str) -> str:
    """Another text when the node was started anew, or something else is wanted."""
    told = "\0".join((core, drift.kind.value, drift.wanted))
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def _names(touches: Touches, drift: Drift) -> bool:
    held: frozenset[str] = getattr(touches, _FIELDS[drift.kind])
    return touches.everything or drift.name in held
