"""One Event Socket connection: greenswitch's InboundESL, hardened.

What is inherited is the shape: ``connect``, ``send``, ``stop``, ``register_handle``. What is replaced is all
that could hang, spin, shift replies or die unseen: reading and parsing, matching replies, writing,
logging in and closing. Every object here belongs to the one gevent thread.
"""

import logging
import socket as plain_socket
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import gevent  # type: ignore[import-untyped]
from gevent import socket
from gevent.event import AsyncResult  # type: ignore[import-untyped]
from gevent.event import Event as GeventEvent
from gevent.queue import Empty, Full, Queue  # type: ignore[import-untyped]
from greenswitch.esl import InboundESL

from esl import names
from esl.errors import (
    AccessDenied,
    AuthenticationFailed,
    CommandFailed,
    CommandTimeout,
    ConnectFailed,
    ConnectionLost,
    EventSocketError,
    NotConnected,
    ProtocolError,
)
from esl.frames import Event, Frame, FrameParser, parse_event
from esl.link import LinkPolicy

logger = logging.getLogger(__name__)

Done: TypeAlias = Callable[["Frame | Event | EventSocketError"], object]
"""Called once, in the gevent thread, with a reply, a finished job, or what became of the command."""

_RECEIVE_BYTES = 65536
_MAX_QUEUED_EVENTS = 10_000


class _Waiting:
    """A command whose answer has not come: told once, by whoever is first."""

    __slots__ = ("_done", "api", "shown", "timer")

    def __init__(self, done: Done, shown: str, *, api: bool = False) -> None:
        self._done: Done | None = done
        self.api = api
        self.shown = shown
        self.timer: Any = None

    @property
    def live(self) -> bool:
        """Whether somebody still waits. A background job's reply keeps its place in the order without."""
        return self._done is not None

    def fits(self, frame: Frame) -> bool:
        """Whether the frame can be its reply: ``api`` is answered by api/response, unless it was refused."""
        if frame.content_type == "api/response":
            return self.api
        return not self.api or frame.reply.startswith("-ERR")

    def tell(self, outcome: "Frame | Event | EventSocketError") -> None:
        """Passes the outcome on, the first time."""
        done, self._done = self._done, None
        if self.timer is not None:
            self.timer.stop()
            self.timer.close()
            self.timer = None
        if done is not None:
            done(outcome)


class Connection(InboundESL):  # type: ignore[misc]  # greenswitch has no types
    """A connection to one node, from one address and password; it can connect again after it closed.

    Invariants: ``connected`` is true only while the socket is open and its reader runs; every
    command accepted is told its outcome exactly once, at the latest when the connection closes;
    replies are matched by order, so an ``api`` that passed its deadline closes the connection.

    ``on_event`` is called in the reader and must not block; without it, handlers registered as in
    greenswitch get the events from a bounded queue.
    """

    connected: bool
    sock: Any

    def __init__(
        self,
        host: str,
        port: int,
        password: str,
        timeout: float | None = None,
        *,
        user: str | None = None,
        policy: LinkPolicy | None = None,
        on_event: Callable[[Event], object] | None = None,
        max_queued_events: int = _MAX_QUEUED_EVENTS,
    ) -> None:
        self.policy = policy or LinkPolicy()
        super().__init__(
            host, port, names.secret(password, "the password"), timeout or self.policy.connect_timeout
        )
        self.user = user
        self.on_event = on_event
        self.error: EventSocketError | None = None
        self.dropped_events = 0
        self.unreadable_events = 0
        self._esl_event_queue = Queue(maxsize=max_queued_events)
        self._reset()

    def _reset(self) -> None:
        self.sock = None
        self._parser = FrameParser(self.policy.limits)
        self._commands_sent: deque[_Waiting] = deque()
        self._jobs: dict[str, _Waiting] = {}
        self._unsent = bytearray()
        self._flusher: Any = None
        self._greeting: Any = AsyncResult()
        self._notice: EventSocketError | None = None
        self._receive_events_greenlet: Any = None
        self._process_events_greenlet: Any = None
        self.closed = GeventEvent()
        self.error = None
        self.last_received = time.monotonic()
        self._left = self.timeout
        self._run = True

    # --- connecting ----------------------------------------------------------------------------

    def connect(self) -> None:
        """Connects and logs in within ``timeout`` seconds. Raises NotConnected's children, ProtocolError."""
        self.open()
        self.log_in()

    def open(self) -> None:
        """The first half: a connection, and the node's greeting."""
        if self.connected:
            raise RuntimeError("connected already")
        self._reset()
        began = time.monotonic()
        with self._coming_up(self.timeout):
            self.sock = self._open(began + self.timeout)
            self.connected = True
            self.start_event_handlers()
            self._greeting.get()
        self._left = max(0.001, self.timeout - (time.monotonic() - began))

    def log_in(self) -> None:
        """The second half, in the time that the first has left; what passed between them does not count."""
        with self._coming_up(self._left):
            if self.error is not None:  # it has ended meanwhile
                raise self.error
            self.authenticate()

    @contextmanager
    def _coming_up(self, seconds: float) -> Iterator[None]:
        limit = gevent.Timeout(seconds)
        limit.start()
        try:
            yield
        except BaseException as error:
            self._close(error if isinstance(error, EventSocketError) else ConnectionLost("given up"))
            if isinstance(error, ConnectionLost | CommandTimeout):
                raise ConnectFailed(str(error)) from error
            if error is limit:
                raise ConnectFailed(f"{self._where}: no login within {self.timeout:g} s") from None
            raise
        finally:
            limit.close()

    @property
    def _where(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def _open(self, deadline: float) -> Any:
        """A connected socket: each address that the host's name has is tried, none for the whole time."""
        try:
            found = socket.getaddrinfo(self.host, self.port, type=plain_socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise ConnectFailed(f"{self.host}: {error}") from error
        last: OSError | None = None
        for index, (family, kind, protocol, _, address) in enumerate(found):
            sock = socket.socket(family, kind, protocol)
            try:
                sock.settimeout(max(0.001, (deadline - time.monotonic()) / (len(found) - index)))
                sock.connect(address)
                sock.settimeout(None)
                sock.setsockopt(plain_socket.IPPROTO_TCP, plain_socket.TCP_NODELAY, 1)
                sock.setsockopt(plain_socket.SOL_SOCKET, plain_socket.SO_KEEPALIVE, 1)
            except OSError as error:
                sock.close()
                last = error
            except BaseException:
                sock.close()
                raise
            else:
                return sock
        raise ConnectFailed(f"{self._where}: {last or 'no address'}") from last

    def start_event_handlers(self) -> None:
        """Starts the reader; the queue's greenlet only where handlers are used."""
        self._receive_events_greenlet = gevent.spawn(self.receive_events)
        if self.on_event is None:
            self._process_events_greenlet = gevent.spawn(self.process_events)

    def authenticate(self) -> None:
        """Logs in. Raises AuthenticationFailed with the node's words, never ours."""
        line = f"auth {self.password}" if self.user is None else f"userauth {self.user}:{self.password}"
        reply = self._ask(line, "auth", self.timeout).reply
        if not reply.startswith("+OK"):
            raise AuthenticationFailed(f"{self._where} answered {reply[:100]!r} to the login")

    @property
    def own_address(self) -> str | None:
        """Our end of the socket: where the node sees us, unless something translates between."""
        if not self.connected:
            return None
        return str(self.sock.getsockname()[0]).partition("%")[0]

    # --- sending -------------------------------------------------------------------------------

    def send(self, data: str, timeout: float | None = None) -> Frame:
        """Sends one command and waits for its reply; from a greenlet.

        Raises NotConnected, CommandRejected, ConnectionLost, CommandTimeout (which closes the connection).
        """
        return self._ask(names.line(data), data, self.policy.command_timeout if timeout is None else timeout)

    def _ask(self, line: str, shown: str, timeout: float) -> Frame:
        result: Any = AsyncResult()
        self.request(line, result.set, timeout=timeout, shown=shown)
        outcome = result.get()
        if isinstance(outcome, EventSocketError):
            raise outcome
        assert isinstance(outcome, Frame)  # noqa: S101  # commands are answered by frames, jobs by events
        return outcome

    def request(self, line: str, done: Done, *, timeout: float, shown: str) -> None:
        """Sends one line without waiting: ``done`` gets the reply. ``line`` has been checked."""
        waiting = _Waiting(done, shown, api=line.startswith("api "))
        self._push((waiting,), line.encode() + b"\n\n")
        self._time(waiting, timeout, self._reply_late)

    def request_all(self, lines: "list[tuple[str, Done, str]]", *, timeout: float) -> None:
        """Sends several ``(line, done, shown)`` in one write, answered in order, under one deadline."""
        waiting = [_Waiting(done, shown, api=line.startswith("api ")) for line, done, shown in lines]
        self._push(waiting, b"".join(line.encode() + b"\n\n" for line, _, _ in lines))
        if waiting:
            # Replies come in order: when the last is there, all are.
            self._time(waiting[-1], timeout, self._reply_late)

    def background(self, line: str, done: Done, *, timeout: float, shown: str) -> None:
        """Runs ``line`` as a job: ``done`` gets the BACKGROUND_JOB event, matched by our own Job-UUID.

        A job that passes its deadline leaves the connection alone.
        """
        if len(self._jobs) >= self.policy.max_jobs:
            raise NotConnected(f"{self._where}: too many background jobs are under way")
        job = str(uuid.uuid4())
        waiting = _Waiting(done, shown)
        accepted = _Waiting(lambda outcome: self._job_accepted(job, outcome), shown)
        self._jobs[job] = waiting
        try:
            self._push((accepted,), f"bgapi {line}\nJob-UUID: {job}\n\n".encode())
        except EventSocketError:
            del self._jobs[job]
            raise
        self._time(waiting, timeout, lambda late: self._job_late(job, late))

    @property
    def waiting(self) -> bool:
        """Whether somebody waits for a reply, and so watches the connection."""
        return any(waiting.live for waiting in self._commands_sent)

    def _push(self, waiting: "tuple[_Waiting, ...] | list[_Waiting]", data: bytes) -> None:
        if not self.connected:
            raise NotConnected(f"{self._where}: not connected")
        if len(self._commands_sent) + len(waiting) > self.policy.max_pending:
            raise NotConnected(f"{self._where}: too many commands wait for answers")
        if len(self._unsent) + len(data) > self.policy.max_unsent_bytes:
            raise NotConnected(f"{self._where}: the node does not read what it is sent")
        self._commands_sent.extend(waiting)
        self._write(data)

    def _write(self, data: bytes) -> None:
        """Writes what the socket takes now; the rest is written by a greenlet, within a deadline."""
        if not self._unsent:
            try:
                data = data[self.sock.send(data, 0, 0.0) :]
            except BlockingIOError:
                pass
            except OSError as error:
                self._close(ConnectionLost(f"{self._where}: {error}"))
                return
        if data:
            self._unsent += data
            if self._flusher is None:
                self._flusher = gevent.spawn(self._flush)

    def _flush(self) -> None:
        sock = self.sock
        try:
            while self._unsent and sock is self.sock:
                # The socket's own timeout would also cut the reader's wait.
                with gevent.Timeout(self.policy.send_timeout, TimeoutError("timed out")):
                    sent = sock.send(bytes(self._unsent[:_RECEIVE_BYTES]))
                del self._unsent[:sent]
        except OSError as error:
            if sock is self.sock:
                self._close(ConnectionLost(f"{self._where}: the node does not read what it is sent: {error}"))
        finally:
            if sock is self.sock:
                self._flusher = None

    # --- deadlines -----------------------------------------------------------------------------

    def _time(self, waiting: _Waiting, timeout: float, late: Callable[[_Waiting], object]) -> None:
        if waiting.live:
            waiting.timer = gevent.get_hub().loop.timer(max(0.0, timeout))
            waiting.timer.start(late, waiting)

    def _reply_late(self, waiting: _Waiting) -> None:
        waiting.tell(CommandTimeout(f"{self._where}: no answer to {waiting.shown!r} in time"))
        self._close(
            ConnectionLost(f"{self._where}: dropped after {waiting.shown!r} was not answered in time")
        )

    def _job_late(self, job: str, waiting: _Waiting) -> None:
        self._jobs.pop(job, None)
        waiting.tell(CommandTimeout(f"{self._where}: {waiting.shown!r} did not end in time"))

    def _job_accepted(self, job: str, outcome: "Frame | Event | EventSocketError") -> None:
        waiting = self._jobs.get(job)
        if waiting is None:
            return
        if isinstance(outcome, EventSocketError):
            del self._jobs[job]
            waiting.tell(outcome)
        elif isinstance(outcome, Frame) and not outcome.reply.startswith("+OK"):
            del self._jobs[job]
            waiting.tell(CommandFailed(waiting.shown, outcome.reply))
        elif isinstance(outcome, Frame) and outcome.headers.get("Job-UUID") != job:
            raise ProtocolError("the reply to another job: replies are out of step")

    # --- receiving -----------------------------------------------------------------------------

    def receive_events(self) -> None:
        """The reader: runs until the connection ends, and closes it whatever the end is."""
        sock = self.sock
        error: EventSocketError = ConnectionLost(f"{self._where}: stopped")
        try:
            while self.connected:
                data = sock.recv(_RECEIVE_BYTES)
                if not data:
                    error = ConnectionLost(f"{self._where}: closed by the node")
                    return
                self.last_received = time.monotonic()
                more = True
                while more and self.connected:
                    frames = self._parser.feed(data)
                    data, more = b"", len(frames) == self.policy.limits.frames
                    for frame in frames:
                        if self.connected:  # a callback may have ended it
                            self.handle_event(frame)
                    # Only an empty socket is waited for: a node that never pauses would keep the thread.
                    gevent.sleep(0)
        except ProtocolError as reason:
            error = reason
        except OSError as reason:
            error = ConnectionLost(f"{self._where}: {reason}")
        finally:
            if sock is self.sock:  # else it has ended, and connected again since
                self._close(self._notice or error)

    def handle_event(self, event: Frame) -> None:
        """Takes one frame. Raises ProtocolError for a reply to nothing, or to something else."""
        match event.content_type:
            case "command/reply" | "api/response":
                if not self._commands_sent:
                    raise ProtocolError("a reply to no command")
                if not self._commands_sent[0].fits(event):
                    raise ProtocolError("a reply of another kind than was asked for: they are out of step")
                self._commands_sent.popleft().tell(event)
            case "text/event-json" | "text/event-plain":
                self._take_event(event)
            case "auth/request":
                self._greeting.set(None)
            case "text/disconnect-notice":
                # The node closes next; its words say why we were closed.
                if self._notice is None and event.headers.get("Content-Disposition") != "linger":
                    words = " ".join(event.text.split())[:200]
                    self._notice = ConnectionLost(f"{self._where}: the node says: {words}")
            case "text/rude-rejection":
                words = " ".join(event.text.split())[:200]
                self._notice = AccessDenied(f"{self._where}: the node says: {words}")
                if not self._greeting.ready():
                    self._greeting.set_exception(self._notice)
            case _:  # log lines and XML events: never asked for
                logger.debug("%s: frame of type %.80r left aside", self._where, event.content_type)

    def _take_event(self, frame: Frame) -> None:
        try:
            event = parse_event(frame)
        except ProtocolError as error:
            # The frames are still in step, so the connection is sound; what was lost is found by reconciling.
            self.unreadable_events += 1
            logger.warning("%s: an event could not be read: %s", self._where, error)
            return
        if event.name == "BACKGROUND_JOB":
            waiting = self._jobs.pop(event.headers.get("Job-UUID", ""), None)
            if waiting is not None:
                waiting.tell(event)
            return  # others' jobs are not ours to read
        if self.on_event is not None:
            self.on_event(event)
            return
        try:
            self._esl_event_queue.put_nowait(event)
        except Full:
            self.dropped_events += 1

    def process_events(self) -> None:
        """Hands queued events to their handlers: for CUSTOM by subclass, else by name, else ``*``."""
        closed = self.closed
        while not (closed.is_set() and self._esl_event_queue.empty()):
            try:
                event = self._esl_event_queue.get(timeout=0.5)
            except Empty:
                continue
            name = event.subclass if event.name == "CUSTOM" else event.name
            for handler in tuple(self.event_handlers.get(name) or self.event_handlers.get("*") or ()):
                self._safe_exec_handler(handler, event)

    def _safe_exec_handler(self, handler: Callable[[Event], object], event: Event) -> None:
        try:
            handler(event)
        except Exception:
            logger.exception("%s: a handler of %s failed", self._where, event.name)

    # --- closing -------------------------------------------------------------------------------

    def stop(self) -> None:
        """Closes the connection, whatever its state; never blocks, never fails."""
        if self.connected and not self._unsent:
            try:
                self.sock.send(b"exit\n\n", 0, 0.0)
            except OSError as error:
                logger.debug("%s: no goodbye: %s", self._where, error)
        self._close(ConnectionLost(f"{self._where}: stopped"))

    def _close(self, error: EventSocketError) -> None:
        """Ends the connection once: closes the socket, then tells everybody who waits. Does not block."""
        if self.closed.is_set():
            return
        self.closed.set()
        self._run = False
        self.connected = False
        self.error = error
        self._unsent.clear()
        if self.sock is not None:
            self.sock.close()
        for greenlet in (self._receive_events_greenlet, self._flusher):
            if greenlet is not None and greenlet is not gevent.getcurrent():
                greenlet.kill(block=False)
        if not self._greeting.ready():
            self._greeting.set_exception(error)
        waiting = [*self._commands_sent, *self._jobs.values()]
        self._commands_sent.clear()
        self._jobs.clear()
        lost = error if isinstance(error, ConnectionLost | AccessDenied) else ConnectionLost(str(error))
        for each in waiting:
            each.tell(lost)
