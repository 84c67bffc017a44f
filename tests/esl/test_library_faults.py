"""Every known fault of greenswitch 0.0.19: the library fails, our connection does not."""

import socket
import warnings
from dataclasses import replace
from typing import Any

import gevent  # type: ignore[import-untyped]
import pytest
from greenswitch.esl import ESLEvent, ESLProtocol

from esl.connection import Connection
from esl.errors import (
    CommandRejected,
    CommandTimeout,
    ConnectFailed,
    ConnectionLost,
    NotConnected,
    ProtocolError,
)
from esl.frames import Event, Frame, FrameParser, parse_event
from esl.link import LinkPolicy
from tests.esl.peer import BANNER, POLICY, Talk, api, event, hangs, ours, peer, plain, until
from tests.network import free_port, has_ipv6


def test_an_encoded_newline_is_not_another_header() -> None:
    text = b"Event-Name: CUSTOM\nName: a%0AInjected: yes\n\n"
    assert ESLEvent(text.decode()).headers["Injected"] == "yes"

    [frame] = FrameParser().feed(event(text))
    headers = parse_event(frame).headers
    assert headers == {"Event-Name": "CUSTOM", "Name": "a\nInjected: yes"}


def _login_then_close_on_command(talk: Talk) -> None:
    talk.login()
    talk.hear()


def test_a_command_under_way_is_released_when_the_node_goes() -> None:
    with peer(_login_then_close_on_command) as port:
        with plain(port) as connection:
            assert hangs(connection.send, "api status")
            assert not connection.connected
        with ours(port) as connection:
            with pytest.raises(ConnectionLost, match="closed by the node"):
                connection.send("api status")
            with pytest.raises(NotConnected):
                connection.send("api status")


def test_a_body_cut_short_does_not_spin() -> None:
    reads = 0

    class EndlessError(Exception):
        pass

    class EndedFile:
        def read(self, length: int) -> bytes:
            nonlocal reads
            reads += 1
            if reads > 50:
                raise EndlessError
            return b""

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it logs through the deprecated logging.warn
        with pytest.raises(EndlessError):
            ESLProtocol._read_socket(EndedFile(), 10)

    def script(talk: Talk) -> None:
        talk.login()
        talk.hear()
        talk.say(api(b"0123456789")[:-1])

    with peer(script) as port, ours(port) as connection, pytest.raises(ConnectionLost):
        connection.send("api status")


def test_a_byte_that_is_not_utf8_does_not_end_the_reading() -> None:
    def script(talk: Talk) -> None:
        talk.login()
        talk.hear()
        talk.say(api(b"caf\xe9"))
        talk.hear()
        talk.say(api(b"+OK"))
        talk.until_closed()

    with peer(script) as port:
        with plain(port) as connection:
            assert hangs(connection.send, "api global_getvar u8")
            assert connection._receive_events_greenlet.dead
            assert connection.connected  # it says so, and reads no more
        with ours(port) as connection:
            assert connection.send("api global_getvar u8").text == "caf�"
            assert connection.send("api status").text == "+OK"


class _StingySocket:
    """Takes at most seven bytes at a time."""

    def __init__(self, sock: Any) -> None:
        self.sock = sock

    def send(self, data: bytes, *more: Any) -> int:
        return int(self.sock.send(data[:7], *more))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.sock, name)


def test_what_the_socket_takes_in_pieces_is_sent_whole() -> None:
    def script(talk: Talk) -> None:
        talk.login()
        talk.say(api(talk.hear()))
        talk.until_closed()

    with peer(script) as port:
        with plain(port) as connection:
            connection.sock = _StingySocket(connection.sock)
            assert hangs(connection.send, "api global_getvar hostname")
        with ours(port) as connection:
            connection.sock = _StingySocket(connection.sock)
            assert connection.send("api global_getvar hostname").text == "api global_getvar hostname"


def test_a_node_that_reads_nothing_is_given_up() -> None:
    def script(talk: Talk) -> None:
        talk.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        talk.login()
        gevent.sleep(30)

    lines = [f"api {index} {'x' * 8000}" for index in range(1000)]
    with peer(script) as port:
        with plain(port) as connection:
            assert hangs(connection.send, "".join(lines))
        policy = LinkPolicy(connect_timeout=2.0, send_timeout=0.1, max_unsent_bytes=20_000_000)
        outcomes: list[object] = []
        with ours(port, policy=policy) as connection:
            connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
            connection.request_all([(line, outcomes.append, "api") for line in lines], timeout=10)
            until(lambda: len(outcomes) == len(lines))
            assert all(isinstance(outcome, ConnectionLost) for outcome in outcomes)
            assert "does not read" in str(connection.error)
        with ours(port) as connection, pytest.raises(NotConnected, match="does not read"):
            connection.request_all([(line, outcomes.append, "api") for line in lines * 2], timeout=10)


def test_commands_that_wait_for_answers_are_bounded() -> None:
    gate = gevent.event.Event()

    def script(talk: Talk) -> None:
        talk.login()
        gate.wait()
        while heard := talk.hear():
            talk.say(api(heard))

    outcomes: list[Any] = []
    with peer(script) as port, ours(port, policy=replace(POLICY, max_pending=3)) as connection:
        connection.request_all([(f"api {index}", outcomes.append, "api") for index in range(3)], timeout=2)
        with pytest.raises(NotConnected, match="too many commands wait"):
            connection.request("api 3", outcomes.append, timeout=2, shown="api")
        gate.set()
        until(lambda: len(outcomes) == 3)
        assert [each.text for each in outcomes] == ["api 0", "api 1", "api 2"]
        assert connection.send("api 4").text == "api 4"


def test_a_send_has_a_deadline() -> None:
    def script(talk: Talk) -> None:
        talk.login()
        talk.until_closed()

    with peer(script) as port:
        with plain(port) as connection:
            assert hangs(connection.send, "api status")
        with ours(port) as connection, pytest.raises(CommandTimeout, match="'api status'"):
            connection.send("api status", timeout=0.05)


@pytest.mark.parametrize(
    "line",
    [
        "api status\n\napi fsctl shutdown",
        "api status\r\n\r\napi x",
        "api a\nb",
        "api a\0b",
        "",
        " ",
        "api \ud800",
    ],
)
def test_a_command_is_one_line(line: str) -> None:
    def script(talk: Talk) -> None:
        talk.login()
        while heard := talk.hear():
            talk.say(api(b"did " + heard))

    with peer(script) as port:
        if line.startswith("api status\n"):
            with plain(port) as connection:
                assert connection.send(line).data == "did api status"
                assert connection.send("api a").data == "did api fsctl shutdown"
        with ours(port) as connection:
            with pytest.raises(CommandRejected):
                connection.send(line)
            assert connection.send("api a").text == "did api a"


def test_a_password_is_one_line() -> None:
    heard: list[bytes] = []

    def script(talk: Talk) -> None:
        heard.append(talk.login())
        heard.append(talk.hear())

    with peer(script) as port:
        with plain(port, password="ClueCon\n\napi fsctl shutdown"):
            until(lambda: len(heard) == 2)
        assert heard[1] == b"api fsctl shutdown"
        with pytest.raises(CommandRejected) as refused:
            Connection("127.0.0.1", port, "ClueCon\n\napi fsctl shutdown")
        assert "ClueCon" not in str(refused.value)


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 loopback address (::1)")
def test_ipv6() -> None:
    def script(talk: Talk) -> None:
        talk.login()
        talk.until_closed()

    with peer(script, host="::1") as port:
        with pytest.raises(OSError, match="amily"), plain(port, host="::1"):
            pass
        with ours(port, host="::1") as connection:
            assert connection.own_address == "::1"


def test_a_refusal_is_an_error_of_ours() -> None:
    port = free_port()
    with pytest.raises(ConnectionRefusedError), plain(port):
        pass
    with pytest.raises(ConnectFailed, match="refused") as failed, ours(port):
        pass
    assert isinstance(failed.value.__cause__, ConnectionRefusedError)


def test_a_name_that_does_not_resolve_is_an_error_of_ours() -> None:
    for host in ("no host", "a" * 300):
        with pytest.raises(ConnectFailed), ours(8021, host=host):
            pass


def test_the_greeting_has_a_deadline() -> None:
    def script(talk: Talk) -> None:
        talk.until_closed()

    with peer(script) as port:
        with plain(port, connect=False) as connection:
            assert hangs(connection.connect)
        with (
            pytest.raises(ConnectFailed, match=r"no login within 0\.05 s"),
            ours(port, policy=LinkPolicy(connect_timeout=0.05)),
        ):
            pass


def test_a_node_that_leaves_between_greeting_and_login_is_told_by_its_reason() -> None:
    def script(talk: Talk) -> None:
        talk.say(BANNER)

    with peer(script) as port, ours(port, connect=False) as connection:
        connection.open()
        assert connection.closed.wait(2)
        with pytest.raises(ConnectFailed, match="closed by the node"):
            connection.log_in()


def test_a_reply_that_is_lost_does_not_shift_the_next() -> None:
    def script(talk: Talk) -> None:
        talk.login()
        while heard := talk.hear():
            if heard != b"api lost":
                talk.say(api(b"did " + heard))

    with peer(script) as port:
        with plain(port) as connection:
            lost = gevent.spawn(connection.send, "api lost")
            gevent.sleep(0)
            assert hangs(connection.send, "api next")
            assert lost.get().data == "did api next"
        with ours(port) as connection:
            with pytest.raises(CommandTimeout):
                connection.send("api lost", timeout=0.05)
            with pytest.raises(NotConnected):
                connection.send("api quick")
            connection.connect()
            assert connection.send("api quick").text == "did api quick"


@pytest.mark.parametrize(
    ("frame", "complaint"),
    [
        (b"Content-Length: 2\n\nab", "without Content-Type"),
        (b"Content-Type: api/response\n\n", "without Content-Length"),
        (b"Content-Type: text/event-json\n\n", "without Content-Length"),
        (b"Content-Type: api/response\nContent-Length: -2\n\n", "not a length"),
        (b"Content-Type: api/response\nContent-Length: many\n\n", "not a length"),
        (b" goes on\nContent-Type: command/reply\n\n", "starts without a name"),
    ],
)
def test_a_frame_that_is_none_ends_the_connection_with_a_reason(frame: bytes, complaint: str) -> None:
    def script(talk: Talk) -> None:
        talk.login()
        talk.hear()
        talk.say(frame)
        talk.until_closed()

    with peer(script) as port:
        with plain(port) as connection:
            assert hangs(connection.send, "api status")
            assert connection.connected
        with ours(port) as connection:
            with pytest.raises(ConnectionLost, match=complaint):
                connection.send("api status")
            assert isinstance(connection.error, ProtocolError)
            assert not connection.connected


def test_a_line_without_a_name_goes_on_the_one_before() -> None:
    with pytest.raises(AttributeError):
        ESLEvent("no name\nEvent-Name: X\n")
    with pytest.raises(ProtocolError):
        FrameParser().feed(b"no name\nEvent-Name: X\n\n")
    [frame] = FrameParser().feed(b"Content-Type: command/reply\nReply-Text: -ERR one\ntwo\n\n")
    assert frame.reply == "-ERR one\ntwo"


def test_stop_does_not_wait_for_the_node() -> None:
    def script(talk: Talk) -> None:
        talk.login()
        talk.until_closed()

    with peer(script) as port:
        with plain(port) as connection:
            assert hangs(connection.stop)
        with ours(port) as connection:
            waiting = gevent.spawn(connection.send, "api status")
            until(lambda: connection.waiting)
            assert not hangs(connection.stop)
            assert not hangs(connection.stop)
            with pytest.raises(ConnectionLost):
                waiting.get()


def test_stop_before_connecting() -> None:
    with plain(8021, connect=False) as connection, pytest.raises(AttributeError):
        connection.stop()
    with ours(8021, connect=False) as connection:
        connection.stop()


def test_one_object_connects_again() -> None:
    def script(talk: Talk) -> None:
        talk.login()
        talk.say(api(talk.hear()))

    with peer(script) as port:
        with plain(port) as connection:
            assert connection.send("api a").data == "api a"
            until(lambda: not connection.connected)
            connection.sock_file.close()
            connection.sock.close()
            assert hangs(connection.connect)
        with ours(port) as connection:
            for _ in range(3):
                assert connection.send("api a").text == "api a"
                assert connection.closed.wait(2)
                connection.connect()


def test_waiting_events_are_bounded_and_handlers_do_not_stop_each_other() -> None:
    flood = b"".join(event(b"Event-Name: HEARTBEAT\nNumber: %d\n\n" % number) for number in range(100))

    def script(talk: Talk) -> None:
        talk.login()
        talk.hear()
        talk.say(flood)
        talk.say(api(b"+OK"))
        talk.until_closed()

    gate = gevent.event.Event()
    seen: list[Any] = []

    def slow(received: Any) -> None:
        gate.wait()
        seen.append(received)

    def failing(_: Any) -> None:
        raise RuntimeError("a bug in a handler")

    with peer(script) as port:
        with plain(port) as connection:
            connection.register_handle("HEARTBEAT", slow)
            connection.send("api a")
            until(lambda: connection._esl_event_queue.qsize() >= 99)  # as many as the node sends
            gate.set()  # it would also swallow being killed
            until(lambda: len(seen) == 100)
        gate.clear()
        seen.clear()
        with ours(port, max_queued_events=10) as connection:
            connection.register_handle("HEARTBEAT", failing)
            connection.register_handle("HEARTBEAT", slow)
            assert connection.send("api a").text == "+OK"
            waiting = connection._esl_event_queue.qsize()
            assert waiting <= 10
            assert 1 + waiting + connection.dropped_events == 100
            gate.set()
            until(lambda: len(seen) == waiting + 1)
            assert [each.headers["Number"] for each in seen[:3]] == ["0", "1", "2"]


def test_a_sink_gets_every_event_in_order_without_a_queue() -> None:
    def script(talk: Talk) -> None:
        talk.login()
        talk.hear()
        for number in range(50):
            talk.say(event(b'{"Event-Name":"HEARTBEAT","Number":"%d"}' % number, b"json"))
        talk.say(event(b"{broken", b"json"))
        talk.say(b"Content-Type: log/data\nContent-Length: 3\n\nabc")
        talk.say(api(b"+OK"))
        talk.until_closed()

    seen: list[Event] = []
    with peer(script) as port, ours(port, on_event=seen.append, policy=POLICY) as connection:
        reply = connection.send("api a")
        assert isinstance(reply, Frame)
        assert [each.headers["Number"] for each in seen] == [str(number) for number in range(50)]
        assert connection.unreadable_events == 1
        assert connection._process_events_greenlet is None


def test_the_banner_may_come_byte_by_byte() -> None:
    def script(talk: Talk) -> None:
        for index in range(len(BANNER)):
            talk.say(BANNER[index : index + 1])
            gevent.sleep(0)
        talk.hear()
        talk.say(b"Content-Type: command/reply\nReply-Text: +OK accepted\n\n")
        talk.until_closed()

    with peer(script) as port, ours(port) as connection:
        assert connection.connected


class _FloodedSocket:
    """From the login on it always has something to read, till the test is over or has failed."""

    def __init__(self, sock: Any) -> None:
        self.sock = sock
        self.flooded = False
        self.left = 100_000

    def recv(self, size: int) -> bytes:
        if not self.flooded:
            data = bytes(self.sock.recv(size))
            self.flooded = b"accepted" in data
            return data
        self.left -= 1
        return event(b'{"Event-Name":"HEARTBEAT"}', b"json") if self.left else b""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.sock, name)


def test_a_node_that_never_pauses_leaves_the_others_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[bytes] = []

    def script(talk: Talk) -> None:
        talk.login()
        heard.append(talk.hear())
        talk.until_closed()

    with peer(script) as port, ours(port, connect=False, on_event=lambda _: None) as connection:
        opened = connection._open
        monkeypatch.setattr(connection, "_open", lambda deadline: _FloodedSocket(opened(deadline)))
        connection.connect()
        flood = connection.sock
        written = gevent.spawn(connection.send, "api a")
        until(lambda: bool(heard))
        assert connection.connected
        assert flood.left > 0
        connection.stop()
        with pytest.raises(ConnectionLost):
            written.get()
