"""Keeps one node connected: one greenlet that connects, watches, and tries again. Gevent thread only."""

import logging
import re
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Protocol

import gevent  # type: ignore[import-untyped]
from gevent.event import AsyncResult  # type: ignore[import-untyped]
from gevent.lock import BoundedSemaphore  # type: ignore[import-untyped]

from esl import names
from esl.commands import Command
from esl.connection import Connection
from esl.errors import (
    AccessDenied,
    AuthenticationFailed,
    CommandFailed,
    EventSocketError,
    NotConnected,
    ProtocolError,
)
from esl.frames import Event, Frame
from esl.link import Backoff, Link, LinkPolicy, LinkState, NodeAddress, NodeEvent

logger = logging.getLogger(__name__)

EVENTS = (
    "HEARTBEAT SHUTDOWN RELOADXML BACKGROUND_JOB FAILURE UNPUBLISH CUSTOM "
    "sofia::gateway_state sofia::gateway_add sofia::gateway_delete sofia::profile_start"
)
"""What is subscribed to. UNPUBLISH is all that tells of a profile that stopped."""

PROBE = "api global_getvar hostname"
"""What a silent node is asked."""
_SHUTDOWN_TAKES = 30.0
"""A node that says SHUTDOWN closes its connections 1 to 12 s later; in seconds, with some to spare."""
_VERSION = re.compile(r"Version (\S+)")


class Listener(Protocol):
    """Who is told; called in the gevent thread."""

    def link_changed(self, link: Link, *, held: bool) -> None:
        """``held`` is false for the last word on a node."""

    def event_came(self, event: NodeEvent) -> None:
        """An event of a node."""


class Intake:
    """The gate to logging in: so many at once; and to connecting: so many begun a second.

    When a network comes back, every node would else connect, and be compared, in the same moment.
    A node has a turn only once it has greeted us: one that is dead or hangs keeps no other waiting.
    """

    def __init__(
        self,
        policy: LinkPolicy,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = gevent.sleep,
    ) -> None:
        self.turn: Any = BoundedSemaphore(policy.connects_at_once)
        self._gap = 1 / policy.connects_per_second
        self._next = 0.0
        self._clock = clock
        self._sleep = sleep

    def pace(self) -> None:
        """Waits till one more may begin."""
        now = self._clock()
        at = max(now, self._next)
        self._next = at + self._gap
        if at > now:
            self._sleep(at - now)


class Keeper:
    """One node's link. After ``release`` it tells its listener nothing more."""

    def __init__(
        self,
        address: NodeAddress,
        policy: LinkPolicy,
        backoff: Backoff,
        intake: Intake,
        listener: Listener,
        *,
        epoch: int,
    ) -> None:
        self.address = address
        self.link = Link(address.name, LinkState.CONNECTING, _now(), epoch=epoch)
        self._policy = policy
        self._backoff = backoff
        self._intake = intake
        self._listener = listener
        self._connection: Connection | None = None
        self._error: EventSocketError | None = None
        self._shutting_down = False
        self._released = False
        self._greenlet: Any = None

    def start(self, spawn: Callable[..., Any]) -> None:
        """Begins to connect."""
        self._listener.link_changed(self.link, held=True)
        self._greenlet = spawn(self._keep)

    def release(self, reason: str, *, held: bool) -> None:
        """Ends it; commands under way are told. Does not block."""
        self._down(NotConnected(reason), held=held)
        self._released = True
        if self._greenlet is not None:
            self._greenlet.kill(block=False)
        if self._connection is not None:
            self._connection.stop()

    # --- commands ------------------------------------------------------------------------------

    def submit(
        self, commands: Sequence[Command[Any]], timeout: float | None, done: Callable[[list[Any]], object]
    ) -> None:
        """Sends one background job, or any number of other commands; ``done`` gets what each came to."""
        outcomes: list[Any] = [None] * len(commands)
        left = len(commands)

        def take(index: int, outcome: "Frame | Event | EventSocketError") -> None:
            nonlocal left
            outcomes[index] = _read(commands[index], outcome)
            left -= 1
            if not left:
                done(outcomes)

        try:
            connection = self._live()
            lines = [names.line(command.line) for command in commands]
            if commands[0].background:
                [command], [line] = commands, lines
                connection.background(
                    line,
                    partial(take, 0),
                    timeout=self._policy.background_timeout if timeout is None else timeout,
                    shown=command.shown,
                )
            else:
                connection.request_all(
                    [
                        (f"api {line}", partial(take, index), command.shown)
                        for index, (line, command) in enumerate(zip(lines, commands, strict=True))
                    ],
                    timeout=self._policy.command_timeout if timeout is None else timeout,
                )
        except EventSocketError as error:  # nothing was sent
            done([_again(error) for _ in commands])

    def _live(self) -> Connection:
        if self.link.state is LinkState.UP and self._connection is not None and self._connection.connected:
            return self._connection
        kind = type(self._error) if isinstance(self._error, NotConnected) else NotConnected
        raise kind(f"{self.address.name}: {self.link.reason or 'still connecting'}")

    # --- the link ------------------------------------------------------------------------------

    def _keep(self) -> None:
        policy = self._policy
        delays = self._backoff(policy.backoff_min, policy.backoff_max, policy.jitter)
        refusals = self._backoff(policy.refused_min, policy.refused_max, policy.jitter)
        while True:
            try:
                self._intake.pace()
                connection, link = self._connect()
            except (AuthenticationFailed, AccessDenied) as error:
                self._down(error)
                delay = next(refusals)
            except EventSocketError as error:
                self._down(error)
                delay = next(delays)
            except Exception as error:
                logger.exception("%s: connecting failed in a way not foreseen", self.address.name)
                self._down(NotConnected(f"{type(error).__name__} while connecting"))
                delay = next(delays)
            else:
                began = time.monotonic()
                self._tell(link)
                self._watch(connection)
                self._down(connection.error or NotConnected("closed"))
                refusals = self._backoff(policy.refused_min, policy.refused_max, policy.jitter)
                if time.monotonic() - began >= policy.stable_after:
                    delays = self._backoff(policy.backoff_min, policy.backoff_max, policy.jitter)
                delay = next(delays)
            gevent.sleep(delay)

    def _connect(self) -> tuple[Connection, Link]:
        """A connection logged in and subscribed, and what is known of the node by then."""
        address, policy = self.address, self._policy
        self._shutting_down = False
        self._connection = connection = Connection(
            address.host,
            address.port,
            address.password,
            user=address.user,
            policy=policy,
            on_event=self._event,
        )
        connection.open()
        with self._intake.turn:
            connection.log_in()
            return connection, self._subscribe(connection)

    def _subscribe(self, connection: Connection) -> Link:
        address, policy = self.address, self._policy
        try:
            subscribed = connection.send(f"event json {EVENTS}")
            if not subscribed.reply.startswith("+OK"):
                raise CommandFailed("event json", subscribed.reply)
            # A job's event carries the Core-UUID and the version at once, and shows that events arrive.
            result: Any = AsyncResult()
            connection.background("version", result.set, timeout=policy.command_timeout, shown="version")
            answer = result.get()
            if isinstance(answer, EventSocketError):
                raise answer
            core_uuid = answer.headers.get("Core-UUID")
            if not core_uuid:
                raise ProtocolError("an event without Core-UUID")
            version = _VERSION.search(answer.body)
            return Link(
                address.name,
                LinkState.UP,
                _now(),
                core_uuid=core_uuid,
                version=version[1] if version else None,
                own_address=connection.own_address,
                epoch=self.link.epoch + 1,
                switchname=answer.headers.get("FreeSWITCH-Switchname"),
            )
        except BaseException:
            connection.stop()
            raise

    def _watch(self, connection: Connection) -> None:
        """Until the connection ends. A silent node is asked something; if it stays silent, that ends it."""
        policy = self._policy
        wait = policy.idle_timeout
        while not connection.closed.wait(wait):
            quiet = time.monotonic() - connection.last_received
            wait = policy.idle_timeout - quiet
            if wait > 0:
                continue
            if connection.waiting:  # that command's deadline decides
                wait = policy.probe_timeout
            else:
                result: Any = AsyncResult()
                try:
                    connection.request(PROBE, result.set, timeout=policy.probe_timeout, shown="probe")
                    result.get()
                except EventSocketError as error:
                    logger.debug("%s: no probe: %s", self.address.name, error)
                wait = policy.idle_timeout

    def _event(self, event: Event) -> None:
        if self._released or self._shutting_down:
            return  # what a node says while it goes down (every gateway deleted) is no news
        if event.name == "SHUTDOWN":
            self._shutting_down = True
            self._down(NotConnected("the node is shutting down"))
            if self._connection is not None:
                gevent.spawn_later(_SHUTDOWN_TAKES, self._connection.stop)
        self._listener.event_came(
            NodeEvent(self.address.name, event.name, event.subclass, event.headers, _now())
        )

    def _down(self, error: EventSocketError, *, held: bool = True) -> None:
        if self._released:
            return
        if self._shutting_down and self.link.state is LinkState.DOWN and held:
            return  # why it went is known better than from how the connection closed
        self._error = error
        reason = str(error)
        link = Link(
            self.address.name,
            LinkState.DOWN,
            self.link.since if self.link.state is LinkState.DOWN else _now(),
            reason,
            epoch=self.link.epoch,
        )
        self._tell(link, held=held)

    def _tell(self, link: Link, *, held: bool = True) -> None:
        if self._released or (link == self.link and held):
            return
        self.link = link
        self._listener.link_changed(link, held=held)


def _read(command: Command[Any], outcome: "Frame | Event | EventSocketError") -> object:
    """What the command makes of its reply; or the error, to be raised where it was asked for."""
    if isinstance(outcome, EventSocketError):
        return _again(outcome)
    if isinstance(outcome, Frame) and outcome.content_type == "command/reply":
        # An `api` is answered so only when the user we are may not run it: no reply of the command's own.
        return CommandFailed(command.shown, outcome.reply)
    try:
        return command.read(outcome.reply if isinstance(outcome, Frame) else outcome.body)
    except Exception as error:  # noqa: BLE001  # crosses to whoever asked, and is raised there
        return error


def _again(error: EventSocketError) -> EventSocketError:
    """A copy: one lost connection fails many commands, and each raises an object of its own."""
    return type(error)(*error.args)


def _now() -> datetime:
    return datetime.now(UTC)
