"""What a node would be told for a lookup, why, and from which rows; every secret is masked."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from api.access import viewer
from api.bodies import read_model, validate
from api.middle import daemon_of
from api.paths import route
from api.problems import not_found
from api.resources.shapes import Line, Shape
from controlplane.answers.answer import Row
from controlplane.answers.question import Question
from controlplane.daemon import Daemon


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
    auth_user: Line = ""
    realm: Line = ""
    function: Line = ""
    menu: Line = ""
    queue: Line = ""
    conference_profile: Line = ""
    controls: Line = ""
    presence: Line = ""


def routes() -> list[BaseRoute]:
    """Give the route."""
    return [route("/explain", GET=viewer(by_query), POST=viewer(by_body))]


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
    question = Question(hostname=node.value.switchname, **sent.model_dump(exclude={"node"}))
    asked = {name: text for name, text in question._asdict().items() if text}
    return await explained(daemon, sent.node, question, asked)


async def explained(daemon: Daemon, node: str, question: Question, asked: Mapping[str, str]) -> Response:
    """Answer what the node would be told; `asked`: what to show of the question."""
    explanation = await daemon.answers.explain(node, question)
    return JSONResponse(
        {
            "node": node,
            "lookup": {"hostname": question.hostname, **asked},
            "found": explanation.found,
            "reason": explanation.reason,
            "revision": explanation.revision,
            "rows": [row(each) for each in explanation.rows],
            "xml": explanation.xml,
        }
    )


def row(used: Row) -> dict[str, Any]:
    """Write a row that went into an answer."""
    return {
        "key": str(used.key),
        "noun": used.key.noun.value,
        "name": used.key.name,
        "parent": used.key.parent,
        "scope": str(used.key.scope),
        "version": used.version,
        "revision": used.revision,
    }
