"""The main job, from the command line to the nodes: a fleet follows the desired state."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.house import PERIOD, House, StandIn, house, wait

PROFILE = {"params": {"sip-ip": "127.0.0.1", "rtp-ip": "127.0.0.1", "sip-port": "5080", "context": "public"}}
COMING_AND_GOING = ("killgw", "startgw", "rescan", "restart", "stop", "start")


def gateway(password: str) -> dict[str, Any]:
    params = {"username": "acme", "password": password, "proxy": "127.0.0.1:5099", "register": "true"}
    return {"profile": "external", "params": params}


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[House[StandIn]]:
    with house(tmp_path) as found:
        found.send("PUT", "/profiles/external", PROFILE)
        found.in_sync()
        yield found


def put(fleet: House[StandIn], password: str) -> int:
    return int(fleet.send("PUT", "/gateways/carrier", gateway(password))["revision"])


def test_a_gateway_is_added_changed_and_removed_on_both_nodes(fleet: House[StandIn]) -> None:
    added = put(fleet, "marker-first")
    for name, node in fleet.nodes.items():
        fleet.landed(name, added)
        assert node.gateway("carrier")
    before = {name: node.fingerprint("carrier") for name, node in fleet.nodes.items()}

    changed = put(fleet, "marker-second")
    for name, node in fleet.nodes.items():
        fleet.landed(name, changed)
        assert node.fingerprint("carrier") not in ("", before[name])
        assert "marker-second" in node.api("standin gateway carrier password")

    removed = int(fleet.send("DELETE", "/gateways/carrier")["revision"])
    for name, node in fleet.nodes.items():
        fleet.landed(name, removed)
        assert not node.gateway("carrier")
    everything = "".join(path.read_text() for path in fleet.folder.glob("*.log"))
    assert "marker-" not in everything


def test_a_node_that_was_down_catches_up(fleet: House[StandIn]) -> None:
    first = put(fleet, "first")
    fleet.landed("fs1", first)
    fleet.landed("fs2", first)
    away = fleet.nodes["fs2"]
    assert away.process.stop() == 0
    wait(lambda: not fleet.status("fs2")["connected"], "fs2 is away")
    changed = put(fleet, "second")
    fleet.landed("fs1", changed)
    status = fleet.status("fs2")
    assert status["applied_revision"] < changed
    assert "waits till the node is back" in status["why"]
    away.process.start()
    fleet.landed("fs2", changed)
    assert "second" in away.api("standin gateway carrier password")
    fleet.in_sync()


def test_a_push_outlives_the_daemon(fleet: House[StandIn]) -> None:
    """Killed right after it answered: what it accepted arrives all the same."""
    fleet.landed("fs1", put(fleet, "first"))
    changed = put(fleet, "second")
    fleet.daemon.stop(signal.SIGKILL)
    fleet.start()
    for name, node in fleet.nodes.items():
        fleet.landed(name, changed)
        assert "second" in node.api("standin gateway carrier password")


def test_a_gateway_killed_by_hand_comes_back_within_a_period(fleet: House[StandIn]) -> None:
    fleet.landed("fs1", put(fleet, "first"))
    node = fleet.nodes["fs1"]
    killed = time.monotonic()
    assert node.api("sofia profile external killgw carrier").startswith("+OK")
    wait(lambda: not node.gateway("carrier"), "the gateway is gone")
    wait(lambda: node.gateway("carrier"), "the gateway is back", patience=PERIOD + 10)
    # The period, and the time that two cores that also run other tests may take over it.
    assert time.monotonic() - killed < PERIOD + 10
    fleet.in_sync()


def test_nothing_is_killed_while_the_node_cannot_reach_us(fleet: House[StandIn]) -> None:
    for name in fleet.nodes:
        fleet.landed(name, put(fleet, "first"))
    fleet.in_sync()
    node = fleet.nodes["fs1"]
    node.api("standin block_lookups on")
    done = len(node.took())
    changed = put(fleet, "second")
    fleet.landed("fs2", changed)

    def told() -> Any:
        pushes = fleet.status("fs1")["pushes"]
        return next((push["reason"] for push in pushes if push["attempts"] or push["reason"]), "")

    reason = wait(lambda: "fetch" in told() and told(), "the push says why it waits")
    assert "fs1" in reason or "node" in reason
    assert node.gateway("carrier")
    assert "first" in node.api("standin gateway carrier password")
    since = node.took()[done:]
    assert not [line for line in since if line.split()[-2:-1] and line.split()[-2] in COMING_AND_GOING]
    node.api("standin block_lookups off")
    fleet.landed("fs1", changed)
    assert "second" in node.api("standin gateway carrier password")


def test_the_daemon_stops_in_time(fleet: House[StandIn]) -> None:
    put(fleet, "first")
    asked = time.monotonic()
    assert fleet.daemon.stop() == 0
    assert time.monotonic() - asked < 10
