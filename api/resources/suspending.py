"""Suspending nodes: answered and compared, but sent nothing, till they are resumed."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from api.access import operator, viewer
from api.bodies import read_model
from api.middle import daemon_of
from api.paths import route
from api.problems import bad_request
from api.selection import Selection
from api.times import told
from api.writing import author_of
from controlplane.auditing import audit
from controlplane.daemon import Daemon
from controlplane.desired.values import GLOBAL, Scope


def routes() -> list[BaseRoute]:
    """Give the routes."""
    return [
        route("/suspensions", GET=viewer(listed)),
        route("/suspend", POST=operator(suspend)),
        route("/resume", POST=operator(resume)),
    ]


async def listed(request: Request) -> Response:
    """List what is suspended, with the nodes that it covers now."""
    return JSONResponse(_shown(daemon_of(request)))


async def suspend(request: Request) -> Response:
    """Send these nodes nothing more, and say why; a push that is under way there ends.

    `groups` are suspended as such: a node that joins one later is, too.
    """
    daemon, author = daemon_of(request), author_of(request)
    scopes = await _scopes(request, daemon)
    if not author.reason:
        raise bad_request("reason", "say why: who finds the nodes suspended will want to know")
    await audit(daemon.store, author, "suspend", detail={"scopes": [str(scope) for scope in scopes]})
    await daemon.pusher.suspend(scopes, author.reason, author.actor)
    return JSONResponse(_shown(daemon))


async def resume(request: Request) -> Response:
    """Lift suspensions: each as it was made, so that a node whose group is suspended stays so."""
    daemon = daemon_of(request)
    scopes = await _scopes(request, daemon)
    await audit(
        daemon.store, author_of(request), "resume", detail={"scopes": [str(scope) for scope in scopes]}
    )
    lifted = await daemon.pusher.resume(scopes)
    return JSONResponse({**_shown(daemon), "lifted": [str(scope) for scope in lifted]})


async def _scopes(request: Request, daemon: Daemon) -> list[Scope]:
    sent = await read_model(request, Selection)
    sent.chosen(daemon.desired.catalog)
    nodes = [Scope(node=name) for name in sent.nodes]
    return [GLOBAL] if sent.all else [*nodes, *(Scope(groups=(name,)) for name in sent.groups)]


def _shown(daemon: Daemon) -> dict[str, Any]:
    return {
        "items": [
            {
                "scope": str(each.scope),
                "reason": each.reason,
                "by": each.actor,
                "since": told(each.since),
                "nodes": daemon.pusher.suspensions.covered(each.scope),
            }
            for each in daemon.pusher.suspensions
        ]
    }
