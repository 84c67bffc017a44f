"""The proxy itself: it can only show faults that it makes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from tests.faults.proxy import Proxy

Talk = Callable[[Proxy, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def echoing(seen: Callable[[object, bytes], None] | None = None) -> AsyncIterator[Proxy]:
    """A proxy before a server that says back what it hears."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(100):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    proxy = Proxy(server.sockets[0].getsockname()[1], seen)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()
        server.close()


async def said(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, text: bytes, back: int) -> bytes:
    writer.write(text)
    async with asyncio.timeout(5):
        return await reader.readexactly(back)


async def whole(proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    assert await said(reader, writer, b"hello", 5) == b"hello"


async def cut(proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    proxy.cut(3)
    assert await said(reader, writer, b"hello", 3) == b"hel"
    with pytest.raises(asyncio.IncompleteReadError):
        await reader.readexactly(1)


async def garbled(proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    proxy.garble()
    assert await said(reader, writer, b"a\n", 2) == b"\xe1\n"
    assert await said(reader, writer, b"a\n", 2) == b"a\n"


async def stalled(proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    proxy.stall()
    writer.write(b"hello")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await reader.read(1)
    proxy.mend()
    assert await said(reader, writer, b"", 5) == b"hello"


async def without_target(proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    proxy.lose_target()
    writer.write(b"hello")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await reader.read(1)
    again = await asyncio.open_connection("127.0.0.1", proxy.port)
    assert await said(*again, b"hello", 5) == b"hello"
    again[1].close()


async def reset(proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    proxy.reset()
    with pytest.raises(ConnectionError):
        await said(reader, writer, b"hello", 5)


async def refused(proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    proxy.refuses = True
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await said(*await asyncio.open_connection("127.0.0.1", proxy.port), b"hello", 5)


@pytest.mark.parametrize("talk", [whole, cut, garbled, stalled, without_target, reset, refused])
def test_the_proxy(talk: Talk) -> None:
    async def main() -> None:
        async with echoing() as proxy:
            reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
            await said(reader, writer, b"here", 4)
            await talk(proxy, reader, writer)
            writer.close()

    asyncio.run(main())


def test_what_was_given_up_while_the_way_stalled_never_got_through() -> None:
    heard: list[bytes] = []

    async def main() -> None:
        async with echoing(lambda _, data: heard.append(data)) as proxy:
            proxy.stall()
            _, gone = await asyncio.open_connection("127.0.0.1", proxy.port)
            gone.write(b"too late")
            gone.close()
            await gone.wait_closed()
            reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
            proxy.mend()
            assert await said(reader, writer, b"hello", 5) == b"hello"
            writer.close()

    asyncio.run(main())
    assert heard == [b"hello"]
