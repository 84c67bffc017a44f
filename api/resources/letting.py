"""What is held on a node for its calls' sake, let through by an operator's word."""

from typing import Annotated

from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from api.access import operator
from api.bodies import read_model
from api.middle import daemon_of
from api.paths import route
from api.problems import Problem, not_found
from api.resources.shapes import Shape
from api.writing import author_of
from controlplane.auditing import audit


class Let(Shape):
    """`what`: as the node's status names it; nothing: all that is held there."""

    what: Annotated[list[Annotated[str, Field(max_length=300)]], Field(max_length=1000)] = Field(
        default_factory=list
    )


def routes() -> list[BaseRoute]:
    """Give the route."""
    return [route("/nodes/{name}/let", POST=operator(let))]


async def let(request: Request) -> Response:
    """Have done what is held because it would drop calls, be there any."""
    daemon, name = daemon_of(request), request.path_params["name"]
    sent = await read_model(request, Let)
    if daemon.desired.catalog.node(name) is None:
        raise not_found(f"node {name!r}")
    await audit(daemon.store, author_of(request), "node.let", name, {"what": sent.what})
    through = await daemon.pusher.let(name, sent.what)
    if not through:
        held = "nothing of that" if sent.what else "nothing"
        raise Problem(409, "not-held", f"{held} is held on node {name} because it would drop calls")
    return JSONResponse({"node": name, "let": sorted(through)}, status_code=202)
