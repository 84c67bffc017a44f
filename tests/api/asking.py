"""A listener that nodes ask, over real sockets, and libcurl to ask it with, as mod_xml_curl does."""

import asyncio
import io
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pycurl

from api.asked import Asked
from api.door import Door
from api.listeners import Listener, address_of, bind
from api.lookup_protocol import PATIENCE as REQUEST_PATIENCE
from api.metrics import Counts
from api.sources import Networks, Proxied
from api.throttle import Throttle
from api.tls import Tls
from api.xml_curl import XmlCurl
from controlplane.desired.values import Node, NodeMode, Stored
from tests.api.test_xml_curl import FORM, Known, auth_of

PATIENCE = 20


@dataclass
class Place:
    """A listener, and what it has taken note of."""

    port: int
    asked: Asked
    known: Known
    secure: bool = False

    @property
    def url(self) -> str:
        return f"http{'s' if self.secure else ''}://127.0.0.1:{self.port}/xml_curl"


def a_node(name: str = "fs1", **more: Any) -> Stored[Node]:
    value = Node(name, "switch1", "127.0.0.1", 8021, (), NodeMode.OBSERVING, "ClueCon", ("pw",), **more)
    return Stored(1, 1, 1, value)


def asking(
    talk: Callable[[Place], Awaitable[None]],
    *nodes: Stored[Node],
    tls: Tls | None = None,
    patience: float = REQUEST_PATIENCE,
    throttle: Throttle | None = None,
    proxies: tuple[str, ...] = (),
) -> None:
    """Run `talk` beside a listener that knows these nodes."""

    async def run() -> None:
        known, asked = Known(), Asked(lambda _: 1000, Counts())
        app: Any = XmlCurl(known, Door(await auth_of(*(nodes or (a_node(),))), throttle), asked)
        sockets = bind("127.0.0.1", 0)
        place = Place(address_of(sockets).port, asked, known, tls is not None)
        listener = Listener(
            Proxied(app, Networks(proxies)) if proxies else app,
            sockets,
            grace=1,
            tls=tls,
            patience=patience,
        )
        serving = asyncio.create_task(listener.run_until_closed())
        await listener.listening.wait()
        try:
            await talk(place)
        finally:
            listener.close()
            await serving

    asyncio.run(run())


@dataclass(frozen=True)
class Said:
    """What libcurl got: the last status, all head lines, the body; and what it sent."""

    status: int
    heads: str
    body: bytes
    sent: str


def curl(
    url: str,
    *,
    scheme: int = pycurl.HTTPAUTH_BASIC,
    login: str | None = "fs1:pw",
    form: bytes = FORM,
    method: str | None = None,
    ca: Path | None = None,
    pair: tuple[Path, Path] | None = None,
    headers: tuple[str, ...] = (),
) -> Said:
    """Ask once, on a new connection; raises pycurl.error."""
    handle = pycurl.Curl()
    heads, body, sent = io.BytesIO(), io.BytesIO(), list[bytes]()

    def note(kind: int, data: bytes) -> None:
        if kind == pycurl.INFOTYPE_HEADER_OUT:
            sent.append(data)

    options: dict[int, Any] = {
        pycurl.URL: url,
        pycurl.POSTFIELDS: form,
        pycurl.HEADERFUNCTION: heads.write,
        pycurl.WRITEFUNCTION: body.write,
        pycurl.TIMEOUT: PATIENCE,
        pycurl.NOSIGNAL: 1,
        pycurl.HTTPHEADER: list(headers),
        pycurl.VERBOSE: 1,
        pycurl.DEBUGFUNCTION: note,
    }
    if login is not None:
        options |= {pycurl.HTTPAUTH: scheme, pycurl.USERPWD: login}
    if method is not None:
        options[pycurl.CUSTOMREQUEST] = method
    if ca is not None:
        options[pycurl.CAINFO] = str(ca)
    if pair is not None:
        options |= {pycurl.SSLCERT: str(pair[0]), pycurl.SSLKEY: str(pair[1])}
    try:
        for option, value in options.items():
            handle.setopt(option, value)
        handle.perform()
        status = handle.getinfo(pycurl.RESPONSE_CODE)
    finally:
        handle.close()
    return Said(status, heads.getvalue().decode(), body.getvalue(), b"".join(sent).decode())
