"""A node's address, the state of our link to it, and the rules by which the link is kept."""

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from esl import names
from esl.errors import CommandRejected
from esl.frames import Limits


@dataclass(frozen=True, slots=True)
class NodeAddress:
    """Where a node's Event Socket listens, and how to log in.

    With ``user`` (``name@domain``) the login is ``userauth``. Raises CommandRejected for what could
    not be sent as one line.
    """

    name: str
    host: str
    port: int
    password: str = field(repr=False)
    user: str | None = None

    def __post_init__(self) -> None:
        names.secret(self.password, "the password")
        if self.user is not None:
            names.word(self.user, "user")
            if ":" in self.user:
                raise CommandRejected("a user with a colon: it would end the name")
        names.word(self.host, "host")
        if not 0 < self.port < 65536:
            raise CommandRejected(f"not a port: {self.port}")


class LinkState(StrEnum):
    """CONNECTING until the first outcome; then UP, or DOWN while it is tried again."""

    CONNECTING = "connecting"
    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Link:
    """Our link to one node. ``since`` is when ``state`` began, not when ``reason`` last changed.

    ``core_uuid`` (new at each start of the node), ``version``, ``switchname`` and ``own_address``, the
    local end of our socket, are known while it is UP. ``epoch`` counts the connections that came up.
    """

    node: str
    state: LinkState
    since: datetime
    reason: str = ""
    core_uuid: str | None = None
    version: str | None = None
    own_address: str | None = None
    epoch: int = 0
    switchname: str | None = None


@dataclass(frozen=True, slots=True)
class NodeEvent:
    """An event of a node; ``at`` is when we received it, in UTC."""

    node: str
    name: str
    subclass: str | None
    headers: Mapping[str, str]
    at: datetime


@dataclass(frozen=True, slots=True)
class LinkPolicy:
    """How links are kept; times in seconds.

    A node heartbeats every 20 s. After ``idle_timeout`` without a byte it is asked something cheap,
    and given up after ``probe_timeout`` more. A refused login is tried again much more seldom: the
    node logs every one, and it takes a person to mend it.
    """

    connect_timeout: float = 5.0
    """For name resolution, TCP, greeting and login together."""
    command_timeout: float = 10.0
    background_timeout: float = 120.0
    """For commands that make the node fetch, or take long."""
    send_timeout: float = 10.0
    """For how long a node may leave what we sent unread."""
    idle_timeout: float = 45.0
    probe_timeout: float = 10.0
    backoff_min: float = 0.5
    backoff_max: float = 30.0
    refused_min: float = 30.0
    refused_max: float = 300.0
    jitter: float = 0.3
    """Each delay is shortened by a random part of up to this share."""
    stable_after: float = 10.0
    """A connection that lasted this long makes the backoff start anew."""
    connects_at_once: int = 128
    connects_per_second: float = 100.0
    max_unsent_bytes: int = 8 * 1024 * 1024
    max_pending: int = 100_000
    """Commands that may wait for answers on one connection."""
    max_jobs: int = 100
    """Background jobs under way on one connection: a thread of the node's each (mod_event_socket.c:2383)."""
    max_waiting_events: int = 20_000
    """Events on their way to the callbacks; more are dropped and counted."""
    limits: Limits = field(default_factory=Limits)


_chance = random.Random()  # noqa: S311  # spreads load, guards nothing; the global generator is our host's

Backoff: TypeAlias = Callable[[float, float, float], Iterator[float]]
"""``(shortest, longest, jitter) -> delays``, without end."""


def backoff(shortest: float, longest: float, jitter: float) -> Iterator[float]:
    """Delays that double from ``shortest`` to ``longest``, each shortened at random by up to ``jitter``."""
    delay = shortest
    while True:
        yield delay * (1 - jitter * _chance.random())
        delay = min(delay * 2, longest)
