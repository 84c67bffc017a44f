"""`GET /export/NODE/SECTION.xml`: a section whole, for nodes that take a static part without xml_curl.

Fetched with the node's own credentials, by cron or by `<X-PRE-PROCESS cmd="exec" data="curl ..."/>`.
"""

import hashlib
import logging
from functools import partial

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute

from api.access import anybody
from api.door import Door, Refusal, source_of
from api.middle import answerer_of
from api.paths import route
from controlplane.answers.errors import AnswerError
from controlplane.exchange.served import SECTIONS, section

log = logging.getLogger(__name__)


def routes(door: Door) -> list[BaseRoute]:
    """Give the route. `door`: who may come in; each is told what is its own."""
    return [route("/export/{node}/{section}.xml", GET=anybody(Sections(door).get))]


class Sections:
    """Serves sections; knows the ETag of each as last rendered, so that most questions cost no rendering."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._tags: dict[tuple[str, str], tuple[int, str]] = {}

    async def get(self, request: Request) -> Response:
        """Give the section, or 304 to a caller who holds it as it is."""
        node, name = request.path_params["node"], request.path_params["section"]
        caller = self._door.admit(request.scope, request.headers.get("authorization", "").encode("latin-1"))
        if not isinstance(caller, Refusal) and caller.name != node:
            caller = Refusal(403, "another node's sections are not told", caller.name)
        if isinstance(caller, Refusal):
            return _refused(request, caller)
        if name not in SECTIONS:
            return PlainTextResponse(f"there is {', '.join(SECTIONS)}\n", 404)
        answerer = answerer_of(request)
        held = request.headers.get("if-none-match", "")
        revision, tag = self._tags.get((node, name), (-1, ""))
        if revision == answerer.catalog.revision and _holds(held, tag):
            return Response(status_code=304, headers={"ETag": tag})
        try:
            body, revision = await answerer.answers.whole(node, partial(section, name))
        except AnswerError as error:
            return PlainTextResponse(f"{error}\n", 503)
        tag = f'"{hashlib.blake2b(body, digest_size=16).hexdigest()}"'
        self._tags[node, name] = revision, tag
        headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
        if _holds(held, tag):
            return Response(status_code=304, headers=headers)
        return Response(body, media_type="text/xml", headers=headers)


def _refused(request: Request, refusal: Refusal) -> Response:
    if refusal.told:
        who, source = refusal.node or "an unknown caller", source_of(request.scope)
        about = {"node": refusal.node} if refusal.node is not None else {}
        log.warning("a section is refused to %s: %s, from %s", who, refusal.reason, source, extra=about)
    response = PlainTextResponse(f"{refusal.reason}\n", refusal.status)
    # One challenge a line: there may be several.
    response.raw_headers.extend(refusal.headers)
    return response


def _holds(held: str, tag: str) -> bool:
    """RFC 9110, 13.1.2: compared weakly; what has no tag yet matches nothing."""
    return bool(tag) and tag in (one.strip().removeprefix("W/") for one in held.split(","))
