"""Whatever a node sends: every command is told once, and only what is documented."""

from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from esl.connection import Connection
from esl.errors import EventSocketError
from esl.frames import Event, Frame, Limits
from esl.link import LinkPolicy
from tests.esl.peer import ACCEPTED, BANNER, api, event

JOB = b"<our job>"
"""Stands for the Job-UUID that was sent."""

FRAMES = st.sampled_from(
    [
        BANNER,
        ACCEPTED,
        api(b"+OK"),
        api(b""),
        api(b"\xff\xfe"),
        b"Content-Type: command/reply\nReply-Text: -ERR permission denied\n\n",
        b"Content-Type: command/reply\nReply-Text: +OK Job-UUID: " + JOB + b"\nJob-UUID: " + JOB + b"\n\n",
        b"Content-Type: command/reply\nReply-Text: +OK Job-UUID: other\nJob-UUID: other\n\n",
        b"Content-Type: command/reply\n\n",
        event(b'{"Event-Name":"BACKGROUND_JOB","Job-UUID":"<our job>","_body":"+OK"}', b"json"),
        event(b'{"Event-Name":"BACKGROUND_JOB","Job-UUID":["<our job>"],"_body":7}', b"json"),
        event(b'{"Event-Name":"BACKGROUND_JOB"}', b"json"),
        event(b'{"Event-Name":"HEARTBEAT"}', b"json"),
        event(b'{"Event-Name":', b"json"),
        event(b"Event-Name: HEARTBEAT\nA: %zz\n\n"),
        event(b"<event/>", b"xml"),
        b"Content-Type: text/disconnect-notice\nContent-Length: 4\n\nbye\n",
        b"Content-Type: text/disconnect-notice\nContent-Disposition: linger\n\n",
        b"Content-Type: text/rude-rejection\nContent-Length: 3\n\nno\n",
        b"Content-Type: log/data\nContent-Length: 1\n\nx",
        b"Content-Type: api/response\nContent-Length: 99999\n\n",
        b"Content-Type: api/response\nContent-Length: 9\n\nshort",
        b"Content-Length: 3\n\nabc",
        b"\n",
    ]
)
STREAMS = st.lists(FRAMES | st.binary(max_size=20), max_size=12).map(b"".join)


class Sock:
    """A socket from which a stream comes in pieces, and in which what is sent is kept."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.sent = bytearray()

    def recv(self, _: int) -> bytes:
        return self.pieces.pop(0) if self.pieces else b""

    def send(self, data: bytes, *_: object) -> int:
        self.sent += data
        return len(data)

    def close(self) -> None:
        self.pieces.clear()


@settings(deadline=None)
@given(STREAMS, st.integers(1, 200))
def test_every_command_is_told_once_whatever_comes(stream: bytes, size: int) -> None:
    policy = LinkPolicy(limits=Limits(header_bytes=500, body_bytes=500, frames=2))
    events: list[Event] = []
    connection = Connection("192.0.2.1", 8021, "ClueCon", policy=policy, on_event=events.append)
    sock: Any = Sock()
    connection.sock, connection.connected = sock, True
    told: list[list[Frame | Event | EventSocketError]] = [[] for _ in range(4)]

    def note(index: int) -> Callable[[Frame | Event | EventSocketError], None]:
        return told[index].append

    connection.request("api status", note(0), timeout=60, shown="status")
    connection.background("reloadacl", note(1), timeout=60, shown="reloadacl")
    connection.request_all([("api a", note(2), "a"), ("api b", note(3), "b")], timeout=60)
    ours = bytes(sock.sent).partition(b"Job-UUID: ")[2].partition(b"\n")[0]
    whole = stream.replace(JOB, ours)
    sock.pieces = [whole[start : start + size] for start in range(0, len(whole), size)]

    connection.receive_events()  # in this greenlet: what it raised would be raised here

    assert not connection.connected
    assert isinstance(connection.error, EventSocketError)
    assert connection.closed.is_set()
    for outcomes in told:
        (outcome,) = outcomes
        assert isinstance(outcome, Frame | Event | EventSocketError)
    assert all(each.name != "BACKGROUND_JOB" for each in events)
