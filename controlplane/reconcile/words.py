"""What findings say of repairs that are not done."""

from collections.abc import Iterable, Sequence

from controlplane.observed.drift import Drift
from controlplane.push.plan import Plan
from controlplane.push.queue import Push

_MOST = 20
"""Most commands that a finding names."""


def in_vain(drift: Drift, times: int, pushes: Iterable[Push]) -> str:
    """`pushes`: of the node, the newest first."""
    said = _said(drift, pushes)
    again = "is tried again when something changes, or by `controlplane reconcile --node ...`"
    return f"repaired {times} times in vain{f' ({said})' if said else ''}: {again}"


def would_send(plan: Plan) -> str:
    """With the reasons, in order."""
    steps = [f"{step.command.shown} ({step.reason})" for step in plan.steps]
    more = f"; and {len(steps) - _MOST} more" if len(steps) > _MOST else ""
    held = "".join(f"; {each.what} is held: {each.reason}" for each in plan.held)
    return f"a repair would send: {'; '.join(steps[:_MOST])}{more}{held}"


def guarded(node: str, killed: Sequence[Drift], gateways: int) -> str:
    """Why many gateways are left as they are."""
    names = ", ".join(each.name for each in killed[:3]) + (", ..." if len(killed) > 3 else "")
    word = f"`controlplane reconcile --node {node} --allow`"
    return f"{len(killed)} of {gateways} gateways would be killed ({names}): {word} lets it be done"


def _said(drift: Drift, pushes: Iterable[Push]) -> str:
    """What the node said last to a command about it, else why the last push failed."""
    words = list(pushes)
    for push in words:
        for step in reversed(push.detail.get("steps", ())):
            if drift.name in str(step["command"]).split():
                return f"{step['command']}: {step['outcome']}"
    return next((push.reason for push in words if push.reason), "")
