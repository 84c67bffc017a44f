"""A listener: bound sockets and the uvicorn server on them.

Sockets are bound before anything else starts, so that a port in use is one clear
sentence, and they listen only once the daemon can answer.
"""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import uvicorn
from starlette.types import ASGIApp

from api.lookup_protocol import PATIENCE, LookupProtocol, TlsLookupProtocol, cut_late
from api.tls import Tls
from api.xml_curl import XmlCurl

log = logging.getLogger(__name__)

# Seconds between two looks for requests that do not come in time.
LATE_PERIOD = 1.0


class CannotListen(Exception):  # noqa: N818 - what happened, not what it is
    """The address cannot be listened on; the text says which, and why."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a listener listens, as bound (a port 0 has become a real one)."""

    host: str
    port: int
    secure: bool = False

    @property
    def url(self) -> str:
        """The address as the start of a URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.secure else 'http'}://{host}:{self.port}"

    def at(self, host: str) -> "Address":
        """Give the same port at another host."""
        return replace(self, host=host)


def bind(host: str, port: int) -> list[socket.socket]:
    """Bind every address that `host` stands for; port 0 takes one free port for all.

    Raises CannotListen.
    """
    bound: list[socket.socket] = []
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, address in dict.fromkeys(found):
            listener = socket.socket(family, kind, protocol)
            bound.append(listener)
            listener.setblocking(False)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, len(found) > 1)
            first = bound[0].getsockname()[1] if len(bound) > 1 else port
            listener.bind((address[0], first, *address[2:]))
    except OSError as error:
        for listener in bound:
            listener.close()
        raise CannotListen(f"cannot listen on {host} port {port}: {error.strerror or error}") from error
    return bound


def address_of(sockets: list[socket.socket], *, secure: bool = False) -> Address:
    """Say where bound sockets are reached; `secure`: by TLS."""
    host, port = sockets[0].getsockname()[:2]
    return Address(host, port, secure)


class Listener(uvicorn.Server):
    """A uvicorn server that leaves signals to whoever owns the process.

    uvicorn raises a captured signal again when it has stopped, so that what follows
    `serve()` would never run (uvicorn/server.py, `capture_signals`); and with two servers
    in one process each would hear of it alone.
    """

    def __init__(
        self,
        app: ASGIApp,
        sockets: list[socket.socket],
        *,
        grace: int,
        tls: Tls | None = None,
        patience: float = PATIENCE,
        on_late: Callable[[int], None] | None = None,
    ) -> None:
        """`patience`: seconds for a handshake, and for a request to arrive.

        `on_late(number)` is told of connections that were cut because theirs did not.
        """
        super().__init__(
            uvicorn.Config(
                app,
                http=LookupProtocol,
                ws="none",
                lifespan="off",
                log_config=None,
                # Without a level of its own, uvicorn writes a line of trace for every connection, to nobody.
                log_level=log.getEffectiveLevel(),
                access_log=False,
                proxy_headers=False,
                server_header=False,
                date_header=False,
                timeout_graceful_shutdown=grace,
            )
        )
        self.sockets = sockets
        self.listening = asyncio.Event()
        self._tls = tls
        self._patience = patience
        self._kind = LookupProtocol if tls is None else TlsLookupProtocol
        self._on_late = on_late
        # Only where nothing stands before it that must see every request.
        self._at_once = app.at_once if isinstance(app, XmlCurl) else None

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen; `listening` is set from then on.

        Not uvicorn's own: it gives a peer a minute for the handshake.
        """
        loop = asyncio.get_running_loop()
        self.servers = [
            await loop.create_server(
                self._protocol,
                sock=one,
                ssl=self._tls.context if self._tls is not None else None,
                ssl_handshake_timeout=self._patience if self._tls is not None else None,
                backlog=self.config.backlog,
            )
            for one in self.sockets
        ]
        self.started = True
        self.listening.set()

    async def run_until_closed(self) -> None:
        """Serve till `close` is called and what was under way has been answered, or cut after the grace."""
        cutting = asyncio.create_task(self._cut(), name="cut late connections")
        try:
            await self.serve(sockets=self.sockets)
        finally:
            cutting.cancel()

    def _protocol(self) -> LookupProtocol:
        made = self._kind(self.config, self.server_state, {})
        made.patience = self._patience
        made.at_once = self._at_once
        made.wait()
        return made

    async def _cut(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(LATE_PERIOD)
            late = cut_late(tuple(self.server_state.connections), loop.time())
            if late:
                log.info("cut %d connections whose request did not come: %s", len(late), ", ".join(late[:5]))
                if self._on_late is not None:
                    self._on_late(len(late))

    def close(self) -> None:
        """Take no more connections; `run_until_closed` returns soon."""
        self.should_exit = True
