"""A backend for lookups: serves what a test puts into it, and keeps what it was asked."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import unquote

DATA = Path(__file__).parent.parent.parent / "data"
CANNED = DATA / "canned"
NOT_FOUND = (
    '<document type="freeswitch/xml"><section name="result"><result status="not found"/></section></document>'
)


def canned(name: str) -> str:
    return (CANNED / name).read_text()


def form(body: bytes) -> dict[str, str]:
    pairs = (pair.partition("=") for pair in body.decode().split("&"))
    return {name: unquote(value) for name, _, value in pairs}


def subject(body: bytes) -> str:
    """What a lookup is about, in a word or two."""
    told = form(body)
    if told["section"] != "directory":
        return told["key_value"] or told["section"]
    return told.get("purpose") or f"user {told.get('user', '')}".strip()


class Backend:
    """``documents``: subject -> the answer's text; all else is not found."""

    def __init__(self) -> None:
        self.documents: dict[str, str] = {}
        self.respond: Callable[[bytes], bytes] | None = None
        self.requests: list[bytes] = []
        self.heads: list[bytes] = []
        self.hold = asyncio.Event()
        self.hold.set()
        self.url = ""

    def subjects(self) -> list[str]:
        return [subject(body) for body in self.requests]

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
            body = await reader.readexactly(length)
            self.heads.append(head)
            self.requests.append(body)
            await self.hold.wait()
            if self.respond is not None:
                writer.write(self.respond(body))
            else:
                writer.write(ok(self.documents.get(subject(body), NOT_FOUND)))
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the switch has left
        finally:
            writer.close()


def ok(text: str, status: str = "200 OK") -> bytes:
    data = text.encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: text/xml\r\nContent-Length: {len(data)}\r\n\r\n"
    return head.encode() + data


@asynccontextmanager
async def backend(**documents: str) -> AsyncIterator[Backend]:
    made = Backend()
    made.documents.update({name.replace("__", " "): text for name, text in documents.items()})
    server = await asyncio.start_server(made.handle, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/xml_curl"
    try:
        yield made
    finally:
        made.hold.set()
        server.close()
        await server.wait_closed()
