"""What is examined of a real switch is what there is: its own words are read right."""

from typing import Any

from tests.e2e.house import wait
from tests.real_switch.conftest import Fleet
from tests.real_switch.node import DOMAIN


def examined(fleet: Fleet) -> dict[str, tuple[str, str]]:
    """By check the first verdict, and what was said; with one node the answer is one line."""
    checks: list[dict[str, Any]] = fleet.send("GET", "/doctor?node=fs1")["checks"]
    found: dict[str, tuple[str, str]] = {}
    for each in checks:
        found.setdefault(each["name"], (each["verdict"], each["said"]))
    return found


def test_each_fault_is_told_and_the_next_time_gone(one: Fleet) -> None:
    node = one.nodes["fs1"]
    wait(lambda: one.status("fs1")["heartbeat"], "its heartbeat")
    found = examined(one)
    assert {name: verdict for name, (verdict, _) in found.items() if verdict != "ok"} == {"disk": "warning"}
    assert f"{DOMAIN} (1 users, ours)" in found["disk"][1]

    file = node.folder / "conf" / "autoload_configs" / "xml_curl.conf.xml"
    stood = file.read_text()
    file.write_text(stood.replace('name="timeout"', 'name="no-timeout"').replace("http://", "https://"))
    assert "+OK" in node.api("reloadxml")
    found = examined(one)
    assert (found["binding"][0], found["tls"][0]) == ("wrong", "wrong")
    assert "no timeout" in found["binding"][1]
    file.write_text(stood)
    assert "+OK" in node.api("reloadxml")

    assert "+OK" in node.api("unload mod_xml_curl")
    found = examined(one)
    assert (found["mod_xml_curl"][0], found["probe"][0]) == ("wrong", "wrong")
    assert "+OK" in node.api("load mod_xml_curl")
    assert {verdict for verdict, _ in examined(one).values()} == {"ok", "warning"}
    assert "mod_sofia" in one.status("fs1")["modules"]
