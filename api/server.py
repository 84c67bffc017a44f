"""The process: both listeners and the daemon in one event loop, from start to exit.

Stopping is in the order that loses nothing. Operators go first, so that no new change
comes in. Then pushes end, while lookups are still answered: a node that runs one of our
commands asks us before it replies. Lookups go last.
"""

import asyncio
import logging
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass

import uvloop

from api.app import lookups_app, operators_app
from api.listeners import Address, Listener, address_of, bind
from api.node_auth import NodeAuth
from controlplane.daemon import Daemon
from controlplane.settings import Settings

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


def run(settings: Settings, ready: Callable[[Listening], None] | None = None) -> int:
    """Serve till SIGTERM or Ctrl-C and return the exit code.

    `ready` is called in the event loop once both listeners take connections. Raises what
    cannot be served with: CannotListen and the middle floor's errors at start.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(serve(settings, ready))


async def serve(settings: Settings, ready: Callable[[Listening], None] | None = None) -> int:
    """Serve in the running loop till the process is told to stop; see `run`."""
    told = _told_to_stop()
    lookups_at = bind(settings.lookups.host, settings.lookups.port)
    try:
        operators_at = bind(settings.operators.host, settings.operators.port)
        try:
            return await _serve(settings, lookups_at, operators_at, told, ready)
        finally:
            _close(operators_at)
    finally:
        _close(lookups_at)


async def _serve(
    settings: Settings,
    lookups_at: list[socket.socket],
    operators_at: list[socket.socket],
    told: asyncio.Event,
    ready: Callable[[Listening], None] | None,
) -> int:
    daemon = Daemon(settings)
    await daemon.start()
    try:
        nodes = NodeAuth.over(daemon.store, daemon.vault)
        daemon.desired.listen(nodes.changed)
        await nodes.start(daemon.desired.catalog)
        where = Listening(address_of(lookups_at), address_of(operators_at), daemon)
        lookups = Listener(lookups_app(daemon, nodes), lookups_at, grace=LOOKUPS_GRACE)
        operators = Listener(operators_app(daemon, where.lookups), operators_at, grace=OPERATORS_GRACE)
        answering = asyncio.create_task(lookups.run_until_closed(), name="lookups listener")
        operating = asyncio.create_task(operators.run_until_closed(), name="operators listener")
        announcing = asyncio.create_task(_announce(where, (lookups, operators), ready), name="announce")
        stop = asyncio.create_task(told.wait(), name="told to stop")
        try:
            done, _ = await asyncio.wait({answering, operating, stop}, return_when=asyncio.FIRST_COMPLETED)
            log.info("stopping")
            operators.close()
            await daemon.drain(DRAIN_GRACE)
        finally:
            announcing.cancel()
            stop.cancel()
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


def _told_to_stop() -> asyncio.Event:
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    return told


def _close(sockets: list[socket.socket]) -> None:
    for each in sockets:
        each.close()
