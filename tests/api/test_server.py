import base64
import contextlib
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from tests.api.living import Operator, living

PATIENCE = 20.0


@dataclass(frozen=True)
class Serving:
    process: subprocess.Popen[str]
    lookups: int
    operators: int

    def ended(self, number: int) -> tuple[int, float]:
        """Send a signal; gives the exit code and how long it took."""
        began = time.monotonic()
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE)
        return code, time.monotonic() - began


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[Serving]:
    command = [sys.executable, "-m", "tests.api.serving", str(folder)]
    with (
        (folder / "stderr").open("w") as log,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, (folder / "stderr").read_text()
            where = json.loads(line)
            yield Serving(process, where["lookups"], where["operators"])
        finally:
            if process.poll() is None:
                process.kill()


@pytest.fixture
def credentials(tmp_path: Path) -> bytes:
    """The Authorization of a node that stands in the database of this folder."""
    with living(tmp_path) as operator:
        return enrolled(operator)


def enrolled(operator: Operator) -> bytes:
    """Add the node fs1; gives the Authorization of its lookups."""
    node = {"name": "fs1", "host": "127.0.0.1", "port": 1, "event_socket_password": "x"}
    operator.done("POST", "/nodes", node)
    password = operator.done("GET", "/nodes/fs1/config")["lookup_password"]
    return b"Basic " + base64.b64encode(f"fs1:{password}".encode())


FORM = b"hostname=fs1&section=configuration&tag_name=configuration&key_name=name&key_value=acl.conf"


def lookup(credentials: bytes) -> bytes:
    head = (
        "POST /xml_curl HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        f"Authorization: {credentials.decode()}\r\nContent-Length: {len(FORM)}\r\n\r\n"
    )
    return head.encode() + FORM


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)


def read_all(connection: socket.socket) -> bytes:
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts)


def wait_until_refused(port: int) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            connect(port).close()
        except OSError:
            return
    pytest.fail("the listener still takes connections")


def test_a_lookup_under_way_is_answered_before_the_process_ends(tmp_path: Path, credentials: bytes) -> None:
    with serving(tmp_path) as server, connect(server.lookups) as connection:
        request = lookup(credentials)
        connection.sendall(request[:-10])
        # The server has begun to read this request once it has answered one sent after it.
        with connect(server.lookups) as other:
            other.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert read_all(other).startswith(b"HTTP/1.1 200")
        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        wait_until_refused(server.lookups)
        connection.sendall(request[-10:])
        assert read_all(connection).startswith(b"HTTP/1.1 200 OK\r\n")
        assert server.process.wait(PATIENCE) == 0
        assert time.monotonic() - began < 10


def test_one_who_never_ends_his_lookup_holds_nobody_up(tmp_path: Path, credentials: bytes) -> None:
    with (
        serving(tmp_path) as server,
        connect(server.lookups) as connection,
        connect(server.operators) as idle,
    ):
        connection.sendall(lookup(credentials)[:-10])
        idle.sendall(b"POST /api/v1/nodes HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n")
        code, took = server.ended(signal.SIGTERM)
        assert code == 0
        assert took < 10


def test_ctrl_c_ends_it_as_well_and_leaves_nothing_to_mend(tmp_path: Path, credentials: bytes) -> None:
    with serving(tmp_path) as server:
        code, took = server.ended(signal.SIGINT)
        assert (code, took < 10) == (0, True)
    log = [json.loads(line) for line in (tmp_path / "stderr").read_text().splitlines()]
    said = [line["event"] for line in log]
    assert "stopping" in said
    assert said[-1] == "stopped"
    assert not [line for line in log if line["level"] in ("error", "critical")]
    with serving(tmp_path) as server:
        assert server.ended(signal.SIGTERM)[0] == 0


def test_both_listeners_tell_their_health_and_nothing_of_the_other(tmp_path: Path) -> None:
    def ask(port: int, path: bytes) -> bytes:
        with connect(port) as connection:
            connection.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            return read_all(connection).partition(b"\r\n")[0]

    with serving(tmp_path) as server:
        for port in (server.lookups, server.operators):
            assert ask(port, b"/livez") == b"HTTP/1.1 200 OK"
            assert ask(port, b"/readyz") == b"HTTP/1.1 200 OK"
        assert ask(server.lookups, b"/api/v1/nodes") == b"HTTP/1.1 404 Not Found"
        assert ask(server.operators, b"/xml_curl") == b"HTTP/1.1 404 Not Found"
        assert ask(server.lookups, b"/xml_curl") == b"HTTP/1.1 401 Unauthorized"
        assert ask(server.operators, b"/api/v1/nodes") == b"HTTP/1.1 401 Unauthorized"


def test_a_lookup_under_another_name_is_refused_and_shown_with_the_node(tmp_path: Path) -> None:
    with living(tmp_path) as operator:
        credentials, token = enrolled(operator), operator.minted.text
    with serving(tmp_path) as server:
        with connect(server.lookups) as connection:
            connection.sendall(lookup(credentials).replace(b"hostname=fs1", b"hostname=fs2"))
            assert connection.recv(65536).startswith(b"HTTP/1.1 403 ")
        url = f"http://127.0.0.1:{server.operators}/api/v1/nodes/fs1/status"
        status = httpx2.get(url, headers={"Authorization": f"Bearer {token}"}).json()
    assert status["lookup_refused"]["reason"] == "it calls itself 'fs2', but its switchname is 'fs1'"
    logged = [json.loads(line) for line in (tmp_path / "stderr").read_text().splitlines()]
    [told] = [line for line in logged if "lookup" in line["event"] and "refused" in line["event"]]
    assert (told["node"], told["level"]) == ("fs1", "warning")
