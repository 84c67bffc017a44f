"""`GET /export/NODE/SECTION.xml`: a section whole, for nodes that take a static part without xml_curl.

Fetched with the node's own credentials, by cron or by `<X-PRE-PROCESS cmd="exec" data="curl ..."/>`.
"""

import hashlib
from functools import partial

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute

from api.middle import daemon_of
from api.node_auth import NodeAuth
from api.paths import route
from controlplane.answers.errors import AnswerError
from controlplane.exchange.served import SECTIONS, section

_CHALLENGE = {"WWW-Authenticate": 'Basic realm="controlplane", charset="UTF-8"'}


def routes(nodes: NodeAuth) -> list[BaseRoute]:
    """Give the route. `nodes`: who may ask, each for what is its own."""
    return [route("/export/{node}/{section}.xml", GET=Sections(nodes).get)]


class Sections:
    """Serves sections; knows the ETag of each as last rendered, so that most questions cost no rendering."""

    def __init__(self, nodes: NodeAuth) -> None:
        self._nodes = nodes
        self._tags: dict[tuple[str, str], tuple[int, str]] = {}

    async def get(self, request: Request) -> Response:
        """Give the section, or 304 to a caller who holds it as it is."""
        node, name = request.path_params["node"], request.path_params["section"]
        caller = self._nodes.caller(request.headers.get("authorization", "").encode("latin-1"))
        if caller is None:
            return PlainTextResponse("no or wrong credentials\n", 401, headers=_CHALLENGE)
        if caller.name != node:
            return PlainTextResponse("another node's sections are not told\n", 403)
        if name not in SECTIONS:
            return PlainTextResponse(f"there is {', '.join(SECTIONS)}\n", 404)
        daemon = daemon_of(request)
        held = request.headers.get("if-none-match", "")
        revision, tag = self._tags.get((node, name), (-1, ""))
        if revision == daemon.desired.catalog.revision and _holds(held, tag):
            return Response(status_code=304, headers={"ETag": tag})
        try:
            body, revision = await daemon.answers.whole(node, partial(section, name))
        except AnswerError as error:
            return PlainTextResponse(f"{error}\n", 503)
        tag = f'"{hashlib.blake2b(body, digest_size=16).hexdigest()}"'
        self._tags[node, name] = revision, tag
        headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
        if _holds(held, tag):
            return Response(status_code=304, headers=headers)
        return Response(body, media_type="text/xml", headers=headers)


def _holds(held: str, tag: str) -> bool:
    """RFC 9110, 13.1.2: compared weakly; what has no tag yet matches nothing."""
    return bool(tag) and tag in (one.strip().removeprefix("W/") for one in held.split(","))
