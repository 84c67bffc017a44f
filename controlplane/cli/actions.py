"""`rescan`, `reload`, `flush`, `reconcile`: what nodes are had to do, now, each telling how it went."""

from collections.abc import Callable
from typing import Annotated

import typer

from controlplane.cli.client import Json
from controlplane.cli.command import Call, command
from controlplane.cli.failure import Code, Failure
from controlplane.cli.output import word

Nodes = Annotated[
    list[str] | None, typer.Option("--node", metavar="NAME", help="On this node; may be given again.")
]
Groups = Annotated[
    list[str] | None,
    typer.Option("--group", metavar="GROUP", help="On the nodes of this group; may be given again."),
]
All = Annotated[bool, typer.Option("--all", help="On every node.")]


def add(app: typer.Typer) -> None:
    """Add the commands."""
    for function in (rescan, reload, flush, reconcile):
        command(app, function)


def rescan(
    call: Call, profile: str, node: Nodes = None, group: Groups = None, everywhere: All = False
) -> Code:
    """Have a SIP profile take over its settings and add its new gateways."""
    return _act(call, "rescan", {"profile": profile, **_chosen(node, group, everywhere=everywhere)})


def reload(
    call: Call,
    what: Annotated[str, typer.Argument(metavar="xml|acl|MODULE")],
    node: Nodes = None,
    group: Groups = None,
    everywhere: All = False,
) -> Code:
    """Have nodes read their XML anew, fetch their ACL lists anew, or reload a module."""
    chosen = _chosen(node, group, everywhere=everywhere)
    if what in ("xml", "acl"):
        return _act(call, f"reload{what}", chosen)
    return _act(call, "reload", {"module": what, **chosen})


def flush(
    call: Call,
    user: Annotated[str | None, typer.Argument(metavar="USER@DOMAIN")] = None,
    everything: Annotated[bool, typer.Option("--everything", help="Forget every user.")] = False,
    node: Nodes = None,
    group: Groups = None,
    everywhere: All = False,
) -> Code:
    """Have nodes forget a user whom they cache, under every name he has."""
    chosen = _chosen(node, group, everywhere=everywhere)
    if everything:
        if user is not None:
            raise Failure("--everything stands alone: leave out the user")
        return _act(call, "flush", {"everything": True, **chosen})
    name, domain = user_and_domain(user or "")
    return _act(call, "flush", {"user": name, "domain": domain, **chosen})


def reconcile(
    call: Call,
    node: Nodes = None,
    group: Groups = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(
            "--kind",
            metavar="KIND",
            help="Only gateways, profiles, acls, registrations, modules or variables; may be given again.",
        ),
    ] = None,
    report_only: Annotated[bool, typer.Option("--report-only", help="Repair nothing.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Repair nothing, but show what a repair would send.")
    ] = False,
    allow: Annotated[
        bool, typer.Option("--allow", help="Kill as many of a node's gateways as it takes.")
    ] = False,
) -> Code:
    """Compare nodes (all, unless named) with what they should run; report and repair as set.

    What was repaired in vain before is tried again.
    """
    if report_only + dry_run + allow > 1:
        raise Failure("--report-only, --dry-run and --allow exclude each other")
    chosen = _chosen(node, group, everywhere=not node and not group)
    mode = {"mode": "report"} if report_only else {"mode": "dry-run"} if dry_run else {}
    body = {**mode, **chosen, "kinds": kind or [], "allow": allow}
    return _stream(call, "comparing", "/reconcile", body, _compared)


def user_and_domain(text: str) -> tuple[str, str]:
    """Cut `USER@DOMAIN` in two; raises Failure."""
    user, _, domain = text.rpartition("@")
    if not user or not domain:
        raise Failure(f"{text!r} is no user: write USER@DOMAIN")
    return user, domain


def _chosen(nodes: list[str] | None, groups: list[str] | None, *, everywhere: bool) -> Json:
    if not (nodes or groups or everywhere):
        raise Failure("say on which nodes: --node NAME, --group GROUP or --all")
    return {"nodes": nodes or [], "groups": groups or [], "all": everywhere}


def _act(call: Call, action: str, body: Json) -> Code:
    return _stream(call, action, f"/actions/{action}", body, lambda result: result["reply"])


def _stream(call: Call, what: str, path: str, body: Json, reply: Callable[[Json], str]) -> Code:
    """Print each node's result as it arrives."""
    done = failed = 0
    with call.out.progress(what) as progress:
        for result in call.client.lines(path, body):
            done += 1
            failed += not result["ok"]
            if call.out.as_json:
                call.out.item(result)
            else:
                said = reply(result) if result["ok"] else result["error"]
                call.out.say(f"{result['node']:<16}  ", word("ok" if result["ok"] else "failed"), f"  {said}")
            progress(f"{done} nodes done, {failed} failed")
    return Code.NODE_FAILED if failed else Code.DONE


def _compared(result: Json) -> str:
    if not result["drift"]:
        return "as it should be"
    drift = "; ".join(f"{each['kind']} {each['name']}: {each['reason']}" for each in result["drift"])
    would = [
        f"\n    would send {step['command']}  ({step['reason']})"
        for plan in result["would"].values()
        for step in plan["steps"]
    ]
    word = " (gateways wait for --allow)" if result["guarded"] else ""
    return drift + (" (being repaired)" if result["pushed"] else "") + word + "".join(would)
