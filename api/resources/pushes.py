"""Pushes: what is on its way to which node, what arrived, and why something did not."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from api.access import operator, viewer
from api.bodies import read_nothing
from api.middle import daemon_of
from api.pages import asked, page_of
from api.paths import route
from api.problems import Problem, bad_request, not_found
from api.times import told
from api.writing import author_of
from controlplane.auditing import audit
from controlplane.push import queue
from controlplane.push.queue import Push, State
from controlplane.push.touches import Touches
from esl.link import LinkState


def routes() -> list[BaseRoute]:
    """Give the routes of pushes."""
    return [
        route("/pushes", GET=viewer(listed)),
        route("/pushes/{number}", GET=viewer(read)),
        route("/pushes/{number}/retry", POST=operator(retry)),
        route("/pushes/{number}/let-through", POST=operator(let_through)),
    ]


async def listed(request: Request) -> Response:
    """List pushes, newest first; `?node=` and `?state=` narrow."""
    page = asked(request, int)
    node, state = request.query_params.get("node"), request.query_params.get("state")
    if state is not None and state not in [each.value for each in State]:
        raise bad_request("state", f"one of {', '.join(each.value for each in State)}")
    if node is not None and daemon_of(request).desired.catalog.node(node) is None:
        raise not_found(f"node {node!r}")
    before = int(page.after[0]) if page.after is not None else None
    rows = await daemon_of(request).store.read(
        lambda session: queue.page(
            session,
            node=node,
            state=State(state) if state is not None else None,
            before=before,
            limit=page.limit + 1,
        )
    )
    items, after = page_of(rows, page, lambda row: (row.id,))
    return JSONResponse({"items": [_shown(request, row) for row in items], "next": after})


async def read(request: Request) -> Response:
    """Read one, with the steps that were done and the node's own words."""
    return JSONResponse(_shown(request, await _push(request)))


async def retry(request: Request) -> Response:
    """Try a stalled push again, now: what it left goes into the node's waiting push."""
    await read_nothing(request)
    daemon, push = daemon_of(request), await _push(request)
    if push.state is not State.STALLED:
        raise Problem(409, "not-stalled", f"the push is {push.state}, and only a stalled one is tried again")
    author = author_of(request)
    await audit(daemon.store, author, "push.retry", push.node, {"push": push.id})
    # Enqueueing takes over what stalled pushes of the node left.
    await daemon.pusher.enqueue({push.node: Touches()}, f"tried again by {author.actor}")
    return JSONResponse(_shown(request, await _push(request)), status_code=202)


async def let_through(request: Request) -> Response:
    """Send a push that waits for a change window now, with what joins it till it ends."""
    await read_nothing(request)
    daemon, push = daemon_of(request), await _push(request)
    suspension = daemon.pusher.suspended(push.node)
    if suspension is not None:
        raise Problem(409, "suspended", f"node {push.node} is {suspension}")
    await audit(daemon.store, author_of(request), "push.let-through", push.node, {"push": push.id})
    if not await daemon.pusher.let_through(push.id, push.node):
        raise Problem(409, "not-waiting", f"the push is {push.state}, and only one that waits is let through")
    return JSONResponse(_shown(request, await _push(request)), status_code=202)


async def _push(request: Request) -> Push:
    text = request.path_params["number"]
    if text.isascii() and text.isdecimal() and len(text) <= 15:
        number = int(text)
        push = await daemon_of(request).store.read(lambda session: queue.one(session, number))
        if push is not None:
            return push
    raise not_found(f"push {text!r}")


def _shown(request: Request, push: Push) -> dict[str, Any]:
    reason = push.reason
    if push.state is State.WAITING:
        link = daemon_of(request).fleet.link(push.node)
        if link is not None and link.state is not LinkState.UP:
            reason = f"the node is away: {link.reason}"
        reason = daemon_of(request).pusher.obstacle(push.node) or reason
    return {
        "id": push.id,
        "node": push.node,
        "state": push.state.value,
        "revision": push.revision,
        "touches": push.touches.to_json(),
        "reason": reason,
        "attempts": push.attempts,
        "not_before": told(push.not_before),
        "let_through": push.let_through,
        "created_at": told(push.created_at),
        "started_at": told(push.started_at),
        "ended_at": told(push.ended_at),
        "detail": dict(push.detail),
    }
