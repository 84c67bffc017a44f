"""`rollout ...`: changes that go to one node after the other, and how far they are."""

import time
from typing import Annotated

import typer

from controlplane.cli.client import Json
from controlplane.cli.command import Call, command, group
from controlplane.cli.failure import Code
from controlplane.cli.landing import Reason
from controlplane.cli.output import Column, moment, word

# Seconds between two looks.
_LOOK = 0.5
_OVER = {"done", "rolled_back", "superseded", "stopped", "paused"}

Number = Annotated[int, typer.Argument(metavar="ID")]


def _progress(rollout: Json) -> str:
    over = sum(rollout["progress"].get(state, 0) for state in ("done", "skipped", "superseded"))
    return f"{over} of {rollout['nodes']}"


ROLLOUTS = (
    Column("ID", "id"),
    Column("REVISION", "revision"),
    Column("STRATEGY", "strategy"),
    Column("STATE", "state"),
    Column("NODES DONE", _progress),
    Column("SINCE (UTC)", lambda rollout: moment(rollout["ended_at"] or rollout["created_at"])),
    Column("BY", "actor"),
    Column("REASON", "reason"),
)
TURNS = (
    Column("NODE", "node"),
    Column("TURN", "state"),
    Column("SINCE (UTC)", lambda turn: moment(turn["since"])),
    Column("REASON", "reason"),
)


def add(app: typer.Typer) -> None:
    """Add the commands."""
    rollouts = group(app, "rollout", "Changes that go to one node after the other.")
    command(rollouts, listed, "list")
    for function in (status, pause, resume, stop):
        command(rollouts, function)


def listed(call: Call) -> None:
    """List rollouts, newest first."""
    if call.out.as_json:
        call.out.document({"items": call.client.pages("/rollouts"), "next": None})
    else:
        items = call.client.get("/rollouts", {"limit": 20})["items"]
        call.out.table(ROLLOUTS, items, empty="no rollouts")


def status(
    call: Call,
    number: Number,
    follow: Annotated[bool, typer.Option("--follow", help="Tell of each turn till nothing goes on.")] = False,
) -> Code:
    """Tell how far one is: every node's turn. With --follow the exit code is 1 unless it is done."""
    if not follow:
        _show(call, call.client.get(f"/rollouts/{number}"))
        return Code.DONE
    seen: dict[str, Json] = {}
    with call.out.progress(f"rollout {number}") as progress:
        while True:
            rollout = call.client.get(f"/rollouts/{number}")
            for turn in rollout["turns"]:
                if seen.get(turn["node"]) != turn and (seen or turn["state"] != "waiting"):
                    _tell(call, turn)
                seen[turn["node"]] = turn
            progress(_progress(rollout))
            if rollout["state"] in _OVER:
                break
            time.sleep(_LOOK)
    if not call.out.as_json:
        call.out.table(ROLLOUTS, [rollout])
    return Code.DONE if rollout["state"] == "done" else Code.NODE_FAILED


def pause(call: Call, number: Number, reason: Reason = None) -> None:
    """Give no more turns till it is resumed; one that is under way ends."""
    _show(call, call.client.send("POST", f"/rollouts/{number}/pause", params={"reason": reason}))


def resume(call: Call, number: Number, reason: Reason = None) -> None:
    """Go on with one that was paused, or that stopped: first with what failed."""
    _show(call, call.client.send("POST", f"/rollouts/{number}/resume", params={"reason": reason}))


def stop(
    call: Call,
    number: Number,
    roll_back: Annotated[
        bool, typer.Option("--roll-back", help="Take back what was changed, by a new revision.")
    ] = False,
    reason: Reason = None,
) -> None:
    """Give no more turns. What the others wait for stays withheld from them till it is resumed."""
    body = {"roll_back": roll_back}
    _show(call, call.client.send("POST", f"/rollouts/{number}/stop", body, params={"reason": reason}))


def _tell(call: Call, turn: Json) -> None:
    if call.out.as_json:
        call.out.item(turn)
    else:
        said = f"  {turn['reason']}" if turn["reason"] else ""
        call.out.say(f"{turn['node']:<16}  ", word(turn["state"]), said)


def _show(call: Call, rollout: Json) -> None:
    if call.out.as_json:
        call.out.document(rollout)
    else:
        call.out.table(ROLLOUTS, [rollout])
        call.out.table(TURNS, rollout["turns"])
