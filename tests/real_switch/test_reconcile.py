"""What a real switch runs is read in every respect, and what differs there is put right."""

import contextlib
import json
from typing import Any

from tests.e2e.house import wait
from tests.real_switch.conftest import Fleet
from tests.real_switch.node import DOMAIN, FROM_US
from tests.real_switch.relay import Way
from tests.real_switch.sip import Phone
from tests.real_switch.state import user

LIST = {"default": "deny", "entries": [{"type": "allow", "cidr": "192.0.2.0/24"}]}


def compared(fleet: Fleet, mode: str, *kinds: str) -> dict[str, Any]:
    """What came of the only node."""
    body = {"all": True, "mode": mode, "kinds": list(kinds)}
    response = fleet.client.post("/reconcile", json=body).raise_for_status()
    told: dict[str, Any] = json.loads(response.text)
    return told


def drift(told: dict[str, Any]) -> set[str]:
    return {f"{each['kind']} {each['name']}" for each in told["drift"]}


def repaired(fleet: Fleet, kind: str, found: str, *commands: str) -> None:
    """Have it tried out, then repaired, and see that nothing is left."""
    tried = compared(fleet, "dry-run", kind)
    assert drift(tried) == {found}
    would = [step["command"] for step in tried["would"][kind]["steps"]]
    assert would[: len(commands)] == list(commands)
    assert compared(fleet, "repair", kind)["pushed"]
    wait(lambda: not compared(fleet, "report", kind)["drift"], f"{found} is put right")


def test_every_kind_is_read_and_put_right(one: Fleet) -> None:
    node = one.nodes["fs1"]
    one.send("PUT", "/acls/office", LIST)
    one.send("PUT", "/variables/city", {"value": "Rome"})
    one.send("PUT", f"/domains/{DOMAIN}/users/2200", user("right"))
    one.in_sync()
    told = compared(one, "report")
    assert told["ok"], told
    assert not told["drift"]
    assert node.api("global_getvar city") == "Rome"

    assert node.api("global_setvar city=Bonn a") == "+OK"
    repaired(one, "variables", "variable-differs city", "global_setvar city")
    assert node.api("global_getvar city") == "Rome"

    assert node.api(f"unload {FROM_US}") == "+OK\n"
    repaired(one, "modules", f"module-missing {FROM_US}", f"load {FROM_US}")
    assert node.api(f"module_exists {FROM_US}") == "true"

    one.relay.way = Way.CLOSED
    node.api("reloadacl")
    one.relay.open()
    assert node.api("acl 192.0.2.1 office") == "false"
    repaired(one, "acls", "acl-wrong office", "reloadacl")
    assert node.api("acl 192.0.2.1 office") == "true"

    with contextlib.closing(Phone(node.internal, "2200", DOMAIN, "right")) as phone:
        assert phone.register() == 200
        assert not compared(one, "report", "registrations")["drift"]
        one.send("DELETE", f"/domains/{DOMAIN}/users/2200")
        who = f"2200@{DOMAIN}"
        # With the one profile that has him, and with no other.
        drop = f"sofia profile internal flush_inbound_reg {who}"
        repaired(one, "registrations", f"registration-orphan {who}", drop)
        assert phone.register() == 403


def test_a_gateway_killed_by_hand_is_back(one: Fleet) -> None:
    node = one.nodes["fs1"]
    params = {"username": "x", "password": "y", "proxy": "127.0.0.1:5099", "register": "false"}
    one.send("PUT", "/gateways/trunk", {"profile": "external", "params": params})
    wait(lambda: node.gateway("trunk"), "the gateway is there")
    one.in_sync()
    node.api("sofia profile external killgw trunk")
    wait(lambda: not node.gateway("trunk"), "the gateway is gone")
    wait(lambda: node.gateway("trunk"), "the gateway is back")
