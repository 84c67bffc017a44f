"""Revisions: what was changed, by whom, when and why; and the way back."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from api.access import operator, viewer
from api.middle import daemon_of
from api.pages import asked, page_of
from api.paths import route
from api.problems import not_found
from api.times import told
from api.writing import author_of, consequences
from controlplane.desired import codec, history
from controlplane.desired.revisions import Changed, Revision
from controlplane.desired.values import Value


def routes() -> list[BaseRoute]:
    """Give the routes of revisions."""
    return [
        route("/revisions", GET=viewer(listed)),
        route("/revisions/{number}", GET=viewer(read)),
        route("/revisions/{number}/rollback", POST=operator(rollback)),
    ]


async def listed(request: Request) -> Response:
    """List revisions, newest first, without their changes."""
    page = asked(request, int)
    below = int(page.after[0]) if page.after is not None else None
    rows = await daemon_of(request).store.read(
        lambda session: history.revisions(session, below=below, limit=page.limit + 1)
    )
    items, after = page_of(list(rows), page, lambda row: (row.number,))
    return JSONResponse({"items": [_shown(row) for row in items], "next": after})


async def read(request: Request) -> Response:
    """Read one with every row's before and after; secrets are references."""
    number = _number(request)
    revision = await daemon_of(request).store.read(lambda session: history.revision(session, number))
    if revision is None:
        raise not_found(f"revision {number}")
    return JSONResponse(_shown(revision) | {"changes": [_change(change) for change in revision.changes]})


async def rollback(request: Request) -> Response:
    """Bring every row, passwords included, back to what it was at that revision: a new revision."""
    daemon = daemon_of(request)
    revision = await daemon.desired.rollback(_number(request), author_of(request))
    told_of = consequences(revision, daemon.desired.catalog.revision)
    rows = [str(change.key) for change in revision.changes] if revision is not None else []
    return JSONResponse(told_of | {"rows": rows})


def _number(request: Request) -> int:
    text = request.path_params["number"]
    if not (text.isascii() and text.isdecimal() and len(text) <= 15):
        raise not_found(f"revision {text!r}")
    return int(text)


def _shown(revision: Revision) -> dict[str, Any]:
    return {
        "number": revision.number,
        "at": told(revision.at),
        "actor": revision.author.actor,
        "token": revision.author.token,
        "source": revision.author.source,
        "request_id": revision.author.request_id,
        "reason": revision.author.reason,
        "nodes": list(revision.nodes),
        "warnings": list(revision.warnings),
        "digest": revision.digest,
    }


def _change(change: Changed) -> dict[str, Any]:
    return {
        "key": str(change.key),
        "noun": change.key.noun.value,
        "name": change.key.name,
        "parent": change.key.parent,
        "scope": str(change.key.scope),
        "before": _value(change.before),
        "after": _value(change.after),
        "before_version": change.before_version,
        "after_version": change.after_version,
    }


def _value(value: Value | None) -> dict[str, Any] | None:
    return None if value is None else codec.to_json(value)
