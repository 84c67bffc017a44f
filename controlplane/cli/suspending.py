"""`suspend`, `resume`, `suspensions`: nodes that are answered and compared, and sent nothing."""

from typing import Annotated

import typer

from controlplane.cli.actions import Groups
from controlplane.cli.client import Json
from controlplane.cli.command import Call, command
from controlplane.cli.failure import Code, Failure
from controlplane.cli.output import Column, moment

SUSPENSIONS = (
    Column("SCOPE", "scope"),
    Column("NODES", lambda each: len(each["nodes"])),
    Column("SINCE (UTC)", lambda each: moment(each["since"])),
    Column("BY", "by"),
    Column("REASON", "reason"),
)

Nodes = Annotated[list[str] | None, typer.Argument(metavar="[NODE]...")]
All = Annotated[bool, typer.Option("--all", help="Every node, those to come as well.")]


def add(app: typer.Typer) -> None:
    """Add the commands."""
    for function in (suspend, resume, suspensions):
        command(app, function)


def suspend(
    call: Call,
    reason: Annotated[str, typer.Option("--reason", help="Why: whoever meets it is told.")],
    nodes: Nodes = None,
    group: Groups = None,
    everywhere: All = False,
) -> None:
    """Send nodes nothing till they are resumed; changes wait, and what is under way there ends."""
    body = _chosen(nodes, group, everywhere=everywhere)
    _show(call, call.client.send("POST", "/suspend", body, params={"reason": reason}))


def resume(call: Call, nodes: Nodes = None, group: Groups = None, everywhere: All = False) -> Code:
    """Lift suspensions, each as it was made: what waits goes out now."""
    told = call.client.send("POST", "/resume", _chosen(nodes, group, everywhere=everywhere))
    if call.out.as_json:
        call.out.document(told)
    else:
        for scope in told["lifted"]:
            call.out.say(f"{scope} is resumed")
        if not told["lifted"]:
            call.out.say("nothing of that was suspended")
        if told["items"]:
            call.out.table(SUSPENSIONS, told["items"])
    return Code.DONE


def suspensions(call: Call) -> None:
    """List what is suspended."""
    _show(call, call.client.get("/suspensions"))


def _show(call: Call, told: Json) -> None:
    if call.out.as_json:
        call.out.document(told)
    else:
        call.out.table(SUSPENSIONS, told["items"], empty="nothing is suspended")


def _chosen(nodes: list[str] | None, groups: list[str] | None, *, everywhere: bool) -> Json:
    if not (nodes or groups or everywhere):
        raise Failure("say which nodes: NODE, --group GROUP or --all")
    return {"nodes": nodes or [], "groups": groups or [], "all": everywhere}
