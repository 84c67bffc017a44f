"""HTTP as mod_xml_curl speaks it, which httptools alone would refuse, and within a time."""

import asyncio
import math
import ssl
from collections.abc import Iterable
from typing import cast

from cryptography import x509
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

PATIENCE = 20.0


class LookupProtocol(HttpToolsProtocol):
    """Takes `post` for POST, and notes by when a request must be there.

    mod_xml_curl's `method` setting goes onto the wire as the operator wrote it, often in lower case.
    Methods have case (RFC 9110, 9.1), and the parser insists.
    """

    patience = PATIENCE
    """Seconds that a request may take to arrive, from the connection, or its first byte, to its last."""
    due = math.inf
    """When, in the loop's time, the request that is awaited must be there; infinite: none is."""

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
        HttpToolsProtocol.data_received(self, data)

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


def _subject(certificate: bytes) -> str:
    return x509.load_der_x509_certificate(certificate).subject.rfc4514_string()
