"""`doctor`: what is wrong with the way between nodes and us, and what to change in which file."""

from typing import Annotated

import typer

from controlplane.cli.actions import Groups
from controlplane.cli.command import Call, command
from controlplane.cli.failure import Code
from controlplane.cli.output import word


def add(app: typer.Typer) -> None:
    """Add the command."""
    command(app, doctor)


def doctor(
    call: Call,
    node: Annotated[list[str] | None, typer.Argument(metavar="[NODE]...", help="These; else all.")] = None,
    group: Groups = None,
) -> Code:
    """Examine nodes and say what to change; the exit code is 1 when something is wrong."""
    params = {"node": node or [], "group": group or []}
    wrong = 0
    with call.out.progress("examining") as progress:
        for done, result in enumerate(call.client.lines("/doctor", method="GET", params=params), 1):
            wrong += not result["ok"]
            if call.out.as_json:
                call.out.item(result)
            else:
                for check in result["checks"]:
                    about = f"{result['node']:<16}  {check['name']:<12}  "
                    call.out.say(about, word(check["verdict"]), f"  {check['said']}")
                    if check["change"]:
                        call.out.say(f"{'':<32}-> {check['change']}")
            progress(f"{done} nodes done, {wrong} with something wrong")
    return Code.NODE_FAILED if wrong else Code.DONE
