"""After a write: what it led to, and, when asked to wait, how it lands on each node."""

import time
from typing import Annotated

import typer

from controlplane.cli.client import Client, Json
from controlplane.cli.command import Call
from controlplane.cli.failure import Code
from controlplane.cli.output import Output, complain, word

Wait = Annotated[
    float | None,
    typer.Option(
        "--wait",
        min=0,
        metavar="SECONDS",
        help="Wait till it has landed on every node, so long at most; the exit code is 1 when it has not.",
    ),
]
Rollout = Annotated[
    str | None,
    typer.Option(
        "--rollout",
        metavar="STRATEGY",
        help="How it goes to several nodes: one-by-one, all-at-once, batches:N, canary:GROUP[/REST].",
    ),
]
Reason = Annotated[str | None, typer.Option("--reason", help="Why: kept with the revision.")]

# Seconds between two looks.
_LOOK = 0.2
_FEW = 6


def landed(call: Call, what: str, told: Json, wait: float | None) -> Code:
    """Tell what a write led to (`told` is its answer), and wait for its nodes when asked to.

    A tenant is told of no nodes and of no warnings.
    """
    for warning in told.get("warnings", ()):
        complain(f"warning: {warning}")
    nodes = list(told.get("nodes", ()))
    if call.out.as_json:
        (call.out.document if wait is None else call.out.item)(told)
    elif not told["changed"]:
        call.out.say(f"{what}: nothing to change")
    else:
        where = ", ".join(nodes) if len(nodes) <= _FEW else f"{len(nodes)} nodes"
        pushed = f", pushed to {where}{_rollout(call, told['revision'])}" if nodes else ""
        call.out.say(f"{what}: revision {told['revision']}", pushed)
    if wait is not None and told["changed"] and "nodes" not in told:
        complain("whether it has landed is not told to a token that is bound to domains")
        return Code.NODE_FAILED
    if wait is None or not nodes:
        return Code.DONE
    return await_nodes(call, nodes, told["revision"], wait)


def _rollout(call: Call, revision: int) -> str:
    """Say in which rollout the nodes have their turns, if they have."""
    found = call.client.get("/rollouts", {"revision": revision})["items"]
    return "".join(f" in rollout {each['id']} ({each['strategy']})" for each in found)


def await_nodes(call: Call, nodes: list[str], revision: int, wait: float) -> Code:
    """Tell of each node as soon as it is known how its push ended; those late are told of at the end."""
    end = time.monotonic() + wait
    open_nodes, failed = set(nodes), 0
    with call.out.progress("waiting for the nodes") as progress:
        while open_nodes:
            late = time.monotonic() >= end
            statuses = _statuses(call.client)
            for node in sorted(open_nodes):
                outcome = _outcome(node, statuses.get(node), revision, late=late)
                if outcome is not None:
                    open_nodes.discard(node)
                    failed += not outcome["ok"]
                    _tell(call.out, outcome)
            progress(f"{len(nodes) - len(open_nodes)} of {len(nodes)}" + (f", {failed} not" * bool(failed)))
            if open_nodes:
                time.sleep(_LOOK)
    return Code.NODE_FAILED if failed else Code.DONE


def _statuses(client: Client) -> dict[str, Json]:
    return {each["node"]: each for each in client.get("/status")["items"]}


def _outcome(node: str, status: Json | None, revision: int, *, late: bool) -> Json | None:
    """Judge: None while it is under way and not late."""
    if status is None:
        return {"node": node, "ok": False, "state": "failed", "error": "the node is no more"}
    states = {push["state"] for push in status["pushes"]} | {"waiting" for _ in status["withheld"]}
    if not states and status["applied_revision"] >= revision:
        return {"node": node, "ok": True, "applied_revision": status["applied_revision"]}
    if "stalled" in states or not states or late:
        state = "held" if not states and status["held"] else next(iter(states), "failed")
        return {"node": node, "ok": False, "state": state, "error": status["why"] or "it was not applied"}
    return None


def _tell(out: Output, outcome: Json) -> None:
    if out.as_json:
        out.item(outcome)
    elif outcome["ok"]:
        out.say(f"{outcome['node']:<16}  ", word("applied"), f"  revision {outcome['applied_revision']}")
    else:
        out.say(f"{outcome['node']:<16}  ", word(outcome["state"]), f"  {outcome['error']}")
