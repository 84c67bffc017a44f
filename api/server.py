"""The daemon's process, from start to exit: operators are heard here, lookups answered in a fork of it.

Stopping is in the order that loses nothing. Operators go first, so that no new change
comes in. Then pushes end, while lookups are still answered: a node that runs one of our
commands asks us before it replies. Lookups go last.
"""

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass

import uvloop

from api import tls
from api.app import operators_app
from api.elsewhere import Elsewhere
from api.listeners import Address, Listener, address_of, bind
from api.metrics import Metrics
from api.tls import Files, Tls
from controlplane.daemon import Daemon
from controlplane.settings import Lookups, OperatorsListener, Settings

log = logging.getLogger(__name__)

# How far all that is no lookup yields to them, on Linux; 19 is farthest.
NICE = 10

# Seconds; together below the ten that a supervisor is told to wait.
OPERATORS_GRACE = 2
DRAIN_GRACE = 3.5


@dataclass(frozen=True, slots=True)
class Listening:
    """Where a started server is reached, and the daemon behind it."""

    lookups: Address
    operators: Address
    daemon: Daemon


def run(settings: Settings, ready: Callable[[Listening], None] | None = None) -> int:
    """Serve till SIGTERM or Ctrl-C and return the exit code.

    To be called before the process has other threads: the process that answers lookups is a fork of it.
    `ready` is called in the event loop once both listeners take connections. Raises what cannot be served
    with: CannotListen, CannotEncrypt and the middle floor's errors at start.
    """
    lookups_tls, operators_tls = (
        _tls(settings.lookups, required=False),
        _tls(settings.operators, required=True),
    )
    lookups_at = bind(settings.lookups.host, settings.lookups.port)
    lookups = address_of(lookups_at, secure=lookups_tls is not None)
    elsewhere = Elsewhere.begun(settings, lookups_at, lookups_tls)
    _yield_to_lookups()
    try:
        # After the fork, so that nobody else holds them.
        operators_at = bind(settings.operators.host, settings.operators.port)
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                return runner.run(_serve(settings, lookups, elsewhere, operators_at, operators_tls, ready))
        finally:
            for each in operators_at:
                each.close()
    finally:
        elsewhere.end()


async def _serve(
    settings: Settings,
    lookups: Address,
    elsewhere: Elsewhere,
    operators_at: list[socket.socket],
    operators_tls: Tls | None,
    ready: Callable[[Listening], None] | None,
) -> int:
    told, renew = _told(signal.SIGTERM, signal.SIGINT), _told(signal.SIGHUP)
    daemon = Daemon(settings, elsewhere)
    elsewhere.attach(daemon)
    await daemon.start()
    try:
        where = Listening(lookups, address_of(operators_at, secure=operators_tls is not None), daemon)
        metrics = Metrics(elsewhere.lately.counted)
        operators = Listener(
            operators_app(daemon, lookups, elsewhere.lately, metrics),
            operators_at,
            grace=OPERATORS_GRACE,
            tls=operators_tls,
            patience=settings.operators.request_timeout,
            on_late=metrics.cut,
        )
        renewing = asyncio.create_task(_renew(elsewhere, operators_tls, renew), name="renew certificates")
        operating = asyncio.create_task(operators.run_until_closed(), name="operators listener")
        answering = asyncio.create_task(elsewhere.gone(), name="lookups' process")
        announcing = asyncio.create_task(_announce(where, operators, ready), name="announce")
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
            for task in (announcing, stop, renewing):
                task.cancel()
            operators.close()
            await asyncio.gather(elsewhere.stop(), operating)
            answering.cancel()
        if answering in done:
            log.error("the process that answers lookups has ended")
        # What ended by itself is a defect, and the supervisor should start us again.
        return 0 if stop in done else 1
    finally:
        await daemon.stop()
        log.info("stopped")


async def _announce(where: Listening, operators: Listener, ready: Callable[[Listening], None] | None) -> None:
    await operators.listening.wait()
    log.info("lookups at %s/xml_curl, operators at %s/api/v1", where.lookups.url, where.operators.url)
    if ready is not None:
        ready(where)


async def _renew(elsewhere: Elsewhere, operators: Tls | None, renew: asyncio.Event) -> None:
    """Have certificates read again as they change, and all of them at SIGHUP."""
    following = asyncio.Event()
    watching = asyncio.create_task(tls.follow([operators] if operators else [], following))
    try:
        while True:
            await renew.wait()
            renew.clear()
            following.set()
            elsewhere.renew()
    finally:
        watching.cancel()


def _yield_to_lookups() -> None:
    """Take the processor only behind the process that answers lookups, and never from it (sched(7)).

    What is pushed takes seconds on the nodes; a lookup is waited for by a call.
    """
    if sys.platform == "linux":
        os.nice(NICE)
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


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
