"""Moving a gateway that stands on one node to another, or back."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from api.access import operator
from api.bodies import read_model
from api.middle import daemon_of
from api.paths import route
from api.preconditions import etag
from api.problems import FieldProblem, invalid
from api.resources import finding
from api.resources.finding import Where
from api.resources.kit import shown
from api.resources.shapes import Name, Shape
from api.writing import author_of, consequences, write
from controlplane.auditing import audit
from controlplane.desired.values import Noun
from controlplane.placing import moved


class MoveIn(Shape):
    """Where it is to stand."""

    to: Name


def routes() -> list[BaseRoute]:
    """Give the route."""
    return [route("/gateways/{name}/move", POST=operator(move))]


async def move(request: Request) -> Response:
    """Have a gateway stand on another node of its scope; one that stands everywhere is not moved."""
    daemon, name = daemon_of(request), request.path_params["name"]
    sent = await read_model(request, MoveIn)
    where = Where(Noun.GATEWAY, name, None, "", finding.scope_asked(request), None)
    stands = await finding.one(daemon, where)
    if stands.value.placed_on is None:
        raise invalid([FieldProblem("name", f"gateway {name} is not placed on one node")])
    detail = {"from": stands.value.placed_on, "to": sent.to}
    await audit(daemon.store, author_of(request), "gateway.move", str(stands.value.key), detail)
    revision = await write(request, [moved(stands, sent.to)])
    after = await finding.one(daemon, where)
    told = shown(after) | consequences(revision, after.revision)
    return JSONResponse(told, headers={"ETag": etag(after.version)})
