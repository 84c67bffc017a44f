"""One id for each operator's request: in its answer, in every log line and in its revision."""

import logging
import re
import time
import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from controlplane.logs import about

log = logging.getLogger(__name__)

HEADER = "X-Request-Id"
# What we take from a caller goes into logs and rows: no spaces, no control characters.
_TAKEN = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")


def request_id_of(scope: Scope) -> str:
    """Give the id of the request under way; empty outside `RequestIds`."""
    found = scope.get("state", {}).get("request_id", "")
    return str(found)


class RequestIds:
    """Takes the caller's `X-Request-Id`, or makes one, and writes one log line for each request."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its id, and put the id into the answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get(HEADER, "")
        request_id = given if _TAKEN.fullmatch(given) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        started = time.monotonic()
        status = 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        with about(request=request_id):
            try:
                await self.app(scope, receive, sending)
            finally:
                level = logging.DEBUG if scope["method"] in ("GET", "HEAD") and status < 400 else logging.INFO
                took = (time.monotonic() - started) * 1000
                log.log(level, "%s %s: %d in %.1f ms", scope["method"], scope["path"], status, took)
