"""HTTP as mod_xml_curl speaks it, which httptools alone would refuse, and within a time."""

import asyncio
import math
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

from cryptography import x509
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds that a caller may take: for a request's head, then for its body."""

    head: float = 10.0
    body: float = 20.0


class LookupProtocol(HttpToolsProtocol):
    """Takes `post` for POST, notes by when a request must be there, and shows the client's certificate.

    mod_xml_curl's `method` setting goes onto the wire as the operator wrote it, often in lower case.
    Methods have case (RFC 9110, 9.1), and the parser insists.
    """

    patience = Patience()
    due = math.inf
    """When, in the loop's time, what is being waited for from the peer must have come."""
    _extensions: dict[str, Any] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self.due = self.loop.time() + self.patience.head
        connection: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
        if connection is not None:
            certificate = connection.getpeercert(binary_form=True)
            subject = _subject(certificate) if certificate else None
            # The ASGI TLS extension's word for it.
            self._extensions = {"tls": {"client_cert_name": subject}}

    def data_received(self, data: bytes) -> None:
        """Feed the parser, the method of a new request in capitals."""
        if data[:5] == b"post ":
            cycle = cast(RequestResponseCycle | None, self.cycle)
            if cycle is None or cycle.response_complete:
                data = b"POST " + data[5:]
        super().data_received(data)

    def on_message_begin(self) -> None:
        """Wait for the head."""
        super().on_message_begin()
        self.due = self.loop.time() + self.patience.head
        if self._extensions is not None:
            self.scope["extensions"] = self._extensions

    def on_headers_complete(self) -> None:
        """Wait for the body."""
        self.due += self.patience.body
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Wait for nothing."""
        self.due = math.inf
        super().on_message_complete()


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
