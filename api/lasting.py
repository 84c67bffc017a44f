"""An answer that goes on ends with the token that it was asked for by: revoked, it is told nothing more."""

import asyncio
from collections.abc import Awaitable, Callable

from starlette.types import Message, Receive, Send

_END: Message = {"type": "http.response.body", "body": b"", "more_body": False}


class Lasting:
    """One request's `receive` and `send`.

    A part of an answer that others follow is sent only while `holds()` says yes. After a no the answer is
    over, and the application hears that nobody listens any more.
    """

    def __init__(self, receive: Receive, send: Send, holds: Callable[[], Awaitable[bool]]) -> None:
        self._receive = receive
        self._send = send
        self._holds = holds
        self._asked = False
        self._over = asyncio.Event()

    async def send(self, message: Message) -> None:
        """Pass a part on, or the end in its place."""
        if self._over.is_set():
            return
        if message.get("more_body") and not await self._holds():
            self._over.set()
            message = _END
        await self._send(message)

    async def receive(self) -> Message:
        """Pass the request on; after it, that the caller has gone, or may hear no more."""
        if not self._asked:
            message = await self._receive()
            self._asked = not message.get("more_body")
            return message
        gone, over = asyncio.ensure_future(self._receive()), asyncio.create_task(self._over.wait())
        try:
            await asyncio.wait({gone, over}, return_when=asyncio.FIRST_COMPLETED)
            return gone.result() if gone.done() else {"type": "http.disconnect"}
        finally:
            gone.cancel()
            over.cancel()
