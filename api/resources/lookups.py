"""The last lookups of the nodes: what was asked, what came of it, and what would be told now."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute

from api.access import viewer
from api.asked import Lookup, fields
from api.lately import Lately
from api.middle import daemon_of
from api.pages import DEFAULT_LIMIT, MAX_LIMIT
from api.paths import route
from api.pipe import PipeClosed
from api.problems import Problem, bad_request, not_found
from api.resources.explain import explained, row
from api.times import told
from controlplane.daemon import Daemon

# Seconds without news after which a follower gets an empty line, so that a dead connection is found out.
QUIET = 15.0

_NDJSON = "application/x-ndjson"


def routes() -> list[BaseRoute]:
    """Give the routes of lookups."""
    return [
        route("/lookups", GET=viewer(listed)),
        route("/lookups/{number:int}", GET=viewer(read)),
        route("/lookups/{number:int}/explain", GET=viewer(explain)),
    ]


async def listed(request: Request) -> Response:
    """List the newest lookups, oldest first, and `next`: what to give as `after` for those that follow.

    `?node=` narrows, and may be given several times; without it, unknown callers' are there too.
    `?after=` gives those after that id, the oldest of them when they pass `?limit=`. With
    `?follow=true`, lines of JSON without end, a lookup each (an empty line now and then: nothing new).
    """
    query, lately = request.query_params, _lately(request)
    nodes = [_known(request, name) for name in query.getlist("node")]
    after = _number(query.get("after"), "after", 2**53)
    limit = _number(query.get("limit"), "limit", MAX_LIMIT) or DEFAULT_LIMIT
    follow = query.get("follow", "false")
    if follow not in ("true", "false"):
        raise bad_request("follow", "true or false")
    found = await lately.lookups(nodes, after=after or 0)
    some = found[-limit:] if after is None else found[:limit]
    if follow == "true":
        return StreamingResponse(_lines(lately, nodes, some, after or 0), media_type=_NDJSON)
    newest = some[-1].id if some else after or 0
    return JSONResponse({"items": [_shown(one) for one in some], "next": newest})


async def read(request: Request) -> Response:
    """Give one lookup that is still kept."""
    return JSONResponse(_shown(await _one(request)))


async def explain(request: Request) -> Response:
    """Say what the lookup would be told now, why, and from which rows, as `/explain` does."""
    lookup = await _one(request)
    if lookup.node is None or lookup.question is None:
        raise Problem(409, "refused", f"the lookup was refused before it was read: {lookup.reason}")
    daemon = daemon_of(request)
    if daemon.desired.catalog.node(lookup.node) is None:
        raise not_found(f"node {lookup.node!r}")
    return await explained(daemon, lookup.node, lookup.question, dict(fields(lookup.question)))


async def _lines(lately: Lately, nodes: list[str], some: list[Lookup], after: int) -> AsyncIterator[str]:
    while True:
        for one in some:
            yield json.dumps(_shown(one)) + "\n"
            after = one.id
        try:
            some = await lately.later(nodes, after, QUIET)
        except PipeClosed:
            # We are stopping: as an end of the lines, which are followed anew.
            return
        if not some:
            yield "\n"


def _lately(request: Request) -> Lately:
    lately: Lately = request.app.state.lately
    return lately


async def _one(request: Request) -> Lookup:
    number: int = request.path_params["number"]
    found = await _lately(request).lookup(number)
    if found is None:
        raise not_found(f"lookup {number} (or it is no longer kept: it)")
    return found


def _known(request: Request, name: str) -> str:
    daemon: Daemon = daemon_of(request)
    if daemon.desired.catalog.node(name) is None:
        raise not_found(f"node {name!r}")
    return name


def _number(text: str | None, name: str, most: int) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 16 and int(text) <= most):
        raise bad_request(name, f"a number up to {most}")
    return int(text)


def _shown(lookup: Lookup) -> dict[str, Any]:
    return {
        "id": lookup.id,
        "at": told(datetime.fromtimestamp(lookup.at, UTC)),
        "node": lookup.node,
        "source": lookup.source,
        "lookup": dict(fields(lookup.question)) if lookup.question is not None else None,
        "outcome": lookup.outcome,
        "status": lookup.status,
        "reason": lookup.reason or None,
        "cached": lookup.cached,
        "took_ms": round(lookup.took * 1000, 3),
        "bytes": lookup.size,
        "revision": lookup.revision,
        "row_count": lookup.row_count,
        "rows": [row(one) for one in lookup.rows],
        "warning": lookup.warning or None,
    }
