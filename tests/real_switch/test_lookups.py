"""A real switch that boots from the control plane alone, and what it is told then."""

import contextlib
import math
import struct
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.house import wait
from tests.real_switch.conftest import Fleet
from tests.real_switch.node import DOMAIN, FROM_US, LEFT_ON_DISK, RealNode
from tests.real_switch.relay import Way
from tests.real_switch.sip import Phone
from tests.real_switch.state import DOCUMENTS, document, extension, user

AWKWARD = "say \"it\" 'all' <x> & 😀 <?php see X-PRE-PROCESS here?"
EXPANDABLE = "a$${domain}b ${uuid} $ $${"


@pytest.fixture
def node(one: Fleet) -> RealNode:
    return one.nodes["fs1"]


@contextlib.contextmanager
def phone(node: RealNode, name: str, password: str, login: str = "") -> Iterator[Phone]:
    with contextlib.closing(Phone(node.internal, name, DOMAIN, password, login)) as found:
        yield found


def register(node: RealNode, name: str, password: str, login: str = "") -> int:
    with phone(node, name, password, login) as found:
        return found.register()


def put_user(fleet: Fleet, name: str, body: dict[str, Any]) -> int:
    """On return the node keeps nothing of who had that name before."""
    revision = int(fleet.send("PUT", f"/domains/{DOMAIN}/users/{name}", body)["revision"])
    fleet.in_sync()
    return revision


def needs(node: RealNode, module: str) -> None:
    if module not in node.program.loads():
        pytest.skip(f"{module} was not built")


def test_it_boots_with_nothing_of_its_own(node: RealNode) -> None:
    for module in node.program.loads():
        assert node.api(f"module_exists {module}") == "true", module
    assert node.api(f"module_exists {FROM_US}") == "true"
    # The ports are variables of the node, and were expanded by it.
    assert node.setting("internal", "url").endswith(f":{node.internal}")
    assert node.setting("external", "url").endswith(f":{node.external}")
    assert node.setting("internal", "context") == "default"
    assert node.complaints() == []


def test_modules_have_what_they_were_told(node: RealNode) -> None:
    needs(node, "mod_callcenter")
    assert "sales|longest-idle-agent" in node.api("callcenter_config queue list")


def test_who_may_register(one: Fleet, node: RealNode) -> None:
    put_user(one, "1000", user("right", number_alias="5551000"))
    put_user(one, "1001", user(None))
    assert register(node, "1000", "right") == 200
    assert register(node, "1000", "wrong") == 403
    assert register(node, "1001", "") == 403, "a user without credentials"
    assert register(node, "1002", "right") == 403, "no user"
    assert register(node, LEFT_ON_DISK, "on-disk") == 403, "one who stands only in the node's own files"
    assert register(node, "5551000", "right") == 200, "by his number-alias"
    assert node.api(f"user_data 5551000@{DOMAIN} attr id") == "1000"


def test_a_deleted_user_is_let_in_no_more(one: Fleet, node: RealNode) -> None:
    """Although one of that name and with that password stands on the node's disk."""
    put_user(one, LEFT_ON_DISK, user("on-disk"))
    assert register(node, LEFT_ON_DISK, "on-disk") == 200
    one.send("DELETE", f"/domains/{DOMAIN}/users/{LEFT_ON_DISK}")
    one.in_sync()
    assert register(node, LEFT_ON_DISK, "on-disk") == 403
    assert node.api(f"user_exists id {LEFT_ON_DISK} {DOMAIN}") == "false"


def test_a_cached_user_s_new_password_counts_at_once(one: Fleet, node: RealNode) -> None:
    put_user(one, "1010", user("first", number_alias="5551010", cacheable=600_000))
    assert register(node, "1010", "first") == 200
    assert register(node, "5551010", "first") == 200
    one.relay.way = Way.CLOSED
    assert register(node, "1010", "first") == 200, "the node keeps him"
    assert register(node, "5551010", "first") == 200, "and by his number-alias too"
    one.relay.open()
    changed = put_user(one, "1010", user("second", number_alias="5551010", cacheable=600_000))
    one.landed("fs1", changed)
    for name in ("1010", "5551010"):
        assert register(node, name, "first") == 403
        assert register(node, name, "second") == 200
    one.send("DELETE", f"/domains/{DOMAIN}/users/1010")
    one.in_sync()
    for name in ("1010", "5551010"):
        assert register(node, name, "second") == 403


@pytest.mark.parametrize("text", [AWKWARD, EXPANDABLE, "two\nlines\tand a tab", "back\\slash"])
def test_a_user_s_variable_arrives_as_typed(one: Fleet, node: RealNode, text: str) -> None:
    put_user(one, "1020", user("right", variables={"note": text}))
    assert node.api(f"user_data 1020@{DOMAIN} var note") == text


def test_a_call_goes_through_the_dialplan(one: Fleet, node: RealNode) -> None:
    put_user(one, "1030", user("right", variables={"note": AWKWARD}))
    written = AWKWARD.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    actions = (("answer", ""), ("set", f"typed={written} $${{internal_port}}"), ("echo", ""))
    for number, xml in {
        "9196": extension("9196", *actions),
        "9486": extension("9486", ("hangup", "USER_BUSY")),
    }.items():
        one.send("PUT", f"/contexts/default/extensions/{number}", {"xml": xml})
    with phone(node, "1030", "right") as caller:
        with caller.call("9196") as status:
            assert status == 200
            (leg,) = wait(node.channels, "the call stands")
            assert (leg["dest"], leg["context"]) == ("9196", "default")
            assert node.api(f"uuid_getvar {leg['uuid']} typed") == f"{AWKWARD} {node.internal}"
            assert node.api(f"uuid_getvar {leg['uuid']} note") == AWKWARD
        wait(lambda: not node.channels(), "the call is over")
        with caller.call("9486") as status:
            assert status == 486
        with caller.call("9999") as status:
            assert status == 404
        one.send("DELETE", "/contexts/default/extensions/9486")
        with caller.call("9486") as status:
            assert status == 404
    with phone(node, "1030", "wrong") as stranger, stranger.call("9196") as status:
        assert status == 403


def test_a_call_joins_a_conference(one: Fleet, node: RealNode) -> None:
    needs(node, "mod_conference")
    put_user(one, "1040", user("right"))
    xml = extension("3000", ("answer", ""), ("conference", "3000@team"))
    one.send("PUT", "/contexts/default/extensions/3000", {"xml": xml})
    with phone(node, "1040", "right") as caller, caller.call("3000") as status:
        assert status == 200
        listed = wait(
            lambda: ";" in (members := node.api("conference 3000 list")) and members, "he is a member"
        )
        assert "1040" in listed
        # Of the profile that we told; the module's own is 8000 as well, its name is not.
        assert 'rate="8000"' in node.api("conference 3000 xml_list")
    wait(lambda: "No active conferences" in node.api("conference list"), "the conference is over")


def test_voicemail_knows_its_users(one: Fleet, node: RealNode, tmp_path: Path) -> None:
    needs(node, "mod_voicemail")
    needs(node, "mod_sndfile")
    put_user(one, "1050", user("right", number_alias="5551050"))
    spoken = tmp_path / "message.wav"
    with wave.open(str(spoken), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        tone = (int(9000 * math.sin(index / 4)) for index in range(8000))
        file.writeframes(b"".join(struct.pack("<h", each) for each in tone))
    assert node.api(f"vm_boxcount 1050@{DOMAIN}|all") == "0:0:0:0"
    # Left by his number-alias, found by his name.
    assert node.api(f"vm_inject 5551050@{DOMAIN} {spoken} 1000 someone").startswith("+OK")
    wait(lambda: node.api(f"vm_boxcount 1050@{DOMAIN}|all") == "1:0:0:0", "the message lies in his box")
    assert not node.api(f"vm_inject 1059@{DOMAIN} {spoken} 1000 someone").startswith("+OK")


def test_acl_lists_hold_networks_and_users(one: Fleet, node: RealNode) -> None:
    put_user(one, "1060", user("right", cidr="198.51.100.7/32"))
    entries = [{"type": "allow", "cidr": "192.0.2.0/24"}, {"type": "allow", "domain": DOMAIN}]
    made = one.send("PUT", "/acls/known", {"default": "deny", "entries": entries})
    one.landed("fs1", made["revision"])

    def allowed(address: str) -> bool:
        return node.api(f"acl {address} known") == "true"

    assert allowed("192.0.2.9")
    assert allowed("198.51.100.7")
    assert not allowed("198.51.100.8")
    moved = put_user(one, "1060", user("right", cidr="198.51.100.8/32"))
    one.landed("fs1", moved)
    assert allowed("198.51.100.8")
    assert not allowed("198.51.100.7")
    one.send("DELETE", "/acls/known")
    one.in_sync()


@pytest.mark.parametrize(
    ("name", "module", "text", "instead"),
    [
        ("callcenter.conf", "mod_callcenter", "longest-idle-agent", "ring-all"),
        ("loopback.conf", "mod_loopback", 'value="false"', 'value="true"'),
        ("sofia.conf", "mod_sofia", 'value="0"', 'value="1"'),
    ],
)
def test_a_changed_document_is_taken_over(
    one: Fleet, node: RealNode, name: str, module: str, text: str, instead: str
) -> None:
    needs(node, module)
    changed = one.send("PUT", f"/documents/{name}", document(name, DOCUMENTS[name].replace(text, instead)))
    one.landed("fs1", changed["revision"])
    assert instead in node.api(f"xml_locate configuration configuration name {name}")
    if module == "mod_callcenter":
        assert "sales|ring-all" in node.api("callcenter_config queue list")


def test_a_module_is_reloaded_for_its_document_while_nobody_calls(one: Fleet, node: RealNode) -> None:
    needs(node, "mod_voicemail")
    name, inner = "voicemail.conf", DOCUMENTS["voicemail.conf"]
    changed = one.send("PUT", f"/documents/{name}", document(name, inner.replace("wav", "mp3")))
    one.landed("fs1", changed["revision"])
    assert node.api("module_exists mod_voicemail") == "true"
    assert node.api("global_getvar controlplane_done_module_mod_voicemail").endswith(":done")
    one.landed("fs1", one.send("PUT", f"/documents/{name}", document(name, inner))["revision"])


def test_callcenters_agents_come_with_its_module(one: Fleet, node: RealNode) -> None:
    needs(node, "mod_callcenter")
    name, inner = "callcenter.conf", DOCUMENTS["callcenter.conf"]
    assert "newcomer" not in node.api("callcenter_config agent list")
    agent = '<agent name="newcomer" type="callback" contact="user/1000" status="Available"/>'
    more = inner.replace("<agents/>", f"<agents>{agent}</agents>")
    changed = one.send("PUT", f"/documents/{name}", document(name, more))
    one.landed("fs1", changed["revision"])
    assert "newcomer" in node.api("callcenter_config agent list")
    one.landed("fs1", one.send("PUT", f"/documents/{name}", document(name, inner))["revision"])


def test_a_document_that_only_a_restart_takes_over_says_so(one: Fleet, node: RealNode) -> None:
    needs(node, "mod_fifo")
    name, inner = "fifo.conf", DOCUMENTS["fifo.conf"]
    one.send("PUT", f"/documents/{name}", document(name, inner.replace("<settings/>", "")))
    wait(lambda: "restart of the node" in one.status("fs1")["why"], "it is held")
    one.send("PUT", f"/documents/{name}", document(name, inner))
    one.in_sync()
