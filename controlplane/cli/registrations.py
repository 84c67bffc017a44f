"""`registrations`: who is registered where, asked of the nodes now; and dropping a user's."""

from typing import Annotated

import typer

from controlplane.cli.actions import All, Groups, Nodes, user_and_domain
from controlplane.cli.client import Json
from controlplane.cli.command import Call, agree, command
from controlplane.cli.failure import Code, Failure
from controlplane.cli.output import word


def add(app: typer.Typer) -> None:
    """Add the command."""
    command(app, registrations)


def registrations(
    call: Call,
    user: Annotated[
        str | None, typer.Argument(metavar="USER@DOMAIN", help="Of this user alone; else of all.")
    ] = None,
    drop: Annotated[
        bool, typer.Option("--drop", help="Have the nodes forget the user's registrations.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    node: Nodes = None,
    group: Groups = None,
    everywhere: All = False,
) -> Code:
    """Ask nodes (all, unless named) who is registered with them; drop a user's registrations."""
    if everywhere and (node or group):
        raise Failure("--all stands alone: leave out --node and --group")
    if user is not None:
        user_and_domain(user)
    if not drop:
        return _list(call, user, node, group)
    if user is None:
        raise Failure("say whose registrations are dropped: USER@DOMAIN")
    if not yes:
        _list(call, user, node, group)
    what = f"the nodes forget these registrations of {user}"
    agree(what, "Drop them?", "nothing was dropped", yes=yes)
    return _drop(call, user, node, group)


def _list(call: Call, user: str | None, nodes: list[str] | None, groups: list[str] | None) -> Code:
    params = {"user": user, "node": nodes or [], "group": groups or []}
    failed = found = 0
    with call.out.progress("asking") as progress:
        for done, result in enumerate(call.client.lines("/registrations", method="GET", params=params), 1):
            failed += not result["ok"]
            if call.out.as_json:
                call.out.item(result)
            elif not result["ok"]:
                _say(call, result, "failed", result["error"])
            for each in result.get("registrations", ()) if not call.out.as_json else ():
                _say(call, result, "ok", _told(each))
                found += 1
            progress(f"{done} nodes done, {failed} failed")
    if not (call.out.as_json or found or failed):
        call.out.say("nobody is registered" if user is None else f"{user} is not registered")
    return Code.NODE_FAILED if failed else Code.DONE


def _drop(call: Call, user: str, nodes: list[str] | None, groups: list[str] | None) -> Code:
    body: Json = {"user": user, "nodes": nodes or [], "groups": groups or []}
    body["all"] = not (nodes or groups)
    bad = 0
    for result in call.client.lines("/registrations/drop", body):
        bad += not result["ok"] or bool(result["left"])
        if call.out.as_json:
            call.out.item(result)
        elif not result["ok"]:
            _say(call, result, "failed", result["error"])
        else:
            back = f", {result['left']} registered again" if result["left"] else ""
            _say(call, result, "ok", f"{result['dropped']} dropped{back}")
    return Code.NODE_FAILED if bad else Code.DONE


def _say(call: Call, result: Json, how: str, said: str) -> None:
    call.out.say(f"{result['node']:<16}  ", word(how), f"  {said}")


def _told(each: Json) -> str:
    who, where = f"{each['user']}@{each['domain']}", f"{each['ip']}:{each['port']}"
    about = f"{each['profile']}  {each['status']}  {each['expires_in']} s"
    return f"{who:<30}  {where:<22}  {about}  {each['agent']}  {each['call_id']}"
