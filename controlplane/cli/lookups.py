"""`lookups`: what nodes have asked lately, and what came of it."""

from typing import Annotated

import typer

from controlplane.cli.client import Json
from controlplane.cli.command import Call, command
from controlplane.cli.output import Column, moment, word


def _asked(lookup: Json) -> str:
    """Say it in a line: the section, then every value that narrows it."""
    fields = dict(lookup["lookup"] or {})
    section = fields.pop("section", "(not read)")
    for name in ("hostname", "tag_name", "key_name"):
        fields.pop(name, None)
    name = fields.pop("key_value", "")
    return " ".join([section, name, *(f"{key}={value}" for key, value in fields.items())]).strip()


def _told(lookup: Json) -> str:
    return lookup["warning"] or lookup["reason"] or ""


LOOKUPS = (
    Column("ID", "id"),
    Column("AT (UTC)", lambda lookup: moment(lookup["at"])),
    Column("NODE", lambda lookup: lookup["node"] or f"? {lookup['source']}"),
    Column("OUTCOME", lambda lookup: _outcome(lookup)),
    Column("MS", lambda lookup: f"{lookup['took_ms']:.1f}{' (kept)' if lookup['cached'] else ''}"),
    Column("BYTES", "bytes"),
    Column("ROWS", "row_count"),
    Column("ASKED", _asked),
    Column("TOLD", _told),
)


def add(app: typer.Typer) -> None:
    """Add the command."""
    command(app, lookups)


def lookups(
    call: Call,
    node: Annotated[
        str | None, typer.Argument(help="Of this node alone; else of all, and of unknown callers.")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Go on telling new ones, till Ctrl-C.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many of the last ones.")] = 20,
) -> None:
    """List the last lookups, oldest first: from which node, what for, and what came of it."""
    wanted = {"node": node, "limit": limit}
    if follow:
        for lookup in call.client.lines("/lookups", method="GET", params={**wanted, "follow": "true"}):
            _say(call, lookup)
        return
    page = call.client.get("/lookups", wanted)
    if call.out.as_json:
        call.out.document(page)
    else:
        call.out.table(LOOKUPS, page["items"], empty="no lookups")


def _say(call: Call, lookup: Json) -> None:
    if call.out.as_json:
        call.out.item(lookup)
        return
    who = lookup["node"] or f"? {lookup['source']}"
    about = f"{lookup['id']}  {who:<16}  {lookup['took_ms']:>8.1f} ms  "
    call.out.say(about, word(_outcome(lookup)), f"  {_asked(lookup)}  {_told(lookup)}".rstrip())


def _outcome(lookup: Json) -> str:
    return str(lookup["outcome"]).replace("_", " ")
