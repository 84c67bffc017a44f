"""Who is registered where, asked of the nodes live, and dropping a user's registrations.

Results come as they arrive, one JSON object a line, as for actions.
"""

from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute

from api.access import operator, viewer
from api.bodies import read_model, validate
from api.middle import daemon_of
from api.paths import route
from api.problems import FieldProblem, invalid
from api.resources.actions import Outcome, results
from api.resources.shapes import Name
from api.selection import Selection
from api.writing import author_of
from controlplane.auditing import audit
from controlplane.observed.registrations import drop, registered
from esl.errors import CommandRejected, EventSocketError
from esl.registrations import Registrations


class Asked(Selection):
    """The nodes, and whose registrations: of `user` (`USER@DOMAIN`), or everybody's."""

    user: Name | None = None


class Dropped(Selection):
    """The nodes, and whose registrations: there always is a user."""

    user: Name


def routes() -> list[BaseRoute]:
    """Give the routes."""
    return [route("/registrations", GET=viewer(listed)), route("/registrations/drop", POST=operator(dropped))]


async def listed(request: Request) -> Response:
    """Ask the nodes: `{"node", "ok": true, "registrations": [...]}`, or `"ok": false` and the `error`.

    `?user=`, and `?node=` and `?group=`, which may be given several times; without them every node is asked.
    """
    daemon, told = daemon_of(request), request.query_params
    chosen = {"nodes": told.getlist("node"), "groups": told.getlist("group")}
    asked = validate(Asked, {**(chosen if any(chosen.values()) else {"all": True}), "user": told.get("user")})
    _check(asked.user)
    nodes = asked.those(daemon.desired.catalog)
    await audit(daemon.store, author_of(request), "registrations", asked.user or "", {"nodes": nodes})

    async def ask(node: str) -> Outcome:
        try:
            found = await registered(daemon.fleet, node, asked.user)
        except EventSocketError as error:
            return {"ok": False, "error": str(error)}
        return {"ok": True, "registrations": [asdict(each) for each in found]}

    return StreamingResponse(results(nodes, ask), media_type="application/x-ndjson")


async def dropped(request: Request) -> Response:
    """Drop them: `{"node", "ok": true, "dropped", "left"}`, how many stood and how many stand now.

    The phone is not told: what it keeps calling itself, it may register again, and then stands in `left`.
    """
    daemon = daemon_of(request)
    sent = await read_model(request, Dropped)
    _check(sent.user)
    nodes = sent.chosen(daemon.desired.catalog)
    await audit(daemon.store, author_of(request), "registrations.drop", sent.user, {"nodes": nodes})

    async def act(node: str) -> Outcome:
        try:
            async with daemon.pusher.serial(node):
                before, left = await drop(daemon.fleet, node, sent.user)
        except EventSocketError as error:
            return {"ok": False, "error": str(error)}
        return {"ok": True, "dropped": len(before), "left": len(left)}

    return StreamingResponse(results(nodes, act), media_type="application/x-ndjson")


def _check(user: str | None) -> None:
    try:
        Registrations("any", user)
    except CommandRejected as error:
        raise invalid([FieldProblem("user", str(error))]) from None
