"""Recorded requests, byte for byte on a connection, through the HTTP server that nodes meet."""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol

import uvicorn
from uvicorn.server import ServerState

from api.asked import Asked
from api.door import Door
from api.lookup_protocol import LookupProtocol
from api.metrics import Metrics
from api.xml_curl import XmlCurl
from tests.api.test_xml_curl import FORM, Known, auth_of, basic, node

RECORDINGS = Path(__file__).parents[1] / "data" / "http"


class Ask(Protocol):
    def __call__(self, *requests: bytes) -> Awaitable[bytes]: ...


def asked(talk: Callable[[Ask], Awaitable[None]]) -> None:
    """Run `talk` with a function that sends requests on a new connection and gives the last reply."""

    async def run() -> None:
        door = Door(await auth_of(node("fsuser", "fspass", switchname="fs1")))
        endpoint = XmlCurl(Known(), door, Asked(lambda _: None, Metrics()))
        config = uvicorn.Config(endpoint, lifespan="off", log_config=None, access_log=False, ws="none")
        config.load()
        loop = asyncio.get_running_loop()
        state = ServerState()
        server = await loop.create_server(lambda: LookupProtocol(config, state, {}), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]

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

        async with server:
            await talk(ask)

    asyncio.run(run())


def wire(record: dict[str, Any], authorization: bytes | None) -> bytes:
    """The request as it was sent; with a credential where none was recorded."""
    lines = [f"{record['method']} {record['path']} {record['http_version']}".encode()]
    lines += [f"{name}: {value}".encode() for name, value in record["headers"]]
    if authorization is not None:
        lines.append(b"Authorization: " + authorization)
    body: str = record["body"]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body.encode()


def test_every_recorded_request_is_understood() -> None:
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

    asked(talk)


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
