"""`revisions` and `rollback`: what was changed, by whom and why, and the way back."""

import json
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from controlplane.cli.client import Json
from controlplane.cli.command import Call, agree, command
from controlplane.cli.failure import Code
from controlplane.cli.landing import Reason, Rollout, Wait, landed
from controlplane.cli.output import Column, moment

REVISIONS = (
    Column("REVISION", "number"),
    Column("AT (UTC)", lambda revision: moment(revision["at"])),
    Column("BY", "actor"),
    Column("NODES", lambda revision: len(revision["nodes"])),
    Column("REASON", "reason"),
)
_NEWEST = 20


def add(app: typer.Typer) -> None:
    """Add the commands."""
    command(app, revisions)
    command(app, rollback)


def revisions(
    call: Call,
    number: Annotated[int | None, typer.Argument(metavar="N", help="What this one changed.")] = None,
) -> None:
    """List revisions, newest first, or show what one changed; passwords are references."""
    if number is not None:
        revision = call.client.get(f"/revisions/{number}")
        if call.out.as_json:
            call.out.document(revision)
        else:
            call.out.table(REVISIONS, [revision])
            for change in revision["changes"]:
                call.out.text("\n".join(_changed(change)))
    elif call.out.as_json:
        call.out.document({"items": call.client.pages("/revisions"), "next": None})
    else:
        items = call.client.get("/revisions", {"limit": _NEWEST})["items"]
        call.out.table(REVISIONS, items, empty="no revisions")


def rollback(
    call: Call,
    number: Annotated[int, typer.Argument(metavar="N")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    reason: Reason = None,
    rollout: Rollout = None,
    wait: Wait = None,
) -> Code:
    """Bring everything, passwords included, back to what it was at a revision: a new revision.

    That is asked about first.
    """
    what = f"everything goes back to revision {number}, passwords included"
    agree(what, "Roll back?", "nothing is rolled back", yes=yes)
    told = call.client.send(
        "POST", f"/revisions/{number}/rollback", params={"reason": reason, "rollout": rollout}
    )
    return landed(call, f"back to revision {number}", told, wait)


def _changed(change: Json) -> Iterator[str]:
    before, after = _flat(change["before"] or {}), _flat(change["after"] or {})
    if not change["before"] or not change["after"]:
        yield f"{'added' if change['after'] else 'removed'}: {change['key']}"
        return
    yield f"changed: {change['key']}"
    for field in sorted(before.keys() | after.keys()):
        if before.get(field) != after.get(field):
            yield f"  {field}: {_told(before.get(field))} -> {_told(after.get(field))}"


def _flat(value: Json) -> Json:
    """Give a row's fields by name, params and variables each under a name of its own (`params.proxy`)."""
    found: Json = {}
    for name, field in value.items():
        if isinstance(field, list) and field and all(isinstance(each, dict) for each in field):
            for place, each in enumerate(field):
                found[f"{name}.{each.get('name', place)}"] = each.get("value", each)
        else:
            found[name] = field
    return found


def _told(value: Any) -> str:
    return "(none)" if value is None else json.dumps(value, ensure_ascii=False)
