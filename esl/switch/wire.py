"""The sending half of a connection, where the faults strike."""

import asyncio
import contextlib

from esl.switch.faults import Faults

_POLL = 0.02
_MOST_WAITING = 16 * 1024 * 1024


class Wire:
    """Writes frames; cuts, garbles or withholds them as the switch's faults say."""

    def __init__(self, writer: asyncio.StreamWriter, faults: Faults) -> None:
        self._writer = writer
        self._faults = faults

    def send(self, data: bytes) -> None:
        """A reply."""
        faults = self._faults
        if faults.cut is not None and not data.startswith(b"Content-Type: auth/request"):
            data, faults.cut = data[: faults.cut], None
            self._writer.write(data)
            # Flushed, then gone without a goodbye.
            self._writer.close()
            return
        if faults.garble and not data.startswith(b"Content-Type: auth/request"):
            data, faults.garble = _garbled(data), False
        self._write(data)

    def send_event(self, data: bytes) -> None:
        """An event; dropped while stalled, or when the client reads nothing for long."""
        if not self._faults.stall and self._writer.transport.get_write_buffer_size() < _MOST_WAITING:
            self._write(data)

    async def stalled(self) -> None:
        """Waits while the switch hangs."""
        while self._faults.stall:  # noqa: ASYNC110 - set from any thread
            await asyncio.sleep(_POLL)

    async def close(self) -> None:
        """Sends what waits, and closes."""
        self._writer.close()
        with contextlib.suppress(ConnectionError, TimeoutError):
            await asyncio.wait_for(self._writer.wait_closed(), 1.0)

    def _write(self, data: bytes) -> None:
        if not self._writer.is_closing():
            self._writer.write(data)


def _garbled(data: bytes) -> bytes:
    """The same length, with its header's names and numbers damaged."""
    head, blank, body = data.partition(b"\n\n")
    return bytes(byte ^ 0x80 if byte != 0x0A else byte for byte in head) + blank + body
