"""`nodes`, `gateways`, `pushes`, `push`, `findings`, `repairs`, `jobs`: how things are."""

import time
from typing import Annotated

import typer
from rich.text import Text

from controlplane.cli.actions import Groups, Nodes
from controlplane.cli.client import Json, below
from controlplane.cli.command import Call, agree, command, group
from controlplane.cli.failure import Code, Failure
from controlplane.cli.landing import Reason, Wait, await_nodes
from controlplane.cli.output import TRUTH, Column, complain, moment, word

# Seconds between two looks at the pushes.
_LOOK = 0.5
_NEWEST = 1000

OfNode = Annotated[str | None, typer.Option("--node", metavar="NAME", help="Of this node alone.")]


def _link(status: Json) -> Text:
    reason = status["link"]["reason"]
    return Text.assemble(word(status["link"]["state"]), f" ({reason})" if reason else "")


NODES = (
    Column("NODE", "node"),
    Column("LINK", _link),
    Column("HEALTH", "health.status"),
    Column("MODE", "mode"),
    Column("SESSIONS", "heartbeat.sessions"),
    Column("DESIRED", "desired_revision"),
    Column("APPLIED", "applied_revision"),
    Column("IN SYNC", lambda status: TRUTH[status["in_sync"]]),
    Column("REASON", lambda status: status["why"] or status["health"]["why"]),
)
PUSHES = (
    Column("ID", "id"),
    Column("NODE", "node"),
    Column("STATE", "state"),
    Column("REVISION", "revision"),
    Column("TRIES", "attempts"),
    Column("SINCE (UTC)", lambda push: moment(push["ended_at"] or push["started_at"] or push["created_at"])),
    Column("NEXT TRY (UTC)", lambda push: moment(push["not_before"] if push["state"] == "waiting" else None)),
    Column("REASON", "reason"),
)
FINDINGS = (
    Column("NODE", "node"),
    Column("SEVERITY", "severity"),
    Column("KIND", "kind"),
    Column("NAME", "name"),
    Column("SINCE (UTC)", lambda finding: moment(finding["first_seen"])),
    Column("REPAIRS", "repairs"),
    Column("REASON", "reason"),
)
REPAIRS = (
    Column("NODE", "node"),
    Column("KIND", "kind"),
    Column("NAME", "name"),
    Column("BEGUN (UTC)", lambda repair: moment(repair["begun_at"])),
    Column("OUTCOME", lambda repair: repair["outcome"] or "under way"),
    Column("DONE", lambda repair: "; ".join(step["command"] for step in repair["steps"])),
    Column("REASON", lambda repair: repair["said"] or repair["reason"]),
)
JOBS = (
    Column("JOB", "name"),
    Column("EVERY", lambda job: f"{job['period']:g} s"),
    Column("NEXT (UTC)", lambda job: _next(job)),
    Column("LAST (UTC)", lambda job: moment((job["last"] or {}).get("started_at"))),
    Column("TOOK", lambda job: _took((job["last"] or {}).get("duration"))),
    Column("OUTCOME", lambda job: "running" if job["running"] else (job["last"] or {}).get("outcome") or ""),
    Column("TOLD", lambda job: _told((job["last"] or {}).get("detail", {}))),
)


def add(app: typer.Typer) -> None:
    """Add the commands."""
    for function in (nodes, gateways, pushes, findings, repairs, jobs):
        command(app, function)
    push = group(app, "push", "Pushes under way.")
    command(push, retry)
    command(push, let_through, "now")
    command(push, let)


def nodes(call: Call) -> None:
    """Tell of each node: its link, how it fares, its mode, its revisions, and whether it is in sync."""
    found = call.client.get("/status")
    if call.out.as_json:
        call.out.document(found)
    else:
        call.out.table(NODES, found["items"], empty="no nodes")


def gateways(call: Call, node: Nodes = None, group: Groups = None) -> Code:
    """Ask the nodes for their gateways: nodes x gateways, with states."""
    found = call.client.get("/gateway-states", {"node": node or [], "group": group or []})
    unread = {each["node"]: each["error"] for each in found["nodes"] if each["error"] is not None}
    if call.out.as_json:
        call.out.document(found)
    else:
        read = [each["node"] for each in found["nodes"] if each["error"] is None]
        columns = [Column("GATEWAY", "name"), Column("PROFILE", _profile), *map(_of_node, read)]
        call.out.table(columns, found["gateways"], empty="no gateways")
        for gateway in found["gateways"]:
            for name, cell in gateway["nodes"].items():
                if cell["drift"] is not None:
                    call.out.say(f"{name}: gateway {gateway['name']}: {cell['drift']}")
    for name, error in unread.items():
        complain(f"{name}: {error}")
    return Code.NODE_FAILED if unread else Code.DONE


def pushes(
    call: Call,
    node: OfNode = None,
    state: Annotated[str | None, typer.Option("--state", help="In this state alone.")] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on telling what changes, till Ctrl-C.")
    ] = False,
) -> None:
    """List pushes, newest first: what is under way to which node, and why something waits."""
    wanted = {"node": node, "state": state}
    if follow:
        _follow(call, wanted)
    elif call.out.as_json:
        call.out.document({"items": call.client.pages("/pushes", wanted), "next": None})
    else:
        page = call.client.get("/pushes", {**wanted, "limit": 20})
        call.out.table(PUSHES, page["items"], empty="no pushes")


def retry(call: Call, number: Annotated[int, typer.Argument(metavar="ID")], wait: Wait = None) -> Code:
    """Try a stalled push again, now."""
    return _tried(call, number, "retry", "is tried again on", wait)


def let_through(call: Call, number: Annotated[int, typer.Argument(metavar="ID")], wait: Wait = None) -> Code:
    """Send a push now that waits for a change window."""
    return _tried(call, number, "let-through", "goes out now to", wait)


def let(
    call: Call,
    node: Annotated[str, typer.Argument(metavar="NODE")],
    what: Annotated[
        list[str] | None, typer.Argument(metavar="WHAT", help="Such as profile/internal; nothing: all.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    wait: Wait = None,
) -> Code:
    """Have done what is held on a node because it would drop calls: they are dropped.

    That is asked about first.
    """
    held = call.client.get(below("nodes", node, "status"))["held"]
    chosen = [name for name in what or held if name in held]
    told = "; ".join(f"{name}: {held[name]}" for name in chosen) or "nothing of that is held"
    agree(f"on {node}, {told}", "Let it through?", "nothing is let through", yes=yes)
    found = call.client.send("POST", below("nodes", node, "let"), {"what": what or []})
    if call.out.as_json:
        (call.out.document if wait is None else call.out.item)(found)
    else:
        call.out.say(f"let through on {node}: {', '.join(found['let'])}")
    revision = call.client.get(below("nodes", node, "status"))["desired_revision"]
    return Code.DONE if wait is None else await_nodes(call, [node], revision, wait)


def findings(
    call: Call,
    node: OfNode = None,
    everything: Annotated[
        bool, typer.Option("--all", "--history", help="Those put right as well, as long as they are kept.")
    ] = False,
) -> None:
    """List what is not as it should be, on which node, since when, and how often it was repaired."""
    wanted = {"node": node, "cleared": "true" if everything else None}
    items = call.client.pages("/findings", wanted)
    if call.out.as_json:
        call.out.document({"items": items, "next": None})
    else:
        columns = (*FINDINGS, Column("CLEARED (UTC)", lambda each: moment(each["cleared_at"])))
        call.out.table(columns if everything else FINDINGS, items, empty="nothing is found wrong")


def repairs(call: Call, node: OfNode = None) -> None:
    """List what was done about findings, newest first: the commands, and how it ended."""
    if call.out.as_json:
        call.out.document({"items": call.client.pages("/repairs", {"node": node}), "next": None})
    else:
        page = call.client.get("/repairs", {"node": node, "limit": 20})
        call.out.table(REPAIRS, page["items"], empty="nothing was repaired")


def jobs(
    call: Call,
    run: Annotated[str | None, typer.Option("--run", metavar="JOB", help="Run this one now.")] = None,
    pause: Annotated[
        str | None, typer.Option("--pause", metavar="JOB", help="Run this one on time no more.")
    ] = None,
    resume: Annotated[
        str | None, typer.Option("--resume", metavar="JOB", help="Run this one on time again.")
    ] = None,
    reason: Reason = None,
) -> None:
    """List what is done again and again, and how it went last.

    One that is paused can still be run; it stays paused till it is resumed, whatever is restarted.
    """
    if sum(each is not None for each in (run, pause, resume)) > 1:
        raise Failure("--run, --pause and --resume exclude each other")
    for name, verb in ((pause, "pause"), (resume, "resume")):
        if name is not None:
            job = call.client.send("POST", below("jobs", name, verb), params={"reason": reason})
            if call.out.as_json:
                call.out.document(job)
            else:
                call.out.say(f"{name} is {verb}d")
            return
    if run is not None:
        with call.out.progress(run):
            done = call.client.send("POST", below("jobs", run, "run"))
        if call.out.as_json:
            call.out.document(done)
        else:
            call.out.say(f"{run}: ", word("done"), f"  {_told(done['detail'])}")
        return
    found = call.client.get("/jobs")
    if call.out.as_json:
        call.out.document(found)
    else:
        call.out.table(JOBS, found["items"])


def _tried(call: Call, number: int, act: str, said: str, wait: float | None) -> Code:
    push = call.client.send("POST", f"/pushes/{number}/{act}")
    if call.out.as_json:
        (call.out.document if wait is None else call.out.item)(push)
    else:
        call.out.say(f"push {number} {said} {push['node']}")
    return Code.DONE if wait is None else await_nodes(call, [push["node"]], push["revision"], wait)


def _next(job: Json) -> str:
    pause = job["paused"]
    if pause is None:
        return moment(job["next_at"])
    return f"paused by {pause['by']}" + (f": {pause['reason']}" if pause["reason"] else "")


def _took(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.1f} s"


def _follow(call: Call, wanted: dict[str, str | None]) -> None:
    seen: dict[int, Json] = {}
    while True:
        items = call.client.get("/pushes", {**wanted, "limit": _NEWEST})["items"]
        now = {push["id"]: push for push in items}
        for number in sorted(now):
            push = now[number]
            if seen.get(number) == push:
                continue
            if call.out.as_json:
                call.out.item(push)
            else:
                said = f"  {push['reason']}" if push["reason"] else ""
                about = f"{number:>6}  {push['node']:<16}  revision {push['revision']:<6}  "
                call.out.say(about, word(push["state"]), said)
        seen = now
        time.sleep(_LOOK)


def _of_node(node: str) -> Column:
    return Column(node, lambda gateway: _state(gateway["nodes"].get(node)))


def _state(cell: Json | None) -> Text:
    if cell is None:
        return Text("-")
    if cell["state"] is None:
        return word("missing")
    if not cell["desired"]:
        return Text(f"{cell['state']} (extra)" if cell["ours"] else f"{cell['state']} (foreign)", "yellow")
    if cell["drift"] is not None:
        return Text(f"{cell['state']} (differs)", "red")
    found = word(cell["state"])
    return found if found.style else Text(cell["state"], "yellow")


def _profile(gateway: Json) -> str:
    return ", ".join(sorted({cell["profile"] for cell in gateway["nodes"].values() if cell["profile"]}))


def _told(detail: Json) -> str:
    return ", ".join(f"{name.replace('_', ' ')}: {value}" for name, value in detail.items())
