"""What a node is served, as files for its disk."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from api.access import admin
from api.middle import daemon_of
from api.paths import route
from api.problems import Problem, not_found
from api.writing import author_of
from controlplane.answers.errors import Unanswerable
from controlplane.auditing import audit
from controlplane.exchange.export import files


def routes() -> list[BaseRoute]:
    """Give the route."""
    return [route("/nodes/{name}/export", GET=admin(export))]


async def export(request: Request) -> Response:
    """Give every file by its path; they hold the node's and its users' passwords, so it is audited."""
    daemon, name = daemon_of(request), request.path_params["name"]
    if daemon.desired.catalog.node(name) is None:
        raise not_found(f"node {name!r}")
    await audit(daemon.store, author_of(request), "node.export", name)
    try:
        texts, revision = await daemon.answers.whole(name, files)
    except Unanswerable as error:
        raise Problem(503, "unavailable", str(error)) from None
    body = {"node": name, "revision": revision, "files": texts}
    return JSONResponse(body, headers={"Cache-Control": "no-store"})
