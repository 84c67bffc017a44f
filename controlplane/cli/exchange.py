"""`import` and `export`: between FreeSWITCH's files and the desired state."""

import os
from pathlib import Path
from typing import Annotated

import typer

from controlplane.cli.client import Json, Refused, below
from controlplane.cli.command import Call, command
from controlplane.cli.failure import Code, Failure
from controlplane.cli.landing import Reason, Rollout, Wait, landed
from controlplane.cli.output import Column
from controlplane.exchange import Imported, read_folder
from controlplane.exchange import Refused as FolderRefused

FILES = (Column("FILE", "file"), Column("BECAME", "became"))
NOTES = (Column("WHERE", "place"), Column("NOTE", "reason"))
CHANGES = (Column("ROW", "key"), Column("", "what"))

_SHOWN = 40

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="Holds freeswitch.xml.")]


def add(app: typer.Typer) -> None:
    """Add the commands."""
    command(app, take, "import")
    command(app, export)


def take(
    call: Call,
    folder: Folder,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what it would do; write nothing.")] = False,
    scope: Annotated[
        str, typer.Option("--scope", help="For whom the rows stand: global, groups:A,B or node:N.")
    ] = "global",
    variables: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="What $${NAME} is, whatever the files say."),
    ] = None,
    leave_out: Annotated[
        bool, typer.Option("--leave-out", help="Go on although something has no place in a row.")
    ] = False,
    reason: Reason = None,
    rollout: Rollout = None,
    wait: Wait = None,
) -> Code:
    """Write a FreeSWITCH configuration folder into the desired state, in one revision.

    The files are read here, and nothing in them is run. Rows that the folder does not name stay as
    they are; the same folder again changes nothing.
    """
    found = _read(folder, dict(_pair(each) for each in variables or ()))
    if not call.out.as_json:
        _report(call, found)
    if found.lost and not leave_out:
        told = "".join(f"\n  {note.place}: {note.reason}" for note in found.lost)
        raise Failure(f"nothing was written, for this would be lost (--leave-out goes on without it):{told}")
    body = {"rows": [row.to_json(scope) for row in found.rows], "dry_run": dry_run}
    try:
        how = {"reason": reason, "rollout": rollout}
        answer: Json = call.client.send("POST", "/import", body, params=how)
    except Refused as refused:
        raise Failure(_placed(str(refused), found)) from None
    if dry_run and not call.out.as_json:
        call.out.table(CHANGES, answer["changes"][:_SHOWN], empty="nothing to change")
        if len(answer["changes"]) > _SHOWN:
            call.out.say(f"and {len(answer['changes']) - _SHOWN} more")
        call.out.say(f"{_counted(answer['rows'])}; nothing was written")
        return Code.DONE
    if dry_run:
        call.out.document(answer)
        return Code.DONE
    return landed(call, f"{folder}: {_counted(answer['rows'])}", answer, wait)


def export(
    call: Call,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Is made, or must be empty.")],
    node: Annotated[str, typer.Option("--node", metavar="NODE", help="Whose state.")],
) -> None:
    """Write what a node is served as files from which FreeSWITCH starts without us; they hold passwords."""
    told = call.client.get(below("nodes", node, "export"))
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise Failure(f"{folder}: is not empty")
        for name, text in told["files"].items():
            _write(folder / name, text)
    except OSError as error:
        raise Failure(f"{error.filename}: {error.strerror}") from None
    if call.out.as_json:
        call.out.document({"node": node, "revision": told["revision"], "files": list(told["files"])})
    else:
        call.out.say(f"{folder}: {len(told['files'])} files, revision {told['revision']}")


def _read(folder: Path, given: dict[str, str]) -> Imported:
    try:
        return read_folder(folder, given)
    except FolderRefused as error:
        raise Failure(str(error)) from None


def _report(call: Call, found: Imported) -> None:
    became = [
        {"file": file, "became": ", ".join(f"{number} {noun}" for noun, number in sorted(count.items()))}
        for file, count in found.by_file().items()
    ]
    call.out.table(FILES, became)
    if found.notes:
        call.out.table(NOTES, [{"place": str(note.place), "reason": note.reason} for note in found.notes])


def _placed(sentence: str, found: Imported) -> str:
    """Say of each row that the API names where it comes from."""
    places = {str(row): str(row.place) for row in found.rows}
    if len(places) == 1:
        return f"{found.rows[0].place}: {sentence}"  # alone, a row is not named
    lines = sentence.split("\n")
    for number, line in enumerate(lines):
        key = line.strip().partition(": ")[0].partition("@")[0]
        if key in places:
            lines[number] = f"  {places[key]}: {line.strip()}"
    return "\n".join(lines)


def _counted(rows: Json) -> str:
    return f"{rows['created']} rows created, {rows['changed']} changed, {rows['same']} as they were"


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise Failure(f"{text!r} is not NAME=VALUE")
    return name, value


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
