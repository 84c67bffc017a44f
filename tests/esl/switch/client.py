"""The smallest Event Socket client: bytes out, frames in."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple
from urllib.parse import unquote

PATIENCE = 10.0


class Frame(NamedTuple):
    headers: dict[str, str]
    body: str
    raw: bytes

    @property
    def event(self) -> dict[str, str]:
        """An event's headers, decoded; a plain or JSON one."""
        if self.headers["Content-Type"] == "text/event-json":
            told: dict[str, str] = json.loads(self.body)
            return told
        pairs = (line.partition(": ") for line in self.body.partition("\n\n")[0].split("\n"))
        return {name: unquote(value) for name, _, value in pairs}


class Client:
    """One connection. Events are kept in ``events`` from the moment they come."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._replies: asyncio.Queue[Frame | None] = asyncio.Queue()
        self.events: list[dict[str, str]] = []
        self.received = bytearray()
        self._task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        try:
            while True:
                frame = await self._frame()
                if frame.headers.get("Content-Type", "").startswith("text/event"):
                    self.events.append(frame.event)
                else:
                    self._replies.put_nowait(frame)
        except (asyncio.IncompleteReadError, ConnectionError):
            self._replies.put_nowait(None)

    async def _frame(self) -> Frame:
        head = await self._reader.readuntil(b"\n\n")
        pairs = (line.partition(": ") for line in head.decode(errors="replace").strip().split("\n"))
        headers = {name: value for name, _, value in pairs}
        body = await self._reader.readexactly(int(headers.get("Content-Length", "0")))
        self.received += head + body
        return Frame(headers, body.decode(), head + body)

    def write(self, text: str) -> None:
        self._writer.write(text.encode())

    async def reply(self) -> Frame | None:
        """The next frame that is no event; None when the node has left."""
        return await asyncio.wait_for(self._replies.get(), PATIENCE)

    async def send(self, text: str) -> Frame:
        self.write(f"{text}\n\n")
        frame = await self.reply()
        assert frame is not None, "the node left"
        return frame

    async def api(self, line: str) -> str:
        return (await self.send(f"api {line}")).body

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._writer.close()


@asynccontextmanager
async def client(
    port: int, *, password: str | None = "ClueCon", events: str | None = None
) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    made = Client(reader, writer)
    try:
        if password is not None:
            greeting = await made.reply()
            assert greeting is not None
            assert greeting.raw == b"Content-Type: auth/request\n\n"
            reply = await made.send(f"auth {password}")
            assert reply.headers["Reply-Text"] == "+OK accepted"
        if events is not None:
            await made.send(f"event {events}")
        yield made
    finally:
        await made.close()


async def until(condition: Callable[[], object], what: str) -> None:
    """Waits till something holds."""
    try:
        async with asyncio.timeout(PATIENCE):
            while not condition():  # noqa: ASYNC110 - what is waited for tells nobody
                await asyncio.sleep(0.002)
    except TimeoutError:
        raise AssertionError(f"never: {what}") from None
