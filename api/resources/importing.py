"""A whole configuration written in one revision, or shown as it would be.

`controlplane import` reads a folder where the folder is, and sends what it found as rows: FreeSWITCH's
files never reach this process.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from api.access import operator
from api.bodies import read_model
from api.middle import daemon_of
from api.paths import route
from api.problems import FieldProblem, invalid
from api.resources.shapes import Name, Shape
from api.writing import author_of, consequences, write
from controlplane.desired.catalog import Catalog
from controlplane.desired.revisions import ChangeSet, Put, Revision
from controlplane.desired.values import GLOBAL, Key, Noun, Scope

_UNDER = (Noun.GROUP, Noun.USER, Noun.EXTENSION)


class RowIn(Shape):
    """One row. `parent`: the domain of a group or user, the context of an extension.

    `spec`: the noun's fields, as its own resource takes them. `if_missing`: left as it is where it stands.
    """

    noun: Annotated[Noun, Field(strict=False)]
    name: Name
    parent: Annotated[str, Field(max_length=255)] = ""
    scope: Annotated[str, Field(max_length=1000)] = "global"
    spec: dict[str, Any]
    if_missing: bool = False


class ImportIn(Shape):
    """The rows, written all or none. `dry_run`: only say what would become of them."""

    rows: Annotated[list[RowIn], Field(max_length=2_000_000)]
    dry_run: bool = False


def routes() -> list[BaseRoute]:
    """Give the route."""
    return [route("/import", POST=operator(take))]


async def take(request: Request) -> Response:
    """Write the rows that differ from what stands; those that nobody sends are left alone."""
    daemon = daemon_of(request)
    sent = await read_model(request, ImportIn, daemon.settings.operators.import_limit)
    items = list(_puts(sent.rows, daemon.desired.catalog))
    if sent.dry_run:
        revision = await daemon.desired.preview(ChangeSet(tuple(items)), author_of(request))
    else:
        revision = await write(request, items)
    current = daemon.desired.catalog.revision
    told = consequences(revision, current)
    if sent.dry_run:
        told["revision"] = current  # the preview's own number is nobody's yet
    return JSONResponse(told | {"dry_run": sent.dry_run} | _became(revision, len(sent.rows)))


def _puts(rows: list[RowIn], catalog: Catalog) -> Iterator[Put]:
    for place, row in enumerate(rows):
        where = f"rows[{place}]"
        if row.noun is Noun.NODE:
            raise invalid([FieldProblem(f"{where}.noun", "nodes are added one by one")])
        if bool(row.parent) is not (row.noun in _UNDER):
            raise invalid([FieldProblem(f"{where}.parent", "is for groups, users, extensions: needed there")])
        try:
            scope = GLOBAL if row.scope == "global" else Scope.parse(row.scope)
        except ValueError as error:
            raise invalid([FieldProblem(f"{where}.scope", str(error))]) from None
        key = Key(row.noun, row.name, row.parent, scope)
        if row.if_missing and key.noun not in (Noun.USER, Noun.EXTENSION):
            if key not in catalog.rows(key.noun):
                yield Put(key, row.spec, create=True)
            continue
        yield Put(key, row.spec)


def _became(revision: Revision | None, sent: int) -> dict[str, Any]:
    changes = revision.changes if revision is not None else ()
    count = Counter("created" if change.before is None else "changed" for change in changes)
    rows = {"created": count["created"], "changed": count["changed"], "same": sent - len(changes)}
    return {
        "rows": rows,
        "changes": [
            {"key": str(change.key), "what": "created" if change.before is None else "changed"}
            for change in changes
        ],
    }
