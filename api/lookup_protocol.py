"""HTTP as mod_xml_curl speaks it, which httptools alone would refuse."""

from typing import cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle


class LookupProtocol(HttpToolsProtocol):
    """Takes `post` for POST.

    mod_xml_curl's `method` setting goes onto the wire as the operator wrote it, often in lower case.
    Methods have case (RFC 9110, 9.1), and the parser insists.
    """

    def data_received(self, data: bytes) -> None:
        """Feed the parser, the method of a new request in capitals."""
        if data[:5] == b"post ":
            cycle = cast(RequestResponseCycle | None, self.cycle)
            if cycle is None or cycle.response_complete:
                data = b"POST " + data[5:]
        super().data_received(data)
