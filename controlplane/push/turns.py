"""Whose turn it is, and whether a node is again as it was. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from controlplane.strategy import Strategy, Way
from esl.status import GatewayStatus

_WELL = frozenset({"REGED", "NOREG"})


@dataclass(frozen=True, slots=True)
class Candidate:
    """A node whose turn has not come, or is under way (`in_turn`); `groups` are the node's own."""

    node: str
    groups: tuple[str, ...]
    in_turn: bool


def canaries(strategy: Strategy, candidates: Iterable[Candidate]) -> list[Candidate]:
    """Those that go first."""
    return [each for each in candidates if strategy.canary is not None and strategy.canary in each.groups]


def beginners(
    strategy: Strategy, candidates: Sequence[Candidate], busy: Collection[str], *, passed: bool
) -> list[str]:
    """The nodes whose turn begins now. `busy`: groups that have a node in turn, in whichever rollout.

    `passed`: the canaries were found to be well; till then nobody else is given a turn.
    """
    first = canaries(strategy, candidates)
    way = strategy.way
    if strategy.canary is not None and not passed:
        candidates, way = first, Way.ONE_BY_ONE
    waiting = [each for each in candidates if not each.in_turn]
    match way:
        case Way.ALL_AT_ONCE:
            return [each.node for each in waiting]
        case Way.BATCHES:
            under_way = any(each.in_turn for each in candidates)
            return [] if under_way else [each.node for each in waiting[: strategy.size]]
        case Way.ONE_BY_ONE:
            return _one_of_each_group(waiting, set(busy))


def _one_of_each_group(waiting: Iterable[Candidate], busy: set[str]) -> list[str]:
    chosen = []
    for each in waiting:
        groups = set(groups_of(each.groups))
        if not groups & busy:
            busy |= groups
            chosen.append(each.node)
    return chosen


def groups_of(groups: Collection[str]) -> Collection[str]:
    """For turns, the nodes without a group are a group."""
    return groups or ("",)


def remembered(statuses: Mapping[str, GatewayStatus]) -> dict[str, Any]:
    """What is kept of gateways from before, by name."""
    return {
        name: {
            "state": status.state,
            "up": status.up,
            "calls": status.calls_in + status.calls_out,
            "failed": status.failed_in + status.failed_out,
        }
        for name, status in statuses.items()
    }


def unlike(before: Mapping[str, Any], now: Mapping[str, GatewayStatus]) -> str | None:
    """What of the gateways that were well is not so now; one that is no more was to go."""
    for name, was in sorted(before.items()):
        status = now.get(name)
        if status is None or was["state"] not in _WELL:
            continue
        if status.state not in _WELL:
            return f"gateway {name} was {was['state']} and is {status.state}"
        if was["up"] and not status.up:
            return f"gateway {name} was up and is down"
    return None


def failing(
    before: Mapping[str, Any], now: Mapping[str, GatewayStatus], most: float, calls: int
) -> str | None:
    """Whether more than that share of the calls since then failed; of fewer `calls` nothing is said."""
    made = failed = 0
    for name, status in now.items():
        was = before.get(name, {"calls": 0, "failed": 0})
        made += _grown(was["calls"], status.calls_in + status.calls_out)
        failed += _grown(was["failed"], status.failed_in + status.failed_out)
    if made < calls or failed <= most * made:
        return None
    return f"{failed} of {made} calls through its gateways failed"


def _grown(before: int, now: int) -> int:
    """A gateway that was made anew counts from zero."""
    return now - before if now >= before else now
