"""HTTP as mod_xml_curl speaks it, which httptools alone would refuse, and within a time."""

import asyncio
import math
import ssl
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias, cast

from cryptography import x509
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

PATIENCE = 20.0

AtOnce: TypeAlias = Callable[[Any, bytes], bytes | None]
"""`(scope, body) -> response`: whole, of status 200, if it stands ready; None: ask the application."""


class LookupProtocol(HttpToolsProtocol):
    """Takes `post` for POST, notes by when a request must be there, and writes at once what stands ready.

    mod_xml_curl's `method` setting goes onto the wire as the operator wrote it, often in lower case.
    Methods have case (RFC 9110, 9.1), and the parser insists.

    A request that has come whole is shown to `at_once` before a task is made for it: the task, the messages
    between it and uvicorn, and a second write for the body cost more than most answers do.
    """

    patience = PATIENCE
    """Seconds that a request may take to arrive, from the connection, or its first byte, to its last."""
    due = math.inf
    """When, in the loop's time, the request that is awaited must be there; infinite: none is."""
    at_once: AtOnce | None = None
    _feeding = False
    _begun: tuple[RequestResponseCycle, Any] | None = None

    def wait(self) -> None:
        """Begin to wait for a request."""
        self.due = self.loop.time() + self.patience

    def data_received(self, data: bytes) -> None:
        """Feed the parser, the method of a new request in capitals."""
        if self.due == math.inf:
            self.wait()
        if data[:5] == b"post ":
            cycle = cast(RequestResponseCycle | None, self.cycle)
            if cycle is None or cycle.response_complete:
                data = b"POST " + data[5:]
        if self.at_once is None:
            HttpToolsProtocol.data_received(self, data)
            return
        self._feeding = True
        HttpToolsProtocol.data_received(self, data)
        # An answer lets the next of pipelined requests begin.
        while self._begun is not None:
            cycle, app = self._begun
            self._begun = None
            ready = None
            if not cycle.more_body and cycle.keep_alive and not cycle.waiting_for_100_continue:
                # While the peer does not read what it is sent, it is the application that waits.
                ready = None if self.flow.write_paused else self.at_once(cycle.scope, bytes(cycle.body))
            if ready is None:
                self._start(cycle, app)
            else:
                self._answer(cycle, ready)
        self._feeding = False

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """Called once the headers are there; what follows them may be in the bytes at hand."""
        if self._feeding:
            self._begun = (cycle, app)
        else:
            self._start(cycle, app)

    def _start(self, cycle: RequestResponseCycle, app: Any) -> None:
        if cycle.more_body and self.due == math.inf:
            # The end of a request before it, in the same bytes, has ended the wait for this one.
            self.wait()
        HttpToolsProtocol._start_asgi_task(self, cycle, app)

    def _answer(self, cycle: RequestResponseCycle, response: bytes) -> None:
        """End a cycle as its `send` would."""
        self.transport.write(response)
        cycle.response_started = cycle.response_complete = True
        cycle.on_response()
        cycle.on_response = _nothing  # else the cycle and we hold each other

    def on_message_complete(self) -> None:
        """Wait for nothing."""
        self.due = math.inf
        HttpToolsProtocol.on_message_complete(self)


class TlsLookupProtocol(LookupProtocol):
    """Shows the client's certificate to the application, which uvicorn does not."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Read the certificate: the handshake is done, and nobody's else is let through it."""
        super().connection_made(transport)
        connection: ssl.SSLObject = transport.get_extra_info("ssl_object")
        certificate = connection.getpeercert(binary_form=True)
        # The ASGI TLS extension's word for it.
        self._extensions: dict[str, dict[object, object]] = {}
        self._extensions["tls"] = {"client_cert_name": _subject(certificate) if certificate else None}

    def on_message_begin(self) -> None:
        """Tell each request of it."""
        super().on_message_begin()
        self.scope["extensions"] = self._extensions


def cut_late(connections: Iterable[object], now: float) -> list[str]:
    """Cut the connections whose request has not come in time; gives their peers' addresses.

    Looked for now and then: a timer of its own for each request would cost every lookup.
    """
    late = [
        each
        for each in connections
        # While reading is paused it is we who keep the peer waiting.
        if isinstance(each, LookupProtocol) and each.due < now and not each.flow.read_paused
    ]
    for each in late:
        each.transport.abort()
    return [each.client[0] if each.client else "" for each in late]


def _nothing() -> None:
    pass


def _subject(certificate: bytes) -> str:
    return x509.load_der_x509_certificate(certificate).subject.rfc4514_string()
