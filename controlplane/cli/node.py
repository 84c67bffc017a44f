"""`node ...`: add a node, hand out its files, adopt it, let it go."""

import os
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from controlplane.cli.client import Json, below
from controlplane.cli.command import Call, ask_unseen, command, confirmed, group, read_secret
from controlplane.cli.failure import Code, Failure
from controlplane.cli.landing import Reason, Wait, landed
from controlplane.cli.nouns import NODE, delete
from controlplane.cli.output import TRUTH, Column, moment

PASSWORD_VARIABLE = "CONTROLPLANE_NODE_PASSWORD"  # noqa: S105 - its name
STEPS = (Column("COMMAND", "command"), Column("WHY", "reason"))
STANDING = (Column("STATE", "state"), Column("SINCE (UTC)", lambda each: moment(each["since"])))
FACTS = (Column("", "what"), Column("", "value"))
CONDITIONS = (
    Column("CONDITION", "name"),
    Column("STATUS", lambda condition: TRUTH[condition["status"]]),
    Column("SINCE (UTC)", lambda condition: moment(condition["since"])),
    Column("REASON", "reason"),
)
HELD = (Column("NOT DONE", "what"), Column("WAITS FOR", "for"), Column("WHY", "reason"))

Name = Annotated[str, typer.Argument(metavar="NAME")]


def add(app: typer.Typer) -> None:
    """Add the commands."""
    nodes = group(app, "node", "Nodes: add, show, files, adopt, remove.")
    command(nodes, enrol, "add")
    for function in (show, config, adopt, observe, remove):
        command(nodes, function)
    passwords = group(nodes, "password", "The password with which the node asks us.")
    command(passwords, renew)
    command(passwords, retire)


def enrol(
    call: Call,
    name: Name,
    host: Annotated[str, typer.Option("--host", help="Where its Event Socket listens.")],
    port: Annotated[int, typer.Option("--port", min=1, max=65535)] = 8021,
    groups: Annotated[
        list[str] | None, typer.Option("--group", help="A group it belongs to; may be given again.")
    ] = None,
    switchname: Annotated[
        str | None, typer.Option("--switchname", help="What it calls itself, when that is not NAME.")
    ] = None,
    user: Annotated[
        str | None,
        typer.Option("--user", metavar="USER@DOMAIN", help="As whom of the directory to log in there."),
    ] = None,
    password_file: Annotated[
        Path | None, typer.Option("--password-file", metavar="FILE", help="Holds its Event Socket password.")
    ] = None,
    reason: Reason = None,
) -> None:
    """Add a node and print its files. Its Event Socket password is asked for, unseen.

    The password may also come from --password-file or, in the environment, from
    CONTROLPLANE_NODE_PASSWORD. The node is sent nothing before it is adopted.
    """
    body: Json = {"name": name, "host": host, "port": port, "groups": groups or []}
    if switchname is not None:
        body["switchname"] = switchname
    if user is not None:
        body["event_socket_user"] = user
    body["event_socket_password"] = _password(name, password_file)
    call.client.send("POST", "/nodes", body, params={"reason": reason})
    try:
        config(call, name)
    except Failure as failure:
        told = f"{name} was added, but its files cannot be written yet: {failure}"
        raise Failure(f"{told}. `controlplane node config {name}` prints them.", failure.code) from failure


def show(call: Call, name: Name) -> None:
    """Tell how the node is doing: what is so since when, and what it runs."""
    told = call.client.get(below("nodes", name, "status"))
    if call.out.as_json:
        call.out.document(told)
        return
    call.out.table(FACTS, [{"what": what, "value": value} for what, value in _facts(told)])
    call.out.say("")
    call.out.table(CONDITIONS, told["conditions"])
    for what in ("profiles", "gateways"):
        if told[what]:
            call.out.say("")
            call.out.table((Column(what.upper()[:-1], "name"), *STANDING), told[what])


def config(
    call: Call,
    name: Name,
    file: Annotated[
        str | None,
        typer.Argument(metavar="FILE", help="Only this one."),
    ] = None,
) -> None:
    """Print the files that the node needs in its autoload_configs/; they hold passwords."""
    told = call.client.get(below("nodes", name, "config"))
    if call.out.as_json:
        call.out.document(told)
        return
    files: dict[str, str] = told["files"]
    if file is not None:
        if file not in files:
            raise Failure(f"{file!r} is none of {', '.join(files)}")
        call.out.text(files[file])
        return
    for each, text in files.items():
        call.out.say(f"==> {each} <==")
        call.out.text(text)


def adopt(
    call: Call,
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    wait: Wait = None,
) -> Code:
    """Manage the node from now on. Shows first what would be sent to it and what is not ours, and asks."""
    if not yes:
        _show(call, name, call.client.get(below("nodes", name, "plan")))
        if not sys.stdin.isatty():
            raise Failure(f"{name} is not adopted, for nobody is there to be asked: say --yes")
        if not confirmed(f"adopt {name}?"):
            raise Failure(f"{name} was not adopted", Code.NODE_FAILED)
    told = call.client.send("POST", below("nodes", name, "adopt"))
    return landed(call, f"{name} is managed", told, wait)


def observe(call: Call, name: Name) -> Code:
    """Send the node nothing any more; its lookups are still answered."""
    told = call.client.send("POST", below("nodes", name, "observe"))
    return landed(call, f"{name} is observed", told, None)


def remove(
    call: Call,
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    reason: Reason = None,
) -> Code:
    """Let the node go, as `delete node` does: it is answered and commanded no more."""
    return delete(call, NODE, name, yes=yes, reason=reason)


def renew(call: Call, name: Name) -> None:
    """Make a new one, and print the node's new file; the one so far stays valid till it is retired."""
    call.client.send("POST", below("nodes", name, "lookup-passwords"))
    config(call, name, None if call.out.as_json else "xml_curl.conf.xml")


def retire(call: Call, name: Name) -> Code:
    """Let only the newest one stand, once the node uses it."""
    told = call.client.send("DELETE", below("nodes", name, "lookup-passwords"))
    return landed(call, f"node {name} has one password", told, None)


def _facts(status: Json) -> Iterator[tuple[str, str]]:
    link, health = status["link"], status["health"]
    yield "node", status["node"]
    yield "mode", status["mode"]
    yield "health", health["status"] + (f": {health['why']}" if health["why"] else "")
    yield "in sync", TRUTH[status["in_sync"]] + (f": {status['why']}" if status["why"] else "")
    for what in ("desired", "attempted", "applied"):
        yield f"{what} revision", str(status[f"{what}_revision"])
    yield "observed at (UTC)", moment(status["observed_at"]) or "never"
    yield "answered at (UTC)", moment(status["answered_at"]) or "never"
    if status["round_trip_ms"] is not None:
        yield "round trip", f"{status['round_trip_ms']:.1f} ms"
    if link["version"] is not None:
        yield "version", link["version"]
    if (beat := status["heartbeat"]) is not None:
        yield "up for", str(timedelta(seconds=int(beat["uptime_s"])))
        yield "sessions", f"{beat['sessions']} of {beat['max_sessions']}, {beat['sessions_per_second']}/s"
        yield "idle CPU", f"{beat['idle_cpu_percent']:.0f} %"
        yield "clock", f"{beat['clock_ahead_s']:+.3f} s against ours"
    if status["modules"] is not None:
        yield "modules", ", ".join(name.removeprefix("mod_") for name in status["modules"])


def _show(call: Call, name: str, plan: Json) -> None:
    if call.out.as_json:
        call.out.document(plan)
        return
    call.out.table(STEPS, plan["steps"], empty=f"nothing would be sent to {name}")
    if plan["held"]:
        call.out.table(HELD, plan["held"])


def _password(name: str, path: Path | None) -> str:
    if path is not None:
        return read_secret(path)
    if PASSWORD_VARIABLE in os.environ:
        return os.environ[PASSWORD_VARIABLE]
    if not sys.stdin.isatty():
        raise Failure(f"no Event Socket password: give --password-file, or set {PASSWORD_VARIABLE}")
    return ask_unseen(f"Event Socket password of {name}")
