"""Two real switches follow what is changed, put back what is done to them by hand, and lose nothing."""

import contextlib
import signal
import socket
from functools import partial
from typing import Any

import pytest

from tests.e2e.house import PERIOD, wait
from tests.real_switch.conftest import Fleet
from tests.real_switch.node import DOMAIN, RealNode
from tests.real_switch.relay import Way
from tests.real_switch.sip import Phone
from tests.real_switch.state import EXTERNAL, user

TRUNK = {"username": "trunk", "password": "first", "proxy": "127.0.0.1:9", "register": "false"}


def put_trunk(fleet: Fleet, name: str, password: str, **more: Any) -> int:
    """A gateway that does not register, on both nodes."""
    body = {"profile": "external", "params": {**TRUNK, "password": password}, **more}
    return int(fleet.send("PUT", f"/gateways/{name}", body)["revision"])


def put_external(fleet: Fleet, **params: str) -> int:
    body = {"params": {**EXTERNAL["params"], **params}}
    return int(fleet.send("PUT", "/profiles/external", body)["revision"])


def landed(fleet: Fleet, revision: int) -> None:
    for name in fleet.nodes:
        fleet.landed(name, revision)


def waits_for(fleet: Fleet, node: str, what: str) -> bool:
    """Whether the node's push says that it waits for this."""
    return what in fleet.status(node)["why"]


def away(fleet: Fleet, node: str) -> bool:
    return not fleet.status(node)["connected"]


def agents(fleet: Fleet) -> set[str]:
    """What the external profiles call themselves on the wire."""
    found = set()
    for node in fleet.nodes.values():
        with contextlib.closing(Phone(node.external, "anybody", DOMAIN, "")) as phone:
            found.add(phone.agent())
    return found


def by_hand(node: RealNode, command: str, reply: str) -> None:
    """Run a command until the node takes it: a profile is not restarted in its first ten seconds."""
    wait(lambda: reply in node.api(command), f"the node takes {command!r}")


@pytest.fixture(autouse=True)
def quiet(two: Fleet) -> None:
    two.in_sync()


def test_a_gateway_is_added_changed_and_removed_on_both(two: Fleet) -> None:
    landed(two, put_trunk(two, "trunk", "first"))
    before = {name: node.fingerprint("trunk") for name, node in two.nodes.items()}
    assert all(before.values())
    landed(two, put_trunk(two, "trunk", "second"))
    after = {name: node.fingerprint("trunk") for name, node in two.nodes.items()}
    assert all(after.values())
    assert not set(after.values()) & set(before.values())
    landed(two, int(two.send("DELETE", "/gateways/trunk")["revision"]))
    assert not any(node.gateway("trunk") for node in two.nodes.values())


def test_a_changed_password_is_the_one_that_the_node_registers_with(two: Fleet) -> None:
    """One node registers with the other, which knows the right password."""
    registrar = two.nodes["fs2"]
    two.send("PUT", f"/domains/{DOMAIN}/users/2000", user("right"))

    def put(password: str) -> int:
        params = {"username": "2000", "password": password, "realm": DOMAIN, "from-domain": DOMAIN}
        params |= {"proxy": f"127.0.0.1:{registrar.internal}", "register": "true"}
        body = {"profile": "external", "placed_on": "fs1", "params": params}
        return int(two.send("PUT", "/gateways/account", body)["revision"])

    node = two.nodes["fs1"]
    two.landed("fs1", put("wrong"))
    wait(lambda: node.state("account") in ("FAIL_WAIT", "FAILED"), "the wrong password is refused")
    assert not registrar.gateway("account")
    two.landed("fs1", put("right"))
    wait(lambda: node.state("account") == "REGED", "it is registered")
    assert "2000" in registrar.api("show registrations")
    two.landed("fs1", int(two.send("DELETE", "/gateways/account")["revision"]))
    wait(lambda: "2000" not in registrar.api("show registrations"), "it has said good-bye")
    assert not node.gateway("account")


def test_a_gateway_killed_by_hand_comes_back(two: Fleet) -> None:
    landed(two, put_trunk(two, "killed", "first"))
    node = two.nodes["fs1"]
    before = node.fingerprint("killed")
    assert node.api("sofia profile external killgw killed").startswith("+OK")
    wait(lambda: not node.gateway("killed"), "the gateway is gone")
    wait(lambda: node.gateway("killed"), "the gateway is back", patience=PERIOD + 10)
    assert node.fingerprint("killed") == before
    two.in_sync()


def test_profile_settings_are_taken_over_and_a_restart_waits_for_the_calls(two: Fleet) -> None:
    landed(two, put_external(two, context="elsewhere"))
    assert {each.setting("external", "context") for each in two.nodes.values()} == {"elsewhere"}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nobody:
        nobody.bind(("127.0.0.1", 0))
        to = f"sofia/external/100@127.0.0.1:{nobody.getsockname()[1]}"
        for each in two.nodes.values():
            by_hand(each, f"bgapi originate {{originate_timeout=60}}{to} &park()", "+OK")
            wait(each.channels, "the call stands")
        changed = put_external(two, context="elsewhere", **{"user-agent-string": "Renamed"})
        why = "only a restart of the profile takes over user-agent-string; it would drop 1 leg of calls"
        for name in two.nodes:
            wait(partial(waits_for, two, name, why), f"{name} holds the restart")
        assert agents(two) != {"Renamed"}
        assert all(each.channels() for each in two.nodes.values())
        assert two.send("POST", "/nodes/fs2/let", {})["let"] == ["profile/external"]
        two.nodes["fs1"].api("hupall")
        for name in two.nodes:
            # A call that was never answered keeps the profile going down for half a minute.
            up = partial(lambda name: two.status(name)["applied_revision"] >= changed, name)
            wait(up, f"{name} was restarted", patience=90)
    assert agents(two) == {"Renamed"}
    two.in_sync()


def test_a_profile_restarted_by_hand_has_its_gateways_again(two: Fleet) -> None:
    landed(two, put_trunk(two, "stays", "first"))
    node = two.nodes["fs2"]
    before = node.fingerprint("stays")
    by_hand(node, "sofia profile external restart", "restarting")
    wait(lambda: not node.gateway("stays"), "the profile went")
    wait(lambda: node.gateway("stays"), "the profile is back")
    assert node.fingerprint("stays") == before
    two.in_sync()
    landed(two, put_trunk(two, "stays", "second"))
    assert node.fingerprint("stays") not in ("", before)


def test_a_profile_stopped_by_hand_is_told_of_and_repaired_on_demand(two: Fleet) -> None:
    landed(two, put_trunk(two, "again", "first"))
    node = two.nodes["fs1"]
    by_hand(node, "sofia profile external stop", "stopping")
    wait(lambda: "external" in two.status("fs1")["why"], "it is told that the profile does not run")
    response = two.client.post("/reconcile", json={"nodes": ["fs1"], "mode": "repair"})
    assert response.is_success, response.text
    wait(lambda: node.fingerprint("again"), "profile and gateway are back")
    two.in_sync()


def test_a_restarted_node_is_as_it_should_be(two: Fleet) -> None:
    """One ends in order, the other is killed; both miss a change."""
    landed(two, put_trunk(two, "kept", "first"))
    before = two.nodes["fs1"].fingerprint("kept")
    two.nodes["fs1"].process.stop(signal.SIGTERM)
    two.nodes["fs2"].process.stop(signal.SIGKILL)
    for name in two.nodes:
        wait(partial(away, two, name), f"{name} is away")
    changed = put_trunk(two, "kept", "second")
    assert "waits till the node is back" in two.status("fs1")["why"]
    for node in two.nodes.values():
        node.process.start()
    landed(two, changed)
    marks = {node.fingerprint("kept") for node in two.nodes.values()}
    assert len(marks) == 1
    assert marks.isdisjoint({"", before})
    two.in_sync()


@pytest.mark.parametrize("way", [Way.CLOSED, Way.STALLED])
def test_nothing_is_killed_while_the_nodes_cannot_reach_us(two: Fleet, way: Way) -> None:
    landed(two, put_trunk(two, "blocked", "first"))
    two.in_sync()
    before = {name: node.fingerprint("blocked") for name, node in two.nodes.items()}
    told = {name: node.log().count("killgw") for name, node in two.nodes.items()}
    with contextlib.ExitStack() as after:
        after.callback(two.relay.open)
        two.relay.way = way
        changed = put_trunk(two, "blocked", "second")
        for name, node in two.nodes.items():
            reason = wait(partial(waiting, two, name), f"the push to {name} says why it waits")
            assert "fetch" in reason or "did not get" in reason
            assert node.fingerprint("blocked") == before[name]
            assert node.log().count("killgw") == told[name]
    landed(two, changed)
    for name, node in two.nodes.items():
        assert node.fingerprint("blocked") not in ("", before[name])


def waiting(fleet: Fleet, node: str) -> str:
    """The reason for which a push to the node was tried in vain."""
    pushes = fleet.status(node)["pushes"]
    return next((str(push["reason"]) for push in pushes if push["attempts"] and push["reason"]), "")
