"""A TCP proxy on loopback that can be made to stall, cut, half-open, garble and delay what it carries."""

import asyncio
import contextlib
import socket
from collections.abc import Callable

_ESTABLISHED = 1
"""A state of TCP (tcp(7), TCP_INFO)."""


class _Wire:
    """One connection through the proxy: `near` to the client, `far` to the target."""

    def __init__(
        self,
        near: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        far: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        self.near = near
        self.far = far
        self.alone = False
        """One side is gone and the other was not told: what that one says is swallowed."""

    def reset(self) -> None:
        for _, writer in (self.near, self.far):
            writer.transport.abort()


class Proxy:
    """Passes connections on to a port. All of it belongs to the loop in which it was started.

    `seen`: is handed every piece that a client sends, and which connection it came by, before it is
    passed on.
    """

    def __init__(self, target: int, seen: Callable[[object, bytes], None] | None = None) -> None:
        self.target = target
        self.port = 0
        self.refuses = False
        """New connections are reset."""
        self.delay = 0.0
        """Seconds for which every piece is held back, both ways."""
        self._seen = seen
        self._flows = asyncio.Event()
        self._flows.set()
        self._cut: int | None = None
        self._garble = False
        self._wires: set[_Wire] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self, port: int = 0) -> None:
        """Listen there; 0: anywhere, told by `port`."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", port, backlog=128)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        self.reset()
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # --- faults ----------------------------------------------------------------------------------

    def stall(self) -> None:
        """Nothing passes, either way; connections stand, and new ones wait to be begun.

        Who gives up meanwhile was never heard, for no SYN of his got through.
        """
        self._flows.clear()

    def reset(self) -> None:
        """Every connection is reset, both sides told."""
        for wire in tuple(self._wires):
            wire.reset()

    def cut(self, after: int) -> None:
        """So many more bytes come from the target, then the connection that they came by is reset."""
        self._cut = after

    def garble(self) -> None:
        """The next piece that comes from the target is damaged, length kept."""
        self._garble = True

    def lose_target(self) -> None:
        """The target is gone, and its clients, not told, are heard by nobody. New ones get through."""
        for wire in tuple(self._wires):
            wire.alone = True
            wire.far[1].transport.abort()

    def lose_clients(self) -> None:
        """The clients are gone, and the target is not told."""
        for wire in tuple(self._wires):
            wire.alone = True
            wire.near[1].transport.abort()

    def mend(self) -> None:
        """Nothing more goes wrong. What was lost stays lost: whoever holds it has to find out."""
        self.refuses, self.delay, self._cut, self._garble = False, 0.0, None, False
        self._flows.set()

    # --- inside ----------------------------------------------------------------------------------

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._carry(reader, writer)
        except asyncio.CancelledError:
            pass  # stopped
        finally:
            writer.transport.abort()
            self._tasks.discard(task)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refuses:
            return
        await self._flows.wait()
        if _left(writer):
            return
        try:
            far = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            return
        wire = _Wire((reader, writer), far)
        self._wires.add(wire)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pump(wire, wire.near[0], wire.far[1], self._from_client))
                both.create_task(self._pump(wire, wire.far[0], wire.near[1], self._from_target))
        finally:
            self._wires.discard(wire)
            wire.reset()

    async def _pump(
        self,
        wire: _Wire,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        passing: Callable[[_Wire, bytes], bytes],
    ) -> None:
        """Until one side leaves; the other then gets what was on its way, and an end."""
        with contextlib.suppress(ConnectionError):
            while data := await source.read(65536):
                await self._flows.wait()
                if self.delay:
                    await asyncio.sleep(self.delay)
                if wire.alone:
                    continue
                cut = self._cut
                sink.write(passing(wire, data))
                await sink.drain()
                if cut is not None and self._cut is None:
                    # Written, but not read yet by whoever it is for: a reset would take it back.
                    sink.close()
                    await sink.wait_closed()
                    wire.reset()
                    return
            await self._flows.wait()
        if not wire.alone:
            sink.close()

    def _from_client(self, wire: _Wire, data: bytes) -> bytes:
        if self._seen is not None:
            self._seen(wire, data)
        return data

    def _from_target(self, wire: _Wire, data: bytes) -> bytes:
        if self._garble:
            self._garble = False
            data = bytes(byte ^ 0x80 if byte != 0x0A else byte for byte in data)
        if self._cut is not None:
            data, left = data[: self._cut], self._cut - len(data)
            self._cut = left if left > 0 else None
        return data


def _left(writer: asyncio.StreamWriter) -> bool:
    """Whether the other side hung up, be what it said before unread."""
    info: bytes = writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)
    return info[0] != _ESTABLISHED
