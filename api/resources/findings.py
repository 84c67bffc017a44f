"""Findings: what is not as it should be on which node, since when; and what was done about it."""

from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from api.access import viewer
from api.middle import daemon_of
from api.pages import asked, page_of
from api.paths import route
from api.problems import bad_request, not_found
from api.times import told
from controlplane.push import findings, repaired
from controlplane.push.findings import Finding


def routes() -> list[BaseRoute]:
    """Give the routes."""
    return [route("/findings", GET=viewer(listed)), route("/repairs", GET=viewer(repairs))]


async def listed(request: Request) -> Response:
    """List what stands, newest first; `?node=` narrows, `?cleared=true` adds what was put right."""
    page = asked(request, int)
    node, cleared = request.query_params.get("node"), request.query_params.get("cleared", "false")
    if cleared not in ("true", "false"):
        raise bad_request("cleared", "true or false")
    if node is not None and daemon_of(request).desired.catalog.node(node) is None:
        raise not_found(f"node {node!r}")
    before = int(page.after[0]) if page.after is not None else None
    rows = await daemon_of(request).store.read(
        lambda session: findings.page(
            session, node=node, standing=cleared == "false", before=before, limit=page.limit + 1
        )
    )
    items, after = page_of(rows, page, lambda row: (row.id,))
    return JSONResponse({"items": [_shown(row) for row in items], "next": after})


async def repairs(request: Request) -> Response:
    """List repairs, newest first, with what their pushes did and the node's words; `?node=` narrows."""
    page = asked(request, int)
    node = request.query_params.get("node")
    if node is not None and daemon_of(request).desired.catalog.node(node) is None:
        raise not_found(f"node {node!r}")
    before = int(page.after[0]) if page.after is not None else None
    rows = await daemon_of(request).store.read(
        lambda session: repaired.page(session, node=node, before=before, limit=page.limit + 1)
    )
    items, after = page_of(rows, page, lambda row: (row.id,))
    shown = [{**asdict(row), "begun_at": told(row.begun_at), "ended_at": told(row.ended_at)} for row in items]
    return JSONResponse({"items": shown, "next": after})


def _shown(finding: Finding) -> dict[str, Any]:
    return {
        "id": finding.id,
        "node": finding.found.node,
        "kind": finding.found.kind,
        "name": finding.found.name,
        "reason": finding.found.reason,
        "severity": finding.found.severity.value,
        "first_seen": told(finding.first_seen),
        "last_seen": told(finding.last_seen),
        "cleared_at": told(finding.cleared_at),
        "repairs": finding.found.tried.times if finding.found.tried is not None else 0,
        "repaired_at": told(finding.repaired_at),
    }
