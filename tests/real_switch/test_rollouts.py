"""A changed gateway goes to one real switch after the other, and no further than it does well."""

import contextlib
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import pytest

from tests.e2e.house import wait
from tests.real_switch.conftest import Fleet
from tests.real_switch.node import DOMAIN
from tests.real_switch.relay import Way
from tests.real_switch.state import user

LINE = {"username": "2000", "realm": DOMAIN, "from-domain": DOMAIN, "register": "true"}


def put_line(fleet: Fleet, password: str, extension: str) -> int:
    """A gateway of all nodes, which registers with the first; `extension` makes it another one."""
    params = {**LINE, "proxy": f"127.0.0.1:{fleet.nodes['fs1'].internal}"}
    params |= {"password": password, "extension": extension}
    body = {"profile": "external", "params": params}
    return int(fleet.send("PUT", "/gateways/line", body)["revision"])


def registered(fleet: Fleet, node: str) -> bool:
    return fleet.nodes[node].state("line") == "REGED"


def marks(fleet: Fleet) -> dict[str, str]:
    return {name: node.fingerprint("line") for name, node in fleet.nodes.items()}


def rollout(fleet: Fleet, revision: int) -> Any:
    [found] = fleet.send("GET", f"/rollouts?revision={revision}")["items"]
    return fleet.send("GET", f"/rollouts/{found['id']}")


def followed(fleet: Fleet, revision: int, before: Mapping[str, str]) -> dict[str, str]:
    """Look at nodes and rollout till it does not run any more; gives how each turn ended."""
    turns: dict[str, str] = {}
    in_turn: list[str] = []

    def over() -> bool:
        # Read before the turns are: a turn that has not come by then had not come when this was read.
        seen = marks(fleet)
        found = rollout(fleet, revision)
        turns.update({turn["node"]: turn["state"] for turn in found["turns"]})
        now = [name for name, state in turns.items() if state in ("running", "settling")]
        assert len(now) <= 1
        in_turn.extend(name for name in now if name not in in_turn)
        for name, state in turns.items():
            if state in ("waiting", "skipped"):
                assert seen[name] == before[name]
            if state in ("done", "waiting", "skipped"):
                assert registered(fleet, name)
        return bool(found["state"] != "running")

    wait(over, f"the rollout of revision {revision} is over", patience=90)
    assert in_turn == [name for name, state in turns.items() if state in ("done", "failed")]
    return turns


@pytest.fixture
def lined(three: Fleet) -> Iterator[Fleet]:
    """All nodes are registered; and again as they should be afterwards."""
    three.send("PUT", f"/domains/{DOMAIN}/users/2000", user("right"))
    put_line(three, "right", "first")
    three.in_sync()
    for name in three.nodes:
        wait(partial(registered, three, name), f"{name} is registered")
    yield three
    three.in_sync()


def test_each_is_registered_again_before_the_next_has_its_turn(lined: Fleet) -> None:
    before = marks(lined)
    changed = put_line(lined, "right", "second")
    assert followed(lined, changed, before) == dict.fromkeys(lined.nodes, "done")
    [mark] = set(marks(lined).values())
    assert mark not in before.values()


def test_it_stops_at_the_one_that_is_refused_and_the_next_change_goes_to_all(lined: Fleet) -> None:
    before = marks(lined)
    wrong = put_line(lined, "wrong", "first")
    assert followed(lined, wrong, before) == {"fs1": "failed", "fs2": "waiting", "fs3": "waiting"}
    reason = str(rollout(lined, wrong)["reason"])
    assert reason.startswith("fs1: gateway line was REGED and is ")
    assert lined.status("fs2")["why"].endswith(f" is stopped: {reason}")
    changed = put_line(lined, "right", "second")
    wait(lambda: rollout(lined, changed)["state"] == "done", "the next change went to all")
    assert rollout(lined, wrong)["state"] == "superseded"
    for name in lined.nodes:
        wait(partial(registered, lined, name), f"{name} is registered")
    [mark] = set(marks(lined).values())
    assert mark not in before.values()


def test_one_that_cannot_reach_us_is_skipped_and_catches_up(lined: Fleet) -> None:
    before = marks(lined)
    told = lined.nodes["fs2"].log().count("killgw")
    with contextlib.ExitStack() as after:
        after.callback(lined.ways["fs2"].open)
        lined.ways["fs2"].way = Way.CLOSED
        changed = put_line(lined, "right", "second")
        assert followed(lined, changed, before) == {"fs1": "done", "fs2": "skipped", "fs3": "done"}
        found = rollout(lined, changed)
        assert (found["state"], found["reason"]) == ("done", "1 skipped")
        [push] = lined.status("fs2")["pushes"]
        assert "the node cannot fetch from us" in push["reason"]
        assert lined.nodes["fs2"].log().count("killgw") == told
    lined.landed("fs2", changed)
    wait(partial(registered, lined, "fs2"), "the skipped one is registered")
    [mark] = set(marks(lined).values())
    assert mark not in before.values()
