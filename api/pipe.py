"""Frozen values between two processes of ours, in order, over a socket pair.

Each side has handlers by name. `tell` has one called over there; `call` waits for what it gives as well.
What was told is taken in before what was told after it, and before any call that came after it.
"""

import asyncio
import inspect
import logging
import pickle
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

log = logging.getLogger(__name__)

Handlers: TypeAlias = Mapping[str, Callable[..., Any]]

_HEAD = 4
_CHUNK = 1 << 18
_REPLY = ""


class PipeClosed(Exception):  # noqa: N818 - what happened, not what it is
    """The other process is no more, or lets go of us."""

    def __init__(self) -> None:
        super().__init__("the other process is no more")


class Failed(Exception):  # noqa: N818 - what happened, not what it is
    """Over there something was raised that cannot be handed over; the text says what."""


class Pipe:
    """One end. Used from one event loop's thread; `closed` is set once the other end is gone.

    What a handler raises goes to the caller. Of what was only told nobody waits for the outcome: one that
    fails there is a defect, after which the two sides may not know the same any more, so the pipe is closed.
    """

    def __init__(self, one: socket.socket, handlers: Handlers) -> None:
        one.setblocking(False)
        self._socket = one
        self._handlers = handlers
        self._received = bytearray()
        self._sending = bytearray()
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._answering: set[asyncio.Task[None]] = set()
        self._next = 1
        self.closed = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(one, self.catch_up)

    def tell(self, name: str, *args: Any) -> None:
        """Have `name` called with these over there; nothing is done once the pipe is closed."""
        self._send((0, name, args))

    async def call(self, name: str, *args: Any) -> Any:
        """Give what `name` gives over there; raises what it raises, and PipeClosed."""
        if self.closed.is_set():
            raise PipeClosed
        number, self._next = self._next, self._next + 1
        future = self._waiting[number] = self._loop.create_future()
        self._send((number, name, args))
        try:
            return await future
        finally:
            self._waiting.pop(number, None)

    def catch_up(self) -> None:
        """Take in all that has arrived, now."""
        while not self.closed.is_set():
            try:
                data = self._socket.recv(_CHUNK)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self.close()
                return
            self._received += data
            self._take()

    def close(self) -> None:
        """Let go of the other side."""
        if self.closed.is_set():
            return
        self.closed.set()
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        self._socket.close()
        for task in self._answering:
            task.cancel()
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(PipeClosed())

    def _take(self) -> None:
        while len(self._received) >= _HEAD:
            end = _HEAD + int.from_bytes(self._received[:_HEAD])
            if len(self._received) < end:
                return
            frame = bytes(self._received[_HEAD:end])
            # Before it is acted on: a handler may catch up itself.
            del self._received[:end]
            # From a process that is ours, over a socket that has no name.
            self._act(*pickle.loads(frame))  # noqa: S301

    def _act(self, number: int, name: str, args: tuple[Any, ...]) -> None:
        if name == _REPLY:
            self._reply(number, *args)
            return
        try:
            given = self._handlers[name](*args)
        except Exception as error:  # noqa: BLE001 - the caller's to judge
            self._gave(number, name, error)
            return
        if inspect.isawaitable(given):
            task = asyncio.ensure_future(self._give(number, name, given))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)
        elif number:
            self._send((number, _REPLY, (True, given)))

    async def _give(self, number: int, name: str, given: Awaitable[Any]) -> None:
        try:
            self._send((number, _REPLY, (True, await given)))
        except Exception as error:  # noqa: BLE001 - the caller's to judge
            self._gave(number, name, error)

    def _gave(self, number: int, name: str, error: Exception) -> None:
        if number:
            self._send((number, _REPLY, (False, _portable(error))))
        else:
            log.error("what the other process told, %s, could not be taken in", name, exc_info=error)
            self.close()

    def _reply(self, number: int, good: bool, given: Any) -> None:
        future = self._waiting.get(number)
        if future is None or future.done():
            return
        if good:
            future.set_result(given)
        else:
            future.set_exception(given)

    def _send(self, what: tuple[int, str, tuple[Any, ...]]) -> None:
        if self.closed.is_set():
            return
        data = pickle.dumps(what, pickle.HIGHEST_PROTOCOL)
        frame = len(data).to_bytes(_HEAD) + data
        if self._sending:
            self._sending += frame
            return
        sent = self._write(frame)
        if sent < len(frame):
            self._sending += frame[sent:]
            self._loop.add_writer(self._socket, self._writable)

    def _writable(self) -> None:
        del self._sending[: self._write(self._sending)]
        if not self._sending and not self.closed.is_set():
            self._loop.remove_writer(self._socket)

    def _write(self, data: bytes | bytearray) -> int:
        try:
            return self._socket.send(data)
        except BlockingIOError:
            return 0
        except OSError:
            # The reader finds out, and says so.
            return len(data)


def _portable(error: Exception) -> Exception:
    """The error, if it comes out over there as what it is: whoever waits for it must hear of it."""
    try:
        pickle.loads(pickle.dumps(error, pickle.HIGHEST_PROTOCOL))  # noqa: S301 - just made
    except Exception:
        log.error("what was raised cannot be handed over", exc_info=error)
        return Failed(f"{type(error).__name__}: {error}")
    return error
