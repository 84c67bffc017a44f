"""The endpoint that mod_xml_curl asks: a bare ASGI callable, for every call of every node waits on it.

Only status 200 is read; at anything else the switch goes on to its next binding, then to its files.
A redirect would be followed as GET without parameters: there are none.
"""

import logging
import re
from time import perf_counter
from typing import Protocol

from starlette.types import ASGIApp, Receive, Scope, Send

from api.asked import Asked
from api.door import Door, Refusal, source_of
from api.node_auth import Caller
from controlplane.answers.answer import Answer
from controlplane.answers.errors import AnswerError, BadLookup, Unanswerable
from controlplane.answers.question import Question, read

log = logging.getLogger(__name__)

BODY_LIMIT = 1024 * 1024

PATH = "/xml_curl"

_BELOW = f"{PATH}/"
_WAYS = ("POST", "PUT", "GET")
# What uvicorn writes for the same.
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/xml\r\ncontent-length: %d\r\n\r\n"
_FORM_IN_QUERY = re.compile(rb"(?:^|&)(hostname=[^&]*&section=)")

_TEXT = (b"content-type", b"text/plain; charset=utf-8")
_XML = (b"content-type", b"text/xml")
_CLOSE = (b"connection", b"close")


class Answering(Protocol):
    """What knows the answers (`controlplane.answers.answers.Answers`)."""

    def cached(self, node: str, question: Question) -> Answer | None:
        """The answer at once, or None."""

    async def answer(self, node: str, question: Question) -> Answer:
        """The answer; raises AnswerError."""


class TooLarge(Exception):  # noqa: N818 - what happened, not what it is
    """The body passes the limit."""


class Gone(Exception):  # noqa: N818 - what happened, not what it is
    """The caller hung up."""


class XmlCurl:
    """Answers lookups at PATH and below it; everything else goes to `otherwise`, or is 404.

    The credential decides the node, and is looked at before the body is; the form's `hostname` must be
    that node's switchname.
    """

    def __init__(
        self,
        answers: Answering,
        door: Door,
        asked: Asked,
        *,
        body_limit: int = BODY_LIMIT,
        otherwise: ASGIApp | None = None,
    ) -> None:
        self._answers = answers
        self._door = door
        self._caller = door.caller
        self._asked = asked
        self._note = asked.note
        self._body_limit = body_limit
        self._otherwise = otherwise

    def at_once(self, scope: Scope, body: bytes) -> bytes | None:
        """The whole response to a lookup whose answer is kept; None: it takes a call to say more.

        For a node without further conditions: what it shows is looked at here, what it must meet is not.
        """
        began = perf_counter()
        path = scope["path"]
        if path != PATH and not path.startswith(_BELOW):
            return None
        for name, value in scope["headers"]:
            if name == b"authorization":
                caller = self._caller(value)
                break
        else:
            return None
        method = scope["method"]
        if caller is None or caller.bound or len(body) > self._body_limit or method not in _WAYS:
            return None
        try:
            question = read(body if method != "GET" else _query(scope))
        except BadLookup:
            return None
        if question.hostname != caller.switchname:
            return None
        answer = self._answers.cached(caller.name, question)
        if answer is None:
            return None
        self._note((began, perf_counter(), caller.name, scope["client"], question, answer, True))
        return _HEAD % len(answer.body) + answer.body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if scope["type"] != "http" or not (path == PATH or path.startswith(_BELOW)):
            await self._elsewhere(scope, receive, send)
            return
        authorization, length = b"", b"0"
        for name, value in scope["headers"]:
            if name == b"authorization":
                authorization = authorization or value
            elif name == b"content-length":
                length = value
        began = perf_counter()
        caller = self._caller(authorization)
        if caller is None or caller.bound:
            found = self._door.admit(scope, authorization)
            if isinstance(found, Refusal):
                self._refused(scope, began, found)
                await _reply(send, found.status, found.reason, *found.headers)
                return
            caller = found
        try:
            form = await self._form(scope, length, receive)
            question = read(form)
        except TooLarge:
            reason = f"a body of more than {self._body_limit} bytes"
            self._refused(scope, began, Refusal(413, reason, caller.name))
            await _reply(send, 413, "the body is too large", _CLOSE)
        except BadLookup as error:
            self._refused(scope, began, Refusal(400, str(error), caller.name))
            await _reply(send, 400, str(error))
        except Gone:
            return
        else:
            if question.hostname != caller.switchname:
                refusal = _misnamed(caller, question.hostname)
                self._refused(scope, began, refusal, question)
                await _reply(send, refusal.status, refusal.reason)
                return
            answer = self._answers.cached(caller.name, question)
            hit = answer is not None
            if answer is None:
                try:
                    answer = await self._answers.answer(caller.name, question)
                except AnswerError as error:
                    text = _failed(caller, error)
                    self._asked.failed(began, caller.name, source_of(scope), question, text)
                    await _reply(send, 503, text)
                    return
            body = answer.body
            self._note((began, perf_counter(), caller.name, scope["client"], question, answer, hit))
            await send(
                {
                    "type": "http.response.start",
                    "status": 200,
                    "headers": [_XML, (b"content-length", b"%d" % len(body))],
                }
            )
            await send({"type": "http.response.body", "body": body})

    async def _form(self, scope: Scope, length: bytes, receive: Receive) -> bytes:
        """The body, or the query string of a GET; raises TooLarge, BadLookup, Gone."""
        method = scope["method"]
        if method == "GET":
            return _query(scope)
        if method.upper() not in _WAYS:
            raise BadLookup(f"{method} is no way to ask")
        if len(length) > 9 or int(length) > self._body_limit:
            raise TooLarge
        parts: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Gone
            part: bytes = message.get("body", b"")
            if not message.get("more_body"):
                if size + len(part) > self._body_limit:
                    raise TooLarge
                return b"".join((*parts, part)) if parts else part
            parts.append(part)
            size += len(part)
            if size > self._body_limit:
                raise TooLarge

    async def _elsewhere(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._otherwise is not None:
            await self._otherwise(scope, receive, send)
        elif scope["type"] == "http":
            await _reply(send, 404, f"lookups are asked at {PATH}")

    def _refused(
        self, scope: Scope, began: float, refusal: Refusal, question: Question | None = None
    ) -> None:
        source = source_of(scope)
        if refusal.told:
            who = refusal.node or "an unknown caller"
            about = {"node": refusal.node} if refusal.node is not None else {}
            log.warning("a lookup of %s is refused: %s, from %s", who, refusal.reason, source, extra=about)
        self._asked.refused(began, refusal.node, source, question, refusal.status, refusal.reason)


def _query(scope: Scope) -> bytes:
    """The form in a query string, behind what the gateway-url itself may ask (mod_xml_curl.c:206)."""
    query: bytes = scope["query_string"]
    found = _FORM_IN_QUERY.search(query)
    return query if found is None else query[found.start(1) :]


def _misnamed(caller: Caller, hostname: str) -> Refusal:
    shown = hostname[:255].encode(errors="replace").decode()
    reason = f"it calls itself {shown!r}, but its switchname is {caller.switchname!r}"
    return Refusal(403, reason, caller.name)


def _failed(caller: Caller, error: AnswerError) -> str:
    about = {"node": caller.name}
    if isinstance(error, Unanswerable):
        log.warning("a lookup of %s cannot be answered: %s", caller.name, error, extra=about)
        return str(error)
    log.error("a lookup of %s cannot be answered", caller.name, exc_info=error, extra=about)
    return "what is stored cannot be given to FreeSWITCH"


async def _reply(send: Send, status: int, text: str, *headers: tuple[bytes, bytes]) -> None:
    body = f"{text}\n".encode(errors="replace")
    length = (b"content-length", b"%d" % len(body))
    await send(
        {"type": "http.response.start", "status": status, "headers": [_TEXT, length, *headers]},
    )
    await send({"type": "http.response.body", "body": body})
