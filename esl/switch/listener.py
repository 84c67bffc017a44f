"""One Event Socket connection, from the node's side (mod_event_socket.c, as recorded)."""

import asyncio
import hmac
import re
from collections.abc import Awaitable, Callable
from uuid import uuid4

from esl.switch.accounts import Rights
from esl.switch.core import Core
from esl.switch.events import NAMES, Caller, Event
from esl.switch.wire import Wire

GOODBYE = "Disconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/\n"
SHUTTING_DOWN = "The system is being shut down.\n"
DENIED = b"Content-Type: text/rude-rejection\nContent-Length: 24\n\nAccess Denied, go away.\n"

_API_EXEC = Caller("mod_event_socket.c", "api_exec", 1580)
_SENT = Caller("mod_event_socket.c", "parse_command", 2283)
_KINDS = ("plain", "json", "xml")
_NO_KEYWORDS = "-ERR no keywords supplied"
_UNKNOWN = "-ERR command not found"
_DENIED = "-ERR permission denied"

NO_REPLY = "-ERR no reply\n"
"""What ``api`` answers for a command that says nothing; a background job's result is then empty."""

Run = Callable[[str], Awaitable[str]]
LogIn = Callable[[str], Awaitable[Rights | None]]


class Listener:
    """Commands are answered in order, one after another; while one runs, events wait, as FreeSWITCH's do."""

    def __init__(self, core: Core, run: Run, log_in: LogIn, reader: asyncio.StreamReader, wire: Wire) -> None:
        self._core = core
        self._run = run
        self._log_in = log_in
        self._rights = Rights()
        self._reader = reader
        self._wire = wire
        self._kind = "plain"
        self._names: set[str] = set()
        self._subclasses: set[str] = set()
        self._filters: list[tuple[str, str]] = []
        self._waiting: list[Event] | None = None
        self._unsubscribe: Callable[[], None] | None = None

    async def serve(self) -> None:
        """Until either end leaves."""
        try:
            self._wire.send(b"Content-Type: auth/request\n\n")
            if await self._authenticate():
                self._unsubscribe = self._core.subscribe(self._on_event)
                while await self._one_command():
                    pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the client is gone
        finally:
            if self._unsubscribe is not None:
                self._unsubscribe()
            await self._wire.close()

    def notice(self, text: str) -> None:
        """The last frame."""
        data = text.encode()
        self._wire.send(b"Content-Type: text/disconnect-notice\nContent-Length: %d\n\n%s" % (len(data), data))

    async def shut_down(self) -> None:
        """Says that the system goes, and closes."""
        self.notice(SHUTTING_DOWN)
        await self._wire.close()

    # --- reading ----------------------------------------------------------------------------------

    async def _read(self) -> tuple[str, dict[str, str]]:
        """The next command's first line and its headers; lines end with or without CR."""
        lines: list[str] = []
        while True:
            raw = await self._reader.readline()
            if not raw.endswith(b"\n"):
                raise asyncio.IncompleteReadError(raw, None)
            line = raw.decode(errors="replace").rstrip("\r\n")
            if line:
                lines.append(line)
            elif lines:
                break
        await self._wire.stalled()
        pairs = (line.partition(":") for line in lines[1:])
        return lines[0], {name.strip(): value.strip() for name, _, value in pairs}

    async def _authenticate(self) -> bool:
        while True:
            line, _ = await self._read()
            word, blank, given = line.partition(" ")
            if word == "exit":
                return self._leave("+OK bye")
            if blank and word == "userauth":
                rights = await self._log_in(given)
                if rights is None:
                    return self._leave("-ERR invalid")
                self._rights = rights
                self._reply(f"+OK accepted\n{rights.told}")
                return True
            if not blank or word != "auth":
                self._reply(_UNKNOWN)
            elif hmac.compare_digest(given.encode(), self._core.config.password.encode()):
                self._reply("+OK accepted")
                return True
            else:
                return self._leave("-ERR invalid")

    def _leave(self, reply: str) -> bool:
        self._reply(reply)
        self.notice(GOODBYE)
        return False

    # --- commands ---------------------------------------------------------------------------------

    async def _one_command(self) -> bool:
        line, headers = await self._read()
        word, _, rest = line.partition(" ")
        if word == "exit":
            return self._leave("+OK bye")
        if word in ("api", "bgapi") and rest and not self._rights.may_run(rest):
            self._reply(_DENIED)
        elif word == "api" and line != "api":
            await self._api(rest, headers)
        elif word == "bgapi" and rest:
            self._bgapi(rest, headers)
        elif word == "sendevent":
            await self._send_event(line, rest, headers)
        else:
            self._reply(self._plain_command(word, rest))
        return True

    async def _api(self, command: str, headers: dict[str, str]) -> None:
        self._waiting = []
        try:
            if headers.get("console_execute") == "true":
                text = "".join([await self._run(one) for one in command.split(";;")])
            else:
                text = await self._run(command)
            data = (text or NO_REPLY).encode()
            self._wire.send(b"Content-Type: api/response\nContent-Length: %d\n\n%s" % (len(data), data))
        finally:
            waiting, self._waiting = self._waiting, None
            for event in waiting:
                self._on_event(event)

    def _bgapi(self, command: str, headers: dict[str, str]) -> None:
        job = headers.get("Job-UUID") or str(uuid4())
        self._reply(f"+OK Job-UUID: {job}\nJob-UUID: {job}")

        async def work() -> None:
            text = await self._run(command)
            name, _, argument = command.partition(" ")
            told = [("Job-UUID", job), ("Job-Command", name)]
            if argument:
                told.append(("Job-Command-Arg", argument))
            self._core.fire("BACKGROUND_JOB", _API_EXEC, told, body=text)

        self._core.spawn(work(), f"job {job}")

    async def _send_event(self, line: str, name: str, headers: dict[str, str]) -> None:
        length = int(headers.get("Content-Length", "0"))
        body = (await self._reader.readexactly(length)).decode(errors="replace") if length else None
        identifier = str(uuid4())
        self._reply(f"+OK {identifier}")
        subclass = headers.pop("Event-Subclass", None)
        told = [("Command", line), *headers.items(), ("Event-UUID", identifier)]
        self._core.fire(name or "MESSAGE", _SENT, told, subclass=subclass, body=body)

    def _plain_command(self, word: str, rest: str) -> str:
        match word:
            case "event":
                return self._subscribe(rest.split())
            case "nixevent":
                return self._nix(rest.split())
            case "noevents":
                self._names.clear()
                self._subclasses.clear()
                return "+OK no longer listening for events"
            case "filter" if rest:
                return self._filter(rest.split())
            case "myevents" if rest:
                return "+OK Events Enabled"
            case "log" if not self._rights.log:
                return _DENIED
            case "log":
                return f"+OK log level {rest or '0'} [{rest or '0'}]"
            case "nolog":
                return "+OK no longer logging"
            case "linger" | "nolinger":
                return "-ERR not controlling a session"
            case "divert_events":
                return "-ERR not controlling a session."
            case "sendmsg":
                return f"-ERR invalid session id [{rest}]"
            case _:
                return _UNKNOWN

    # --- events -----------------------------------------------------------------------------------

    def _subscribe(self, words: list[str]) -> str:
        if not words:
            return _NO_KEYWORDS
        kind, names = (words[0] if words[0] in _KINDS else "plain"), words[1:]
        if not self._rights.may_hear(names):
            return _DENIED
        if not self._add(names):
            return _NO_KEYWORDS
        self._kind = kind
        return f"+OK event listener enabled {kind}"

    def _add(self, names: list[str]) -> bool:
        """After CUSTOM come subclasses; whether anything was known."""
        known, custom = False, False
        for name in names:
            if custom:
                self._subclasses.add(name)
            elif name.upper() == "ALL":
                self._names |= NAMES
                known = True
            elif name.upper() in NAMES:
                custom = name.upper() == "CUSTOM"
                self._names.add(name.upper())
                known = True
        return known

    def _nix(self, words: list[str]) -> str:
        if not words:
            return _NO_KEYWORDS
        self._names -= {word.upper() for word in words}
        self._subclasses -= set(words)
        return "+OK events nixed"

    def _filter(self, words: list[str]) -> str:
        if words[0] == "delete":
            name, value = words[1] if len(words) > 1 else "", " ".join(words[2:])
            self._filters = [
                each for each in self._filters if each[0] != name or (value and each[1] != value)
            ]
            return f"+OK filter deleted. [{name}][{value}]"
        name, value = words[0], " ".join(words[1:])
        self._filters.append((name, value))
        return f"+OK filter added. [{name}]=[{value}]"

    def _wants(self, event: Event) -> bool:
        if event.name not in self._names:
            return False
        # A CUSTOM event without any subclass asked for by name goes to whoever asked for ALL.
        if event.subclass is not None and self._names != NAMES and event.subclass not in self._subclasses:
            return False
        if not self._filters:
            return True
        told = dict(event.headers)
        return any(re.search(value, told.get(name, "")) for name, value in self._filters)

    def _on_event(self, event: Event) -> None:
        if not self._wants(event):
            return
        if self._waiting is not None:
            self._waiting.append(event)
        else:
            self._wire.send_event(event.encode(self._kind))

    def _reply(self, text: str) -> None:
        self._wire.send(f"Content-Type: command/reply\nReply-Text: {text}\n\n".encode())
