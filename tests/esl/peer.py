"""A peer for one connection: a gevent server that runs a script on each socket it accepts."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import gevent  # type: ignore[import-untyped]
from gevent.server import StreamServer  # type: ignore[import-untyped]
from greenswitch.esl import InboundESL

from esl.connection import Connection
from esl.link import LinkPolicy

BANNER = b"Content-Type: auth/request\n\n"
ACCEPTED = b"Content-Type: command/reply\nReply-Text: +OK accepted\n\n"
POLICY = LinkPolicy(connect_timeout=2.0, command_timeout=2.0, background_timeout=2.0, send_timeout=2.0)


def api(text: bytes) -> bytes:
    return b"Content-Type: api/response\nContent-Length: %d\n\n%s" % (len(text), text)


def event(text: bytes, kind: bytes = b"plain") -> bytes:
    return b"Content-Length: %d\nContent-Type: text/event-%s\n\n%s" % (len(text), kind, text)


class Talk:
    """One accepted socket, with what a script needs."""

    def __init__(self, sock: Any) -> None:
        self.sock = sock
        self._file = sock.makefile("rb")

    def say(self, data: bytes) -> None:
        self.sock.sendall(data)

    def hear(self) -> bytes:
        """The next command without its empty line; b"" at the end."""
        lines = []
        while (line := self._file.readline()) not in (b"", b"\n"):
            lines.append(line)
        return b"".join(lines).rstrip(b"\n")

    def login(self) -> bytes:
        """Greets and accepts whatever password comes."""
        self.say(BANNER)
        line = self.hear()
        self.say(ACCEPTED)
        return line

    def until_closed(self) -> bytes:
        """All that comes until the other end closes."""
        return bytes(self._file.read())

    def close(self) -> None:
        self._file.close()
        self.sock.close()


@contextmanager
def peer(script: Callable[[Talk], object], host: str = "127.0.0.1") -> Iterator[int]:
    """Serves ``script`` on a port of its own; scripts are killed at the end."""

    def handle(sock: Any, _: object) -> None:
        talk = Talk(sock)
        try:
            script(talk)
        except OSError:
            pass  # the test has closed its end
        finally:
            talk.close()

    server = StreamServer((host, 0), handle)
    server.start()
    try:
        yield int(server.server_port)
    finally:
        server.stop(timeout=1)


@contextmanager
def ours(port: int, *, host: str = "127.0.0.1", connect: bool = True, **options: Any) -> Iterator[Connection]:
    """Our connection, stopped at the end."""
    options.setdefault("policy", POLICY)
    connection = Connection(host, port, "ClueCon", **options)
    try:
        if connect:
            connection.connect()
        yield connection
    finally:
        connection.stop()


@contextmanager
def plain(
    port: int, *, host: str = "127.0.0.1", connect: bool = True, password: str = "ClueCon"
) -> Iterator[Any]:
    """The library's own connection, taken apart at the end: its stop() may hang."""
    connection = InboundESL(host, port, password, timeout=1)
    try:
        if connect:
            connection.connect()
        yield connection
    finally:
        greenlets = (connection._receive_events_greenlet, connection._process_events_greenlet)
        gevent.killall([each for each in greenlets if each is not None], timeout=1)
        for name in ("sock_file", "sock"):
            if hasattr(connection, name):
                getattr(connection, name).close()


def hangs(function: Callable[..., object], *args: object, within: float = 0.15) -> bool:
    """Whether a call is still waiting after a while."""
    limit = gevent.Timeout(within)
    limit.start()
    try:
        function(*args)
    except gevent.Timeout as late:
        if late is not limit:
            raise
        return True
    finally:
        limit.close()
    return False


def until(condition: Callable[[], bool], within: float = 3.0) -> None:
    """Lets greenlets run until something holds."""
    with gevent.Timeout(within):
        while not condition():
            gevent.sleep(0.001)
