"""Event Socket bytes to frames, and frames to events. No I/O.

A frame is a block of ``Name: value`` lines ended by an empty line, then ``Content-Length`` bytes
of body. Only documented errors leave this module: :class:`ProtocolError` and its child
:class:`FrameTooLarge`. Bytes that are not UTF-8 become U+FFFD; they never stop a stream.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from esl.errors import FrameTooLarge, ProtocolError

_NEEDS_LENGTH = frozenset({"api/response", "log/data"})


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one frame may hold, in bytes; and how many ``frames`` are given at once."""

    header_bytes: int = 64 * 1024
    body_bytes: int = 64 * 1024 * 1024
    frames: int = 500


@dataclass(frozen=True, slots=True)
class Frame:
    """One message from the node; header names as sent, values stripped."""

    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def content_type(self) -> str:
        """The frame's kind, such as ``command/reply``."""
        return self.headers["Content-Type"]

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace")

    @property
    def reply(self) -> str:
        """What the node answered: ``Reply-Text`` of a command/reply, else the body."""
        if self.content_type == "command/reply":
            return self.headers.get("Reply-Text", "")
        return self.text


@dataclass(frozen=True, slots=True)
class Event:
    """One event, values decoded. A body (a background job's result) is ``body``."""

    name: str
    subclass: str | None
    headers: Mapping[str, str]
    body: str = ""


class FrameParser:
    """Takes bytes in any pieces, gives whole frames.

    Invariant: the buffer starts at a frame's first byte, so what is held is at most one header
    block or one body past its limit, and what was fed since fewer than ``frames`` came back. After an
    error the stream is out of step: throw the parser away.
    """

    __slots__ = ("_buffer", "_headers", "_length", "_limits", "_scanned")

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._buffer = bytearray()
        self._headers: dict[str, str] | None = None
        self._length = 0
        self._scanned = 0

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that ``data`` completes; as many as are given at once: ask with ``b""`` for more.

        Raises ProtocolError, FrameTooLarge.
        """
        buffer = self._buffer
        buffer += data
        frames: list[Frame] = []
        while len(frames) < self._limits.frames:
            if self._headers is None and not self._take_headers():
                return frames
            if len(buffer) < self._length:
                return frames
            body = bytes(buffer[: self._length])
            del buffer[: self._length]
            assert self._headers is not None  # noqa: S101  # _take_headers has just set it
            frames.append(Frame(self._headers, body))
            self._headers = None
            self._length = self._scanned = 0
        return frames

    def _take_headers(self) -> bool:
        buffer = self._buffer
        while buffer.startswith(b"\n"):  # a stray empty line between frames says nothing
            del buffer[:1]
        end = buffer.find(b"\n\n", max(0, self._scanned - 1))
        if (end if end >= 0 else len(buffer)) > self._limits.header_bytes:
            raise FrameTooLarge(f"more than {self._limits.header_bytes} bytes of headers")
        if end < 0:
            self._scanned = len(buffer)
            return False
        headers = _header_lines(bytes(buffer[:end]).decode("utf-8", "replace"))
        del buffer[: end + 2]
        self._length = _body_length(headers, self._limits)
        self._headers = headers
        return True


def parse_event(frame: Frame) -> Event:
    """The event in a ``text/event-json`` or ``text/event-plain`` frame. Raises ProtocolError."""
    if frame.content_type == "text/event-json":
        headers, body = _json_event(frame.text)
    elif frame.content_type == "text/event-plain":
        headers, body = _plain_event(frame.text)
    else:
        raise ProtocolError(f"no event in a frame of type {frame.content_type[:80]!r}")
    name = headers.get("Event-Name")
    if not name:
        raise ProtocolError("an event without a name")
    return Event(name, headers.get("Event-Subclass"), headers, body)


def _header_lines(block: str) -> dict[str, str]:
    headers: dict[str, str] = {}
    last: str | None = None
    for line in block.split("\n"):
        name, colon, value = line.partition(":")
        if colon and name and not name[0].isspace():
            last = name.strip()
            headers[last] = value.strip()
        elif last is None:
            raise ProtocolError("a header block that starts without a name")
        else:  # a value that went on over a newline
            headers[last] += "\n" + line
    return headers


def _body_length(headers: Mapping[str, str], limits: Limits) -> int:
    kind = headers.get("Content-Type")
    if kind is None:
        # It might have been a reply; replies are matched by order, so guessing would shift all later ones.
        raise ProtocolError("a frame without Content-Type")
    stated = headers.get("Content-Length")
    if stated is None:
        if kind in _NEEDS_LENGTH or kind.startswith("text/event-"):
            raise ProtocolError(f"a frame of type {kind[:80]!r} without Content-Length")
        return 0
    if not (stated.isascii() and stated.isdigit()):
        raise ProtocolError(f"not a length: {stated[:40]!r}")
    if len(stated) > 18 or (length := int(stated)) > limits.body_bytes:
        raise FrameTooLarge(f"a body of {stated[:20]} bytes; at most {limits.body_bytes} are taken")
    return length


def _json_event(text: str) -> tuple[dict[str, str], str]:
    try:
        # FreeSWITCH does not escape every control character; strict=False lets them be.
        loaded = json.loads(text, strict=False)
    except (ValueError, RecursionError) as error:
        raise ProtocolError("an event that is no JSON") from error
    if not isinstance(loaded, dict):
        raise ProtocolError("an event that is no JSON object")
    body = loaded.pop("_body", "")
    headers = {name: value if isinstance(value, str) else _flat(value) for name, value in loaded.items()}
    return headers, body if isinstance(body, str) else _flat(body)


def _flat(value: object) -> str:
    """An array header in FreeSWITCH's own notation (switch_event.c, ``ARRAY::a|:b``)."""
    if isinstance(value, list):
        return "ARRAY::" + "|:".join(item if isinstance(item, str) else json.dumps(item) for item in value)
    return json.dumps(value)


def _plain_event(text: str) -> tuple[dict[str, str], str]:
    block, _, body = text.partition("\n\n")
    # Decoded after splitting: an encoded newline is part of its value, never another header.
    headers = {name: unquote(value) for name, value in _header_lines(block.strip("\n")).items()}
    return headers, body
