"""Events as FreeSWITCH words them: the headers every one has, and its three encodings."""

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import quote
from uuid import uuid4
from xml.sax.saxutils import escape

# switch_url_encode leaves every printable character but these (switch_utils.h SWITCH_URL_UNSAFE).
_UNSAFE = '\r\n #%&+:;<=>?@[\\]^`{|}"'
_SAFE = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in _UNSAFE)

NAMES = frozenset(
    {
        "CUSTOM",
        "HEARTBEAT",
        "SHUTDOWN",
        "RELOADXML",
        "BACKGROUND_JOB",
        "FAILURE",
        "API",
        "PUBLISH",
        "UNPUBLISH",
        "TRAP",
        "RE_SCHEDULE",
        "MODULE_LOAD",
        "MODULE_UNLOAD",
        "STARTUP",
        "GENERAL",
        "NOTIFY",
        "MESSAGE",
        "LOG",
        "COMMAND",
        "DTMF",
        "CALL_UPDATE",
        "PRESENCE_IN",
        "MESSAGE_WAITING",
        "CHANNEL_CREATE",
        "CHANNEL_ANSWER",
        "CHANNEL_BRIDGE",
        "CHANNEL_HANGUP",
        "CHANNEL_HANGUP_COMPLETE",
        "CHANNEL_STATE",
        "CHANNEL_EXECUTE",
        "REQUEST_PARAMS",
    }
)


class Caller(NamedTuple):
    """Where in FreeSWITCH's source an event is made."""

    file: str
    function: str
    line: int


def url_encode(text: str) -> str:
    """As ``switch_url_encode``: the letters and ``- _ . , / ~ * ( ) ! $ '`` stay."""
    return quote(text, safe=_SAFE)


@dataclass(slots=True)
class Identity:
    """One life of a switch: a reboot is a new one."""

    name: str
    core_uuid: str = field(default_factory=lambda: str(uuid4()))
    started: float = field(default_factory=time.monotonic)
    sequence: int = 0
    ahead: float = 0.0

    def headers(self, name: str, caller: Caller, subclass: str | None = None) -> list[tuple[str, str]]:
        """The headers that every event begins with."""
        self.sequence += 1
        stamp = time.time() + self.ahead
        now = datetime.fromtimestamp(stamp, UTC)
        first = [("Event-Subclass", subclass)] if subclass is not None else []
        return [
            *first,
            ("Event-Name", name),
            ("Core-UUID", self.core_uuid),
            ("FreeSWITCH-Hostname", self.name),
            ("FreeSWITCH-Switchname", self.name),
            ("FreeSWITCH-IPv4", "127.0.0.1"),
            ("FreeSWITCH-IPv6", "::1"),
            ("Event-Date-Local", f"{now:%Y-%m-%d %H:%M:%S}"),
            ("Event-Date-GMT", f"{now:%a, %d %b %Y %H:%M:%S} GMT"),
            ("Event-Date-Timestamp", str(int(stamp * 1_000_000))),
            ("Event-Calling-File", caller.file),
            ("Event-Calling-Function", caller.function),
            ("Event-Calling-Line-Number", str(caller.line)),
            ("Event-Sequence", str(self.sequence)),
        ]


@dataclass(frozen=True, slots=True)
class Event:
    """One event; ``subclass`` for CUSTOM ones."""

    name: str
    subclass: str | None
    headers: tuple[tuple[str, str], ...]
    body: str | None = None

    def encode(self, kind: str) -> bytes:
        """The whole frame, as ``plain``, ``json`` or ``xml``."""
        data = {"plain": self._plain, "json": self._json, "xml": self._xml}[kind]().encode()
        return b"Content-Length: %d\nContent-Type: text/event-%s\n\n%s" % (len(data), kind.encode(), data)

    def _lengths(self) -> Iterable[tuple[str, str]]:
        return () if self.body is None else (("Content-Length", str(len(self.body.encode()))),)

    def _plain(self) -> str:
        lines = [f"{name}: {url_encode(value)}\n" for name, value in (*self.headers, *self._lengths())]
        return "".join(lines) + "\n" + (self.body or "")

    def _json(self) -> str:
        told = dict((*self.headers, *self._lengths()))
        if self.body is not None:
            told["_body"] = self.body
        return json.dumps(told, ensure_ascii=False, separators=(",", ":"))

    def _xml(self) -> str:
        lines = "".join(f"    <{name}>{escape(url_encode(value))}</{name}>\n" for name, value in self.headers)
        text = f"<event>\n  <headers>\n{lines}  </headers>\n"
        if self.body is not None:
            text += f"  <Content-Length>{len(self.body.encode())}</Content-Length>\n"
            text += f"  <body>{escape(self.body)}</body>\n"
        return text + "</event>\n"
