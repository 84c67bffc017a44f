"""Lookups as mod_xml_curl makes them: one new connection each, and only status 200 is read."""

import asyncio
import io
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field

import pycurl

from esl.switch.events import url_encode

_MAX_ANSWER = 1024 * 1024
_MAX_FIRST_FIVE = 511


@dataclass(frozen=True, slots=True)
class Question:
    """What is looked up: the five standard fields but the host name, then headers and parameters."""

    section: str
    tag_name: str = ""
    key_name: str = ""
    key_value: str = ""
    params: tuple[tuple[str, str], ...] = ()

    def body(self, hostname: str, headers: Iterable[tuple[str, str]]) -> bytes:
        """The form: five fields as they are and cut (mod_xml_curl.c:179), the others percent-encoded."""
        first = (
            f"hostname={hostname}&section={self.section}&tag_name={self.tag_name}"
            f"&key_name={self.key_name}&key_value={self.key_value}"
        ).encode()[:_MAX_FIRST_FIVE]
        rest = "".join(f"&{name}={url_encode(value)}" for name, value in (*headers, *self.params))
        return first + rest.encode()


@dataclass(frozen=True, slots=True)
class Lookup:
    """One lookup made: what was asked, and what came. ``status`` is None when nothing came."""

    section: str
    key_value: str
    params: Mapping[str, str]
    status: int | None
    found: bool
    body: bytes = field(repr=False)

    @property
    def purpose(self) -> str | None:
        """The ``purpose`` parameter: gateways, network-list."""
        return self.params.get("purpose")


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and text; (None, "") when the backend was not reached or said too much."""

    status: int | None
    text: str = ""


class Asker:
    """Asks over HTTP in worker threads. One handle a request: FreeSWITCH keeps no connection either."""

    def __init__(
        self, url: str, credentials: tuple[str, str] | None, timeout: float, executor: Executor
    ) -> None:
        self._url = url
        self._credentials = credentials
        self._timeout = timeout
        self._executor = executor
        self._closing = False

    async def ask(self, body: bytes) -> Answer:
        """POSTs; never raises for what the network does."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._perform, body)

    def close(self) -> None:
        """Lets lookups that are under way end soon, with nothing."""
        self._closing = True

    def _perform(self, body: bytes) -> Answer:
        if self._closing:
            return Answer(None)
        received = io.BytesIO()
        handle = pycurl.Curl()
        try:
            for option, value in self._options(body, _bounded(received)):
                handle.setopt(option, value)
            handle.perform()
            status = int(handle.getinfo(pycurl.RESPONSE_CODE))
        except pycurl.error:
            return Answer(None)
        finally:
            handle.close()
        if status != 200:
            return Answer(status)
        return Answer(status, received.getvalue().decode(errors="replace"))

    def _options(self, body: bytes, write: Callable[[bytes], int]) -> Iterable[tuple[int, object]]:
        yield pycurl.URL, self._url
        yield pycurl.NOSIGNAL, 1
        yield pycurl.POST, 1
        yield pycurl.POSTFIELDS, body
        yield pycurl.HTTPHEADER, ["Expect:"]
        yield pycurl.USERAGENT, "freeswitch-xml/1.0"
        yield pycurl.TIMEOUT_MS, int(self._timeout * 1000)
        yield pycurl.FRESH_CONNECT, 1
        yield pycurl.FORBID_REUSE, 1
        # Not even a name server or a proxy stands between a stand-in and its backend.
        yield pycurl.PROXY, ""
        yield pycurl.SSL_VERIFYPEER, 0
        yield pycurl.SSL_VERIFYHOST, 0
        yield pycurl.WRITEFUNCTION, write
        yield pycurl.NOPROGRESS, 0
        yield pycurl.XFERINFOFUNCTION, lambda *_: 1 if self._closing else 0
        if self._credentials is not None:
            yield pycurl.HTTPAUTH, pycurl.HTTPAUTH_BASIC
            yield pycurl.USERNAME, self._credentials[0]
            yield pycurl.PASSWORD, self._credentials[1]


def _bounded(received: io.BytesIO) -> Callable[[bytes], int]:
    def write(data: bytes) -> int:
        # Anything but the data's length aborts the transfer, as over response-max-bytes.
        return received.write(data) if received.tell() + len(data) <= _MAX_ANSWER else -1

    return write
