"""`gateway move`: a gateway that stands on one node goes to another, or back."""

from typing import Annotated

import typer

from controlplane.cli.client import below
from controlplane.cli.command import Call, command, group
from controlplane.cli.failure import Code
from controlplane.cli.landing import Reason, Wait, landed
from controlplane.cli.nouns import Scope


def add(app: typer.Typer) -> None:
    """Add the command."""
    command(group(app, "gateway", "Gateways that stand on one node."), move)


def move(
    call: Call,
    name: Annotated[str, typer.Argument(metavar="NAME")],
    to: Annotated[str, typer.Option("--to", metavar="NODE", help="The node on which it is to stand.")],
    scope: Scope = None,
    reason: Reason = None,
    wait: Wait = None,
) -> Code:
    """Have a gateway that stands on one node stand on another; it is removed where it stood."""
    path = below("gateways", name, "move")
    told = call.client.send("POST", path, {"to": to}, params={"scope": scope, "reason": reason})
    return landed(call, f"gateway {name} stands on {to}", told, wait)
