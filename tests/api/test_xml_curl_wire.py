"""Recorded requests, byte for byte on a connection, through the HTTP server that nodes meet."""

import asyncio
import contextlib
import json
import socket
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from api.asked import Asked
from api.door import Door
from api.listeners import Listener, bind
from api.metrics import Counts
from api.xml_curl import XmlCurl
from tests.api.test_xml_curl import FORM, Known, auth_of, basic, node

RECORDINGS = Path(__file__).parents[1] / "data" / "http"


class Ask(Protocol):
    def __call__(self, *requests: bytes) -> Awaitable[bytes]: ...


def wrapped(endpoint: XmlCurl) -> ASGIApp:
    """The same application to uvicorn, and none that could be asked for what stands ready."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await endpoint(scope, receive, send)

    return app


@contextlib.asynccontextmanager
async def listening(
    form: Callable[[XmlCurl], ASGIApp] = lambda endpoint: endpoint, known: Known | None = None
) -> AsyncIterator[int]:
    """A listener that answers; gives its port."""
    door = Door(await auth_of(node("fsuser", "fspass", switchname="fs1")))
    endpoint = XmlCurl(known or Known(), door, Asked(lambda _: None, Counts()))
    sockets = bind("127.0.0.1", 0)
    listener = Listener(form(endpoint), sockets, grace=1)
    serving = asyncio.create_task(listener.run_until_closed())
    try:
        await listener.listening.wait()
        yield sockets[0].getsockname()[1]
    finally:
        listener.close()
        await serving
        for one in sockets:
            one.close()


def asked(
    talk: Callable[[Ask], Awaitable[None]],
    form: Callable[[XmlCurl], ASGIApp] = lambda endpoint: endpoint,
    known: Known | None = None,
) -> None:
    """Run `talk` with a function that sends requests on a new connection and gives the last reply."""

    async def run() -> None:
        async with listening(form, known) as port:

            async def ask(*requests: bytes) -> bytes:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                reply = b""
                for request in requests:
                    writer.write(request)
                    async with asyncio.timeout(5):
                        reply = await reader.readuntil(b"\r\n\r\n")
                        length = int(reply.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
                        reply += await reader.readexactly(length)
                writer.close()
                await writer.wait_closed()
                return reply

            await talk(ask)

    asyncio.run(run())


def said(*pieces: bytes, until: bytes, form: Callable[[XmlCurl], ASGIApp]) -> bytes:
    """What comes on one connection, up to and with `until`, when the pieces are sent one by one."""

    async def run() -> bytes:
        async with listening(form) as port, asyncio.timeout(5):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for piece in pieces:
                writer.write(piece)
                await asyncio.sleep(0)
            reply = await reader.readuntil(until)
            writer.close()
            await writer.wait_closed()
            return reply

    return asyncio.run(run())


def wire(record: dict[str, Any], authorization: bytes | None) -> bytes:
    """The request as it was sent; with a credential where none was recorded."""
    lines = [f"{record['method']} {record['path']} {record['http_version']}".encode()]
    lines += [f"{name}: {value}".encode() for name, value in record["headers"]]
    if authorization is not None:
        lines.append(b"Authorization: " + authorization)
    body: str = record["body"]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body.encode()


@pytest.mark.parametrize("form", [lambda endpoint: endpoint, wrapped], ids=["ready", "called"])
def test_every_recorded_request_is_understood(form: Callable[[XmlCurl], ASGIApp]) -> None:
    """401 where the node showed no credential, or one for another server's challenge."""
    records = [
        json.loads(line)
        for path in sorted(RECORDINGS.glob("*.jsonl"))
        for line in path.read_text().splitlines()
    ]

    async def talk(ask: Ask) -> None:
        seen: Counter[tuple[str, int]] = Counter()
        for record in records:
            # Redirected or sent elsewhere on purpose: other paths of the recording server.
            if record["path"].partition("?")[0] != "/xml_curl":
                continue
            shown = any(name == "Authorization" for name, _ in record["headers"])
            challenged = record["answered"] == "challenge"
            reply = await ask(wire(record, None if shown or challenged else basic("fsuser", "fspass")))
            seen[record["scenario"] if shown or challenged else "", int(reply.split()[1])] += 1
        counted = seen.pop(("", 200))
        assert counted > 500
        assert seen == {
            ("variants/credentials-basic-preemptive", 200): 1,
            ("variants/credentials-default-scheme", 200): 1,
            ("variants/credentials-any-basic-server", 401): 1,
            ("variants/credentials-any-basic-server", 200): 1,
            ("variants/credentials-basic-wrong", 401): 2,
            ("variants/no-credentials-401", 401): 2,
            ("variants/credentials-digest-without-equals-sign", 401): 2,
        }

    asked(talk, form)


def request(method: bytes, body: bytes, password: str = "fspass") -> bytes:
    form = body.replace(b"switch1", b"fs1")
    lines = [
        method + b" /xml_curl HTTP/1.1",
        b"Host: x",
        b"Content-Length: %d" % len(form),
        b"Authorization: " + basic("fsuser", password),
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n" + form


def test_post_in_lower_case_again_on_the_same_connection() -> None:
    async def talk(ask: Ask) -> None:
        reply = await ask(request(b"post", FORM), request(b"post", FORM))
        assert reply.startswith(b"HTTP/1.1 200 ")
        assert b"content-type: text/xml" in reply.lower()

    asked(talk)


def test_a_challenged_caller_may_ask_again_on_the_same_connection() -> None:
    """libcurl sends the whole body, gets its 401, and asks again with what it now knows to be wanted."""

    async def talk(ask: Ask) -> None:
        reply = await ask(request(b"POST", FORM, "wrong"))
        assert reply.startswith(b"HTTP/1.1 401 ")
        reply = await ask(request(b"POST", FORM, "wrong"), request(b"POST", FORM))
        assert reply.startswith(b"HTTP/1.1 200 ")

    asked(talk)


def test_a_body_that_begins_like_a_request_is_left_alone() -> None:
    async def talk(ask: Ask) -> None:
        reply = await ask(request(b"POST", b"post " + FORM))
        assert reply.startswith(b"HTTP/1.1 400 ")

    asked(talk)


def test_what_stands_ready_is_written_as_the_application_would() -> None:
    replies: list[bytes] = []

    async def talk(ask: Ask) -> None:
        replies.append(await ask(request(b"POST", FORM)))

    calls = [Known(), Known()]
    asked(talk, known=calls[0])
    asked(talk, wrapped, known=calls[1])
    assert replies[0] == replies[1]
    assert calls[0].asked == calls[1].asked


READY = b"HTTP/1.1 200 OK\r\ncontent-type: text/xml\r\ncontent-length: 11\r\n\r\n<document/>"
FORMS = pytest.mark.parametrize("form", [lambda endpoint: endpoint, wrapped], ids=["ready", "called"])


@FORMS
def test_requests_in_one_packet_are_answered_in_their_order(form: Callable[[XmlCurl], ASGIApp]) -> None:
    good, wrong = request(b"POST", FORM), request(b"POST", FORM, "wrong")
    reply = said(good + wrong + good + good, until=READY + READY, form=form)
    assert reply.startswith(READY + b"HTTP/1.1 401 ")
    assert reply.count(READY) == 3


@FORMS
def test_a_request_may_come_in_pieces(form: Callable[[XmlCurl], ASGIApp]) -> None:
    whole = request(b"POST", FORM)
    pieces = [whole[at : at + 60] for at in range(0, len(whole), 60)]
    assert said(*pieces, whole, until=READY + READY, form=form) == READY + READY


@FORMS
def test_of_two_credentials_the_first_is_looked_at(form: Callable[[XmlCurl], ASGIApp]) -> None:
    wrong = b"\r\nAuthorization: " + basic("fsuser", "wrong")
    second = request(b"POST", FORM).replace(b"\r\n\r\n", wrong + b"\r\n\r\n")
    first = request(b"POST", FORM).replace(b"Host: x", b"Host: x" + wrong)
    assert said(second + first, until=b"wrong credentials\n", form=form).startswith(READY + b"HTTP/1.1 401 ")


@FORMS
@pytest.mark.parametrize(
    ("line", "reply"),
    [
        (b"Expect: 100-continue", b"HTTP/1.1 100 Continue\r\n\r\n" + READY),
        (b"Connection: close", READY.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")),
        (b"Cookie: a=b", READY),
    ],
)
def test_headers_are_heeded(line: bytes, reply: bytes, form: Callable[[XmlCurl], ASGIApp]) -> None:
    asking = request(b"POST", FORM).replace(b"Host: x", b"Host: x\r\n" + line)
    # With Expect the body waits for leave.
    head, body = asking[: -len(FORM)], asking[-len(FORM) :]
    assert said(head, body, until=b"<document/>", form=form) == reply
