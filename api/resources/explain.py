"""What a node would be told for a lookup, why, and from which rows; every secret is masked."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from api.bodies import read_model, validate
from api.middle import daemon_of
from api.paths import route
from api.problems import not_found
from api.resources.shapes import Line, Shape
from controlplane.answers.answer import Row
from controlplane.answers.question import Question


class ExplainIn(Shape):
    """The node, and the fields of its lookup, named as mod_xml_curl sends them.

    `context` stands for the channel variable that names the dialplan's (or the message's header that names
    the chatplan's) context, `number` for the number that is hunted, `lang` and `macro` for a phrase's. The
    `hostname` is the node's own.
    """

    node: Line
    section: Line
    tag_name: Line = ""
    key_name: Line = ""
    key_value: Line = ""
    action: Line = ""
    purpose: Line = ""
    key: Line = ""
    user: Line = ""
    domain: Line = ""
    group: Line = ""
    profile: Line = ""
    gateway: Line = ""
    context: Line = ""
    number: Line = ""
    lang: Line = ""
    macro: Line = ""


def routes() -> list[BaseRoute]:
    """Give the route."""
    return [route("/explain", GET=by_query, POST=by_body)]


async def by_query(request: Request) -> Response:
    """Take the lookup from the query string."""
    return await _explained(request, validate(ExplainIn, dict(request.query_params)))


async def by_body(request: Request) -> Response:
    """Take the lookup from a JSON body."""
    return await _explained(request, await read_model(request, ExplainIn))


async def _explained(request: Request, sent: ExplainIn) -> Response:
    daemon = daemon_of(request)
    node = daemon.desired.catalog.node(sent.node)
    if node is None:
        raise not_found(f"node {sent.node!r}")
    asked = sent.model_dump(exclude={"node"})
    question = Question(hostname=node.value.switchname, **asked)
    explanation = await daemon.answers.explain(sent.node, question)
    return JSONResponse(
        {
            "node": sent.node,
            "lookup": {"hostname": question.hostname, **{name: text for name, text in asked.items() if text}},
            "found": explanation.found,
            "reason": explanation.reason,
            "revision": explanation.revision,
            "rows": [_row(row) for row in explanation.rows],
            "xml": explanation.xml,
        }
    )


def _row(row: Row) -> dict[str, Any]:
    return {
        "key": str(row.key),
        "noun": row.key.noun.value,
        "name": row.key.name,
        "parent": row.key.parent,
        "scope": str(row.key.scope),
        "version": row.version,
        "revision": row.revision,
    }
