"""The process: both listeners and the daemon in one event loop, from start to exit.

Stopping is in the order that loses nothing. Operators go first, so that no new change
comes in. Then pushes end, while lookups are still answered: a node that runs one of our
commands asks us before it replies. Lookups go last.
"""

import asyncio
import gc
import logging
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass

import uvloop

from api import tls
from api.app import asked_of, lookups_app, operators_app
from api.listeners import Address, Listener, address_of, bind
from api.node_auth import NodeAuth
from api.tls import Files, Tls
from controlplane.daemon import Daemon
from controlplane.settings import Lookups, OperatorsListener, Settings

log = logging.getLogger(__name__)

# Seconds; together below the ten that a supervisor is told to wait.
OPERATORS_GRACE = 2
DRAIN_GRACE = 3.5
LOOKUPS_GRACE = 2


@dataclass(frozen=True, slots=True)
class Listening:
    """Where a started server is reached, and the daemon behind it."""

    lookups: Address
    operators: Address
    daemon: Daemon


@dataclass(frozen=True, slots=True)
class _Place:
    """Bound sockets, and what they encrypt with."""

    sockets: list[socket.socket]
    tls: Tls | None

    @property
    def address(self) -> Address:
        return address_of(self.sockets, secure=self.tls is not None)


def run(settings: Settings, ready: Callable[[Listening], None] | None = None) -> int:
    """Serve till SIGTERM or Ctrl-C and return the exit code.

    `ready` is called in the event loop once both listeners take connections. Raises what
    cannot be served with: CannotListen, CannotEncrypt and the middle floor's errors at start.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(serve(settings, ready))


async def serve(settings: Settings, ready: Callable[[Listening], None] | None = None) -> int:
    """Serve in the running loop till the process is told to stop; see `run`."""
    told, renew = _told(signal.SIGTERM, signal.SIGINT), _told(signal.SIGHUP)
    lookups_tls = await asyncio.to_thread(_tls, settings.lookups, required=False)
    operators_tls = await asyncio.to_thread(_tls, settings.operators, required=True)
    lookups_at = bind(settings.lookups.host, settings.lookups.port)
    try:
        operators_at = bind(settings.operators.host, settings.operators.port)
        try:
            places = (_Place(lookups_at, lookups_tls), _Place(operators_at, operators_tls))
            return await _serve(settings, *places, told, renew, ready)
        finally:
            _close(operators_at)
    finally:
        _close(lookups_at)


async def _serve(
    settings: Settings,
    lookups_at: _Place,
    operators_at: _Place,
    told: asyncio.Event,
    renew: asyncio.Event,
    ready: Callable[[Listening], None] | None,
) -> int:
    daemon = Daemon(settings)
    await daemon.start()
    try:
        nodes = NodeAuth.over(daemon.store, daemon.vault)
        daemon.desired.listen(nodes.changed)
        await nodes.start(daemon.desired.catalog)
        where = Listening(lookups_at.address, operators_at.address, daemon)
        asked = asked_of(daemon)

        def late(number: int) -> None:
            asked.metrics.late += number

        lookups = Listener(
            lookups_app(daemon, nodes, asked),
            lookups_at.sockets,
            grace=LOOKUPS_GRACE,
            tls=lookups_at.tls,
            patience=settings.lookups.request_timeout,
            on_late=late,
        )
        operators = Listener(
            operators_app(daemon, where.lookups, asked),
            operators_at.sockets,
            grace=OPERATORS_GRACE,
            tls=operators_at.tls,
            patience=settings.operators.request_timeout,
            on_late=late,
        )
        settling = asyncio.create_task(asked.run(), name="settle lookups")
        encrypting = [place.tls for place in (lookups_at, operators_at) if place.tls is not None]
        renewing = asyncio.create_task(tls.follow(encrypting, renew), name="follow certificates")
        answering = asyncio.create_task(lookups.run_until_closed(), name="lookups listener")
        operating = asyncio.create_task(operators.run_until_closed(), name="operators listener")
        announcing = asyncio.create_task(_announce(where, (lookups, operators), ready), name="announce")
        stop = asyncio.create_task(told.wait(), name="told to stop")
        # What stands now stays; the collector would look through it again and again, and all wait for it.
        gc.collect()
        gc.freeze()
        try:
            done, _ = await asyncio.wait({answering, operating, stop}, return_when=asyncio.FIRST_COMPLETED)
            log.info("stopping")
            operators.close()
            await daemon.drain(DRAIN_GRACE)
        finally:
            for task in (announcing, stop, settling, renewing):
                task.cancel()
            operators.close()
            lookups.close()
            await asyncio.gather(answering, operating)
        # A listener that ended by itself is a defect, and the supervisor should start us again.
        return 0 if stop in done else 1
    finally:
        await daemon.stop()
        log.info("stopped")


async def _announce(
    where: Listening, servers: tuple[Listener, ...], ready: Callable[[Listening], None] | None
) -> None:
    for server in servers:
        await server.listening.wait()
    log.info("lookups at %s/xml_curl, operators at %s/api/v1", where.lookups.url, where.operators.url)
    if ready is not None:
        ready(where)


def _told(*numbers: signal.Signals) -> asyncio.Event:
    """Give what one of these signals sets."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in numbers:
        loop.add_signal_handler(number, told.set)
    return told


def _tls(settings: Lookups | OperatorsListener, *, required: bool) -> Tls | None:
    certificate, key = settings.tls_certificate, settings.tls_key
    if certificate is None or key is None:
        return None
    return Tls(Files(certificate, key, settings.tls_client_ca), required=required)


def _close(sockets: list[socket.socket]) -> None:
    for each in sockets:
        each.close()
