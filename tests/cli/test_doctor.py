"""`controlplane doctor`, over a stand-in in which one thing after the other is not as it should be."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from esl.switch import Switch, SwitchConfig, running
from tests.cli.program import Control, serving
from tests.cli.test_nodes import FAST, PROFILE, add, adopt, gateway, put, status, until
from tests.network import free_port

LEFT = """\
<document type="freeswitch/xml">
<section name="directory"><domain name="left.example"><user id="1"/></domain></section>
<section name="dialplan"><context name="default"/></section>
</document>
"""
DOUBLED = """\
<document type="freeswitch/xml"><section name="configuration"><configuration name="sofia.conf"><profiles>
<profile name="other"><settings><param name="sip-port" value="5090"/></settings>
<gateways><gateway name="trunk"><param name="register" value="false"/></gateway></gateways></profile>
</profiles></configuration></section></document>
"""


@pytest.fixture(scope="module")
def control(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Control]:
    """A daemon for all tests; each has a node of its own."""
    with serving(tmp_path_factory.mktemp("daemon"), **FAST) as found:
        yield found


def verdicts(control: Control, code: int = 0, node: str = "fs1") -> dict[str, tuple[str, str]]:
    """By check its first verdict, what was said, and what to change."""
    result = control("doctor", node, "--json")
    assert result.exit_code == code, result.output
    [told] = map(json.loads, result.stdout.splitlines())
    assert told["ok"] is (code == 0)
    found: dict[str, tuple[str, str]] = {}
    checks: list[dict[str, Any]] = told["checks"]
    for check in checks:
        found.setdefault(check["name"], (check["verdict"], f"{check['said']} -> {check['change']}"))
    return found


def test_wrong_use_is_told_with_2(control: Control) -> None:
    result = control("doctor", "none")
    assert (result.exit_code, "there is no node 'none'" in result.stderr) == (2, True)
    assert control("doctor").exit_code == 0


def test_a_node_is_examined(control: Control) -> None:
    port = free_port()
    add(control, "fs1", port)
    put(control, "profile", "external", PROFILE)
    put(control, "gateway", "trunk", gateway("first"))
    assert verdicts(control, 1)["connection"][0] == "wrong"
    config = SwitchConfig(
        name="fs1",
        port=port,
        xml_curl_url=f"{control.lookups}/xml_curl",
        xml_curl_credentials=("fs1", control.json("node", "config", "fs1")["lookup_password"]),
        disk={"directory": LEFT, "sofia.conf": DOUBLED},
    )
    with running(config) as switch:
        until(lambda: status(control)["heartbeat"])
        adopt(control)
        _examine(control, switch)
    assert control("doctor").exit_code == 1


def _examine(control: Control, switch: Switch) -> None:
    found = verdicts(control)
    assert {name for name, (verdict, _) in found.items() if verdict != "ok"} == {"disk"}
    assert "left.example (1 users)" in found["disk"][1]
    shown = control.done("doctor", "fs1")
    assert "dialplan on its disk: default" in shown
    assert "-> remove directory/*.xml" in shown

    switch.faults.lookups_blocked = True
    assert "xml_curl.conf.xml" in verdicts(control, 1)["probe"][1]
    switch.call(switch.api, "sofia profile other start")
    switch.faults.lookups_blocked = False
    assert "trunk runs 2 times" in verdicts(control, 1)["gateways"][1]

    switch.call(switch.api, "unload mod_xml_curl")
    found = verdicts(control, 1)
    assert (found["mod_xml_curl"][0], found["probe"][0]) == ("wrong", "wrong")
    switch.call(switch.api, "load mod_xml_curl")

    switch.faults.clock_ahead = 90.0
    until(lambda: status(control)["heartbeat"]["clock_ahead_s"] > 60)
    assert "s ahead of ours" in verdicts(control, 1)["clock"][1]
    switch.faults.errors["xml_locate root"] = "-ERR permission denied\n"
    found = verdicts(control, 1)
    assert found["disk"] == found["acl"]
    assert found["disk"][0] == "not checked"
    assert "permission denied" in found["disk"][1]


def test_a_node_whose_list_turns_us_away_is_told_where_to_let_us_in(control: Control) -> None:
    port = free_port()
    add(control, "fs2", port)
    with running(SwitchConfig(name="fs2", port=port, inbound_acl="nobody")):
        until(lambda: "Access Denied" in status(control, "fs2")["link"]["reason"])
        found = verdicts(control, 1, "fs2")
    assert found.pop("connection")[1].endswith(
        "event_socket.conf.xml: apply-inbound-acl, our address as a network; "
        "then `reload mod_event_socket` there"
    )
    assert {verdict for verdict, _ in found.values()} == {"not checked"}
