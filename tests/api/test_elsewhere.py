"""The process that answers lookups, beside the one that commands nodes: both as they are in production."""

import json
import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest

from tests.api.living import living
from tests.api.test_server import (
    PATIENCE,
    connect,
    enrolled,
    lookup,
    read_all,
    serving,
    wait_until_refused,
)

DOCUMENT = "<configuration name='ivr.conf'><menus/></configuration>"


@pytest.fixture
def known(tmp_path: Path) -> tuple[bytes, dict[str, str]]:
    """The credentials of the node fs1, and the head lines of an operator."""
    with living(tmp_path) as operator:
        return enrolled(operator), {"Authorization": f"Bearer {operator.minted.text}"}


def child_of(pid: int) -> int:
    [child] = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(child)


def test_a_writer_is_answered_once_his_change_is_told(
    tmp_path: Path, known: tuple[bytes, dict[str, str]]
) -> None:
    credentials, operator = known
    request = lookup(credentials).replace(b"acl.conf", b"ivr.conf")
    request = request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    with (
        serving(tmp_path) as server,
        httpx2.Client(base_url=f"http://127.0.0.1:{server.operators}/api/v1", headers=operator) as client,
        ThreadPoolExecutor(2) as threads,
    ):
        os.kill(child_of(server.process.pid), signal.SIGSTOP)
        writing = threads.submit(client.put, "/documents/ivr.conf", json={"xml": DOCUMENT})
        # It is committed, and stays so; who wrote it is not told yet.
        end = time.monotonic() + PATIENCE
        while not client.get("/documents/ivr.conf").is_success:
            assert time.monotonic() < end
        # Nor is one who finds that it stands as he wants it.
        again = threads.submit(client.put, "/documents/ivr.conf", json={"xml": DOCUMENT})
        for _ in range(20):
            assert client.get("/documents/ivr.conf").is_success
            assert not writing.done()
            assert not again.done()
        os.kill(child_of(server.process.pid), signal.SIGCONT)
        assert writing.result(PATIENCE).is_success
        assert again.result(PATIENCE).is_success
        with connect(server.lookups) as connection:
            connection.sendall(request)
            assert b"<menus" in read_all(connection)


def test_operators_are_told_and_counted_what_nodes_asked(
    tmp_path: Path, known: tuple[bytes, dict[str, str]]
) -> None:
    credentials, operator = known
    with (
        serving(tmp_path) as server,
        httpx2.Client(base_url=f"http://127.0.0.1:{server.operators}", headers=operator) as client,
    ):
        for _ in range(2):
            with connect(server.lookups) as connection:
                connection.sendall(lookup(credentials))
                assert connection.recv(65536).startswith(b"HTTP/1.1 200 OK\r\n")
        first, second = client.get("/api/v1/lookups").json()["items"]
        assert [one["node"] for one in (first, second)] == ["fs1", "fs1"]
        assert client.get(f"/api/v1/lookups/{first['id']}").json() == first
        with client.stream("GET", f"/api/v1/lookups?follow=true&after={first['id']}") as lines:
            assert json.loads(next(lines.iter_lines())) == second
        metrics = client.get("/metrics").text
        assert (
            'controlplane_lookup_seconds_count{outcome="not_found",purpose="",section="configuration"} 2.0'
            in metrics
        )


def test_the_daemon_ends_when_lookups_are_answered_no_more(tmp_path: Path) -> None:
    """Its supervisor starts both again."""
    with serving(tmp_path) as server:
        os.kill(child_of(server.process.pid), signal.SIGKILL)
        assert server.process.wait(PATIENCE) == 1
    assert "the process that answers lookups has ended" in (tmp_path / "stderr").read_text()


def test_lookups_are_answered_no_more_when_the_daemon_was_killed(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        server.process.kill()
        server.process.wait(PATIENCE)
        wait_until_refused(server.lookups)
    with serving(tmp_path):
        pass


def test_signals_to_both_end_both_in_order(tmp_path: Path, known: tuple[bytes, dict[str, str]]) -> None:
    """As a terminal, and a supervisor that tells a whole group, sends them."""
    with serving(tmp_path) as server, connect(server.lookups) as connection:
        request = lookup(known[0])
        connection.sendall(request[:-10])
        with connect(server.lookups) as other:
            other.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert read_all(other).startswith(b"HTTP/1.1 200")
        child = child_of(server.process.pid)
        for pid in (child, server.process.pid):
            os.kill(pid, signal.SIGTERM)
        wait_until_refused(server.lookups)
        connection.sendall(request[-10:])
        assert read_all(connection).startswith(b"HTTP/1.1 200 OK\r\n")
        assert server.process.wait(PATIENCE) == 0
        assert not Path(f"/proc/{child}").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of it")
def test_lookups_come_first_on_the_processor(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        ours, theirs = server.process.pid, child_of(server.process.pid)
        assert os.sched_getscheduler(ours) == os.SCHED_BATCH
        assert os.sched_getscheduler(theirs) == os.SCHED_OTHER
        assert os.getpriority(os.PRIO_PROCESS, ours) > os.getpriority(os.PRIO_PROCESS, theirs)
