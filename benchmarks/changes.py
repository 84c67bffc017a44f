"""A change's way to 1, 10 and 100 stand-in nodes: from the request till it was seen on all of them.

The stand-ins run in processes of their own, a hundred times as fast as FreeSWITCH, so that its
own time (1.2 to 1.7 s for a registering gateway to go) is as good as taken off. They are nodes of a
fleet that share the daemon's two cores only here, so they run on what the others leave. When a push was
applied is read from the daemon's own rows: asking for it must not be what is measured.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import httpx2

from benchmarks import processes, seed
from benchmarks.load import Job, Result
from benchmarks.lookups import authorization, lookup
from benchmarks.ports import free_ports
from benchmarks.report import Row

NODES = (1, 10, 100)
ROUNDS = 3
USERS = 100
STANDIN_PROCESSES = 2
LOOKUPS_PER_SECOND = 500
LOOKUP_SECONDS = 4.0
PATIENCE = 120.0
GATEWAYS_PER_NODE = 4


@dataclass(frozen=True, slots=True)
class Fleet:
    """A daemon with stand-in nodes that are all in sync."""

    client: httpx2.Client
    lookups: int
    daemon: int
    """The daemon's process."""
    nodes: int
    connected: float
    """Seconds from when the daemon was ready till all were in sync."""


def run() -> list[Row]:
    """Measure, and give the rows."""
    rows: list[Row] = []
    for count in NODES:
        with fleet(count) as found:
            rows += _measure(found)
    return rows


def _measure(found: Fleet) -> list[Row]:
    nodes = f"{found.nodes} node{'s' if found.nodes > 1 else ''}"
    added, changed = [], []
    for turn in range(ROUNDS):
        added.append(applied(found, f"added-{turn}", gateway(register=False, password="first")))
        changed.append(applied(found, "registering", gateway(register=True, password=f"secret-{turn}")))
    rows = [
        Row(f"change to applied, {nodes}: a gateway added", median(added), "s"),
        Row(f"change to applied, {nodes}: a registering gateway changed", median(changed), "s"),
    ]
    if found.nodes == max(NODES):
        rows += meanwhile(found, f"a gateway is changed on {nodes}", partial(change_again, found))
        rows.append(Row(f"daemon's memory, {nodes}", processes.resident_mib(found.daemon), "MiB"))
    return rows


def change_again(found: Fleet, number: int) -> None:
    """Change the password of the registering gateway, and wait till every node has it."""
    _change(found, "registering", gateway(register=True, password=f"again-{number}"))


def meanwhile(found: Fleet, what: str, once: Callable[[int], object]) -> list[Row]:
    """Lookups at an even rate, in turn alone and while `once(number)` is done one time after another."""
    job = Job(
        "127.0.0.1",
        found.lookups,
        authorization(1),
        [lookup(number) for number in range(1, USERS + 1)],
        16,
        LOOKUP_SECONDS,
        LOOKUPS_PER_SECOND,
    )
    processes.load(job)
    pairs: list[tuple[Result, Result]] = []
    times, used = 0, 0.0
    for _ in range(ROUNDS):
        alone = processes.load(job)
        before = processes.cpu_seconds(found.daemon)
        with ThreadPoolExecutor(1) as threads:
            asking = threads.submit(processes.load, job)
            while not asking.done():
                times += 1
                once(times)
        used += processes.cpu_seconds(found.daemon) - before
        pairs.append((alone, asking.result()))
    failures = sum(result.failures for pair in pairs for result in pair)
    if failures:
        raise RuntimeError(f"{failures} lookups were not answered with 200")
    p99 = median(meanwhile.p99_ms for _, meanwhile in pairs)
    ratio = median(meanwhile.p99_ms / alone.p99_ms for alone, meanwhile in pairs)
    asked = f"{LOOKUPS_PER_SECOND} lookups/s while {what}"
    return [
        Row(f"{asked}: p99", p99, "ms", ratio, "the same without"),
        Row(f"{asked}: daemon's processor time each, lookups included", used / times, "s"),
    ]


@contextmanager
def fleet(count: int, gateways: int = GATEWAYS_PER_NODE) -> Iterator[Fleet]:
    """Start so many stand-ins of so many gateways each, and a daemon; wait till all are in sync."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        operators, lookups = free_ports(2)
        config, settings = seed.settings_for(folder, operators, lookups)
        ports = free_ports(count)
        token = seed.seed(
            settings,
            [
                *seed.nodes(ports),
                *seed.users(USERS),
                seed.profile(),
                *(seed.gateway(f"trunk-{number}") for number in range(1, gateways + 1)),
            ],
        )
        daemon = stack.enter_context(processes.daemon(config, operators))
        _standins(stack, folder, lookups, ports)
        client = stack.enter_context(
            httpx2.Client(
                base_url=f"http://127.0.0.1:{operators}/api/v1",
                headers={"Authorization": f"Bearer {token}"},
                timeout=30,
            )
        )
        began = time.monotonic()
        found = Fleet(client, lookups, daemon.pid, count, 0.0)
        _wait(lambda: _in_sync(found) == count, f"{count} nodes in sync")
        yield replace(found, connected=time.monotonic() - began)


def _standins(stack: ExitStack, folder: Path, lookups: int, ports: list[int]) -> None:
    """Share the nodes out among a few processes: a hundred interpreters would be what is measured."""
    share = -(-len(ports) // STANDIN_PROCESSES)
    os.environ.update(SWITCH_PASSWORD=seed.EVENT_SOCKET_PASSWORD, SWITCH_LOOKUP_PASSWORD=seed.LOOKUP_PASSWORD)
    for start in range(0, len(ports), share):
        some = ports[start : start + share]
        words = ["--name", f"fs{start + 1}", "--port", str(some[0]), "--count", str(len(some))]
        words += ["--url", f"http://127.0.0.1:{lookups}/xml_curl", "--fast"]
        log = folder / f"standins-{start}.log"
        stack.enter_context(processes.python("esl.switch", *words, output=log, idle=True))


def applied(found: Fleet, name: str, body: dict[str, Any]) -> float:
    """Change a gateway, and give the seconds till its last node had shown it."""
    began = time.time()
    revision = _change(found, name, body)
    newest = {"limit": 2 * found.nodes}
    pushes = found.client.get("/pushes", params=newest).raise_for_status().json()["items"]
    # The newest come first: of a node that was compared meanwhile, and pushed to again, the first counts.
    ended = {
        push["node"]: datetime.fromisoformat(push["ended_at"]).timestamp()
        for push in pushes
        if push["revision"] == revision and push["state"] == "applied"
    }
    if len(ended) != found.nodes:
        raise RuntimeError(f"{len(ended)} pushes of revision {revision} instead of {found.nodes}")
    return max(ended.values()) - began


def _change(found: Fleet, name: str, body: dict[str, Any]) -> int:
    """Change a gateway, wait till every node has it, and give the revision."""
    # One node after the other would measure the nodes' patience, not ours.
    how = {"rollout": "all-at-once"}
    changed = found.client.put(f"/gateways/{name}", json=body, params=how).raise_for_status().json()
    revision = int(changed["revision"])
    _wait(lambda: _at(found, revision) == found.nodes, f"revision {revision} on all nodes")
    return revision


def gateway(*, register: bool, password: str) -> dict[str, Any]:
    """What a gateway is put to."""
    return dict(seed.gateway("any", register=register, password=password).spec)


def _status(found: Fleet) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = found.client.get("/status").raise_for_status().json()["items"]
    return items


def _in_sync(found: Fleet) -> int:
    return sum(status["in_sync"] is True for status in _status(found))


def _at(found: Fleet, revision: int) -> int:
    return sum(status["applied_revision"] >= revision for status in _status(found))


def _wait(so: Any, what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not so():
        if time.monotonic() > end:
            raise RuntimeError(f"waited in vain for: {what}")
        time.sleep(0.5)
