import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from esl.switch import Switch, SwitchConfig, running
from esl.switch.gateway import FORBIDDEN
from tests.cli.program import COMMAND, PATIENCE, Control, serving
from tests.cli.terminal import typing
from tests.network import free_port, has_ipv6

FAST = {
    "event_socket": "backoff_min = 0.05\nbackoff_max = 0.2",
    "push": "debounce = 0.01\nretry_min = 0.05\nretry_max = 0.2",
    "reconcile": "period = 3600\nevents = false",
}
PROFILE = {"params": {"sip-ip": "127.0.0.1", "rtp-ip": "127.0.0.1", "sip-port": "5080", "context": "public"}}


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Control]:
    with serving(tmp_path, **FAST) as found:
        yield found


@pytest.fixture
def switch(control: Control) -> Iterator[Switch]:
    """The node fs1, which observes, with a profile and a gateway that it is to have."""
    port = free_port()
    add(control, "fs1", port)
    put(control, "profile", "external", PROFILE)
    put(control, "gateway", "trunk", gateway("first"))
    password = control.json("node", "config", "fs1")["lookup_password"]
    config = SwitchConfig(
        name="fs1",
        port=port,
        xml_curl_url=f"{control.lookups}/xml_curl",
        xml_curl_credentials=("fs1", password),
    )
    with running(config) as found:
        until(lambda: status(control)["connected"])
        yield found


def gateway(password: str) -> dict[str, object]:
    params = {"proxy": "127.0.0.1:5099", "username": "u", "password": password, "register": "false"}
    return {"profile": "external", "params": params}


def add(control: Control, name: str, port: int) -> str:
    return control.done(
        *("node", "add", name, "--host", "127.0.0.1", "--port", str(port), "--group", "eu"),
        CONTROLPLANE_NODE_PASSWORD="ClueCon",
    )


def put(control: Control, noun: str, name: str, body: object) -> None:
    control.done("put", noun, name, "--file", "-", stdin=json.dumps(body))


def status(control: Control, name: str = "fs1") -> dict[str, Any]:
    found: dict[str, dict[str, Any]] = {each["node"]: each for each in control.json("nodes")["items"]}
    return found[name]


def until(so: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not so():
        assert time.monotonic() < end
        time.sleep(0.02)


def adopt(control: Control) -> None:
    control.done("node", "adopt", "fs1", "--yes", "--wait", "20")


def speaking(control: Control) -> dict[str, str]:
    return {"CONTROLPLANE_URL": control.operators, "CONTROLPLANE_TOKEN": control.token}


def test_a_node_is_added_and_its_files_are_printed_as_they_are(control: Control) -> None:
    printed = add(control, "fs1", 1)
    files = control.json("node", "config", "fs1")["files"]
    assert list(files) == ["xml_curl.conf.xml", "event_socket.conf.xml", "modules.conf.xml"]
    assert printed == "".join(f"==> {name} <==\n{text}" for name, text in files.items())
    for name, text in files.items():
        assert control.done("node", "config", "fs1", name) == text
    assert control("node", "config", "fs1", "other.xml").exit_code == 2
    assert '"password" value="ClueCon"' in files["event_socket.conf.xml"]
    again = control("node", "add", "fs1", "--host", "127.0.0.1", CONTROLPLANE_NODE_PASSWORD="x")
    assert again.exit_code == 2


def test_a_nodes_password_comes_from_a_file_and_never_from_a_pipe_unasked(
    control: Control, tmp_path: Path
) -> None:
    nobody = control("node", "add", "fs1", "--host", "127.0.0.1", stdin="marker\n")
    assert nobody.exit_code == 2
    assert "no Event Socket password" in nobody.stderr
    file = tmp_path / "password"
    file.write_text("from a file\n")
    added = control.done("node", "add", "fs1", "--host", "127.0.0.1", "--password-file", str(file))
    assert '"password" value="from a file"' in added


def test_a_node_that_lets_in_users_looks_them_up_here(control: Control) -> None:
    """Its own password is one that nobody knows then: FreeSWITCH would take a well-known one else."""
    port = free_port()
    put(control, "domain", "ops.example", {})
    put(control, "user", "ops.example/control", {"params": {"esl-password": "marker-esl"}})
    host = ("--host", "127.0.0.1", "--port", str(port), "--user", "control@ops.example")
    printed = control.done("node", "add", "fs1", *host, CONTROLPLANE_NODE_PASSWORD="marker-esl")
    assert "marker-esl" not in printed
    own = re.findall('"password" value="([^"]+)"', printed)
    assert own != re.findall('"password" value="([^"]+)"', control.done("node", "config", "fs1"))
    config = SwitchConfig(
        name="fs1",
        port=port,
        password=own[0],
        xml_curl_url=f"{control.lookups}/xml_curl",
        xml_curl_credentials=("fs1", control.json("node", "config", "fs1")["lookup_password"]),
    )
    with running(config) as switch:
        until(lambda: status(control)["connected"])
        (asked,) = [each for each in switch.lookups if each.params.get("action") == "event_socket_auth"]
        assert asked.found
        control.done("set", "node", "fs1", "--secret", "event_socket_password", stdin="wrong\n")
        until(lambda: "-ERR invalid" in str(status(control)))


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 loopback address (::1)")
def test_a_node_and_its_way_to_us_over_ipv6(tmp_path: Path) -> None:
    with serving(tmp_path, **FAST, lookups='host = "::"\nport = 0') as control:
        port = free_port("::1")
        node = ("node", "add", "fs1", "--host", "::1", "--port", str(port), "--json")
        files = json.loads(control.done(*node, CONTROLPLANE_NODE_PASSWORD="ClueCon"))["files"]
        assert 'name="listen-ip" value="::1"' in files["event_socket.conf.xml"]
        assert 'name="apply-inbound-acl" value="::1/128"' in files["event_socket.conf.xml"]
        told = control.json("node", "config", "fs1")
        assert re.fullmatch(r"http://\[::1\]:\d+/xml_curl", told["lookup_url"])
        config = SwitchConfig(
            name="fs1",
            host="::1",
            port=port,
            xml_curl_url=told["lookup_url"],
            xml_curl_credentials=("fs1", told["lookup_password"]),
        )
        put(control, "profile", "external", PROFILE)
        with running(config) as switch:
            until(lambda: status(control)["connected"])
            assert "external" in switch.profiles
            adopt(control)


def test_a_password_that_is_typed_is_not_shown(control: Control) -> None:
    arguments = ("node", "add", "fs1", "--host", "127.0.0.1", "--port", "1", "--json")
    with typing(*arguments, environment=speaking(control)) as terminal:
        terminal.expect("Event Socket password of fs1")
        terminal.type("marker-typed")
        assert terminal.code() == 0
        before = terminal.screen.partition("{")[0]
        assert "marker-typed" not in before
    assert "marker-typed" in control.done("node", "config", "fs1", "event_socket.conf.xml")


def test_ctrl_c_at_a_prompt_ends_with_130(control: Control) -> None:
    arguments = ("node", "add", "fs1", "--host", "127.0.0.1")
    with typing(*arguments, environment=speaking(control)) as terminal:
        terminal.expect("Event Socket password of fs1")
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.code() == 130
        assert "Traceback" not in terminal.screen
    assert control.json("nodes")["items"] == []


def test_ctrl_c_at_a_question_ends_with_130(control: Control, switch: Switch) -> None:
    with typing("node", "adopt", "fs1", environment=speaking(control)) as terminal:
        terminal.expect("adopt fs1?")
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.code() == 130
        assert "Traceback" not in terminal.screen
    assert status(control)["mode"] == "observing"


def test_lookup_passwords_are_renewed_and_retired(control: Control) -> None:
    add(control, "fs1", 1)
    before = control.done("node", "config", "fs1", "xml_curl.conf.xml")
    renewed = control.done("node", "password", "renew", "fs1")
    assert renewed == control.done("node", "config", "fs1", "xml_curl.conf.xml") != before
    assert len(control.json("get", "node", "fs1")["lookup_passwords"]) == 2
    control.done("node", "password", "retire", "fs1")
    assert len(control.json("get", "node", "fs1")["lookup_passwords"]) == 1
    assert control.done("node", "config", "fs1", "xml_curl.conf.xml") == renewed


def test_a_node_is_adopted_only_after_its_plan_got_a_yes(control: Control, switch: Switch) -> None:
    put(control, "gateway", "late", gateway("x"))
    unasked = control("node", "adopt", "fs1")
    assert (unasked.exit_code, "say --yes" in unasked.stderr) == (2, True)
    assert "sofia profile external startgw late" in unasked.stdout
    plan = json.loads(control("node", "adopt", "fs1", "--json").stdout)
    assert "sofia profile external startgw late" in [step["command"] for step in plan["steps"]]
    with typing("node", "adopt", "fs1", environment=speaking(control)) as terminal:
        terminal.expect("adopt fs1?")
        assert "sofia profile external startgw late" in terminal.screen
        terminal.type("n")
        assert terminal.code() == 1
    assert status(control)["mode"] == "observing"
    with typing("node", "adopt", "fs1", "--wait", "20", environment=speaking(control)) as terminal:
        terminal.expect("adopt fs1?")
        terminal.type("y")
        assert terminal.code() == 0
    assert status(control)["mode"] == "managed"
    assert "late" in switch.gateways
    control.done("node", "observe", "fs1")
    assert status(control)["mode"] == "observing"
    for words in (("node", "remove"), ("delete", "node")):
        unasked = control(*words, "fs1")
        assert (unasked.exit_code, "commanded no more: say --yes" in unasked.stderr) == (2, True)
        with typing(*words, "fs1", environment=speaking(control)) as terminal:
            terminal.expect("Delete it?")
            terminal.type("n")
            assert terminal.code() == 1
    assert status(control)["mode"] == "observing"
    control.done("node", "remove", "fs1", "--yes")
    assert control.json("nodes")["items"] == []


def test_a_change_is_waited_for_till_it_was_seen(control: Control, switch: Switch) -> None:
    adopt(control)
    lines = control.done(
        *("set", "gateway", "trunk", "--secret", "password", "--wait", "20", "--json"), stdin="second\n"
    ).splitlines()
    told, outcome = (json.loads(line) for line in lines)
    assert told["nodes"] == ["fs1"]
    assert outcome == {"node": "fs1", "ok": True, "applied_revision": told["revision"]}
    assert "fs1" in control.done("pushes", "--node", "fs1", "--state", "applied")


def test_a_push_that_waits_is_told_with_its_reason_and_1(control: Control, switch: Switch) -> None:
    adopt(control)
    switch.faults.lookups_blocked = True
    told: list[str] = []

    def told_why() -> object:
        # It is tried again several times a second; a new change has no reason before it was tried.
        change = ("set", "gateway", "trunk", "--secret", "password", "--wait", "1")
        result = control(*change, stdin=f"password-{len(told)}\n")
        told.append(result.stdout)
        assert result.exit_code == 1
        return re.search(r"^fs1 +(waiting|running) .*cannot fetch", result.stdout, re.MULTILINE)

    until(told_why)
    assert "trunk" in switch.gateways
    switch.faults.lookups_blocked = False
    until(lambda: status(control)["in_sync"])


def test_gateways_are_a_matrix_with_what_differs(control: Control, switch: Switch) -> None:
    adopt(control)
    add(control, "fs2", 1)
    found = control("gateways")
    assert found.exit_code == 1
    assert "fs2: " in found.stderr
    assert [line.split() for line in found.stdout.splitlines()] == [
        ["GATEWAY", "PROFILE", "fs1"],
        ["trunk", "external", "NOREG"],
    ]
    switch.call(switch.api, "sofia profile external killgw trunk")
    until(lambda: "missing" in control.done("gateways", "--node", "fs1"))
    assert "fs1: gateway trunk: " in control.done("gateways", "--node", "fs1")
    reported = control.json("reconcile", "--node", "fs1", "--report-only")
    assert ([each["name"] for each in reported["drift"]], reported["pushed"]) == (["trunk"], False)
    assert "trunk" in control.done("findings", "--node", "fs1")
    assert "would send sofia profile external startgw trunk" in control.done(
        "reconcile", "--node", "fs1", "--dry-run"
    )
    assert "being repaired" in control.done("reconcile", "--node", "fs1")
    until(lambda: "trunk" in switch.gateways)
    until(lambda: "applied" in control.done("repairs", "--node", "fs1"))
    assert [each["name"] for each in control.json("repairs")["items"]] == ["trunk"]
    assert "trunk" in control.done("findings", "--history")


def test_a_node_is_shown_with_all_that_is_known_of_it(control: Control, switch: Switch) -> None:
    adopt(control)
    until(lambda: control.json("node", "show", "fs1")["heartbeat"])
    until(lambda: control.json("node", "show", "fs1")["modules"])
    until(lambda: status(control)["health"] == {"status": "healthy", "why": ""})
    told = control.json("node", "show", "fs1")
    assert [each["name"] for each in told["conditions"]] == [
        *("Connected", "Answering", "InSync", "Reconciling", "Stalled", "Suspended"),
    ]
    assert all(each["since"] for each in told["conditions"])
    assert told["round_trip_ms"] > 0
    assert told["heartbeat"]["max_sessions"] == 1000
    assert abs(told["heartbeat"]["clock_ahead_s"]) < 30
    assert "mod_sofia" in told["modules"]
    assert [(each["name"], each["state"]) for each in told["gateways"]] == [("trunk", "NOREG")]
    assert [each["name"] for each in told["profiles"]] == ["external"]
    shown = control.done("node", "show", "fs1")
    for words in ("Answering", "round trip", "up for", "0 of 1000", "trunk", "external", "sofia"):
        assert words in shown
    assert control("node", "show", "none").exit_code == 2
    states = control.json("gateways")["gateways"]
    assert states[0]["nodes"]["fs1"]["since"] == told["gateways"][0]["since"] is not None
    params = {"proxy": "127.0.0.1:5099", "username": FORBIDDEN, "register": "true"}
    put(control, "gateway", "refused", {"profile": "external", "params": params})
    until(lambda: "gateway refused is FAIL" in str(status(control)["health"]))
    assert status(control)["health"]["status"] == "degraded"


def test_registrations_are_asked_for_and_dropped(control: Control, switch: Switch) -> None:
    until(lambda: "external" in switch.profiles)
    for who, call_id in (("1001@acme.example", "a"), ("1001@acme.example", "b"), ("1002@acme.example", "c")):
        switch.call(switch.api, f"standin register external {who} {call_id}")
    told = control.json("registrations", "--node", "fs1")["registrations"]
    assert [each["call_id"] for each in told] == ["a", "b", "c"]
    assert "192.0.2.50:5060" in control.done("registrations", "--all")
    one = control.json("registrations", "1001@acme.example")["registrations"]
    assert [(each["user"], each["call_id"]) for each in one] == [("1001", "a"), ("1001", "b")]
    assert control.json("registrations", "nobody@acme.example")["registrations"] == []
    assert "is not registered" in control.done("registrations", "nobody@acme.example")

    unasked = control("registrations", "1001@acme.example", "--drop")
    assert (unasked.exit_code, "say --yes" in unasked.stderr) == (2, True)
    drop = ("registrations", "1001@acme.example", "--drop", "--group", "eu")
    with typing(*drop, environment=speaking(control)) as terminal:
        terminal.expect("Drop them?")
        assert terminal.screen.count("192.0.2.50") == 2
        terminal.type("n")
        assert terminal.code() == 1
    assert len(switch.profiles["external"].phones) == 3
    assert "2 dropped" in control.done(*drop, "--yes")
    assert list(switch.profiles["external"].phones) == ["c"]
    assert control.json(*drop, "--yes") == {"node": "fs1", "ok": True, "dropped": 0, "left": 0}
    assert [line for line in switch.commands if "flush_inbound_reg" in line] == [
        "sofia profile external flush_inbound_reg 1001@acme.example"
    ]
    add(control, "fs2", 1)
    away = control("registrations", "--all", "--json")
    assert away.exit_code == 1
    assert {each["node"]: each["ok"] for each in map(json.loads, away.stdout.splitlines())} == {
        "fs1": True,
        "fs2": False,
    }


def test_every_node_tells_how_it_went(control: Control, switch: Switch) -> None:
    add(control, "fs2", 1)
    for command in (
        ("rescan", "external"),
        ("reload", "xml"),
        ("reload", "acl"),
        ("reload", "mod_sofia"),
        ("flush", "1001@acme.example"),
        ("flush", "--everything"),
    ):
        results = control(*command, "--group", "eu", "--json")
        assert results.exit_code == 1, command
        told = {each["node"]: each for each in map(json.loads, results.stdout.splitlines())}
        assert (told["fs1"]["ok"], told["fs2"]["ok"]) == (True, False), (command, told)
        assert control(*command, "--node", "fs1").exit_code == 0
    sent = list(switch.commands)
    for line in ("sofia profile external rescan", "reloadxml", "reloadacl", "reload mod_sofia"):
        assert line in sent
    assert any(line.startswith("xml_flush_cache") for line in sent)


def test_a_node_that_cannot_fetch_from_us_is_sent_nothing_that_it_would_suffer_from(
    control: Control, switch: Switch
) -> None:
    switch.faults.lookups_blocked = True
    sent = len(switch.commands)
    for command in (
        ("rescan", "external"),
        ("reload", "xml"),
        ("reload", "acl"),
        ("reload", "mod_sofia"),
        ("flush", "--everything"),
    ):
        [told] = map(json.loads, control(*command, "--node", "fs1", "--json").stdout.splitlines())
        assert (told["ok"], "cannot fetch from us" in told["error"]) == (False, True), (command, told)
    since = list(switch.commands)[sent:]
    assert not [line for line in since if line.split()[0] in ("sofia", "reload", "reloadxml", "reloadacl")]
    assert not [line for line in since if line.startswith("xml_flush_cache")]
    assert control("flush", "1001@acme.example", "--node", "fs1").exit_code == 0


def test_wrong_use_of_actions_is_refused_before_anything_is_sent(control: Control) -> None:
    for arguments, said in (
        (("rescan", "external"), "--node NAME, --group GROUP or --all"),
        (("rescan", "external", "--node", "none"), "there is no node 'none'"),
        (("rescan", "a b", "--all"), ""),
        (("flush", "nobody", "--all"), "USER@DOMAIN"),
        (("flush", "a@b", "--everything", "--all"), "stands alone"),
        (("registrations", "nobody"), "USER@DOMAIN"),
        (("registrations", "a@b@c"), "not USER@DOMAIN"),
        (("registrations", "--drop", "--yes"), "say whose"),
        (("registrations", "--all", "--node", "fs1"), "stands alone"),
        (("registrations", "a@b", "--drop", "--yes", "--node", "none"), "there is no node 'none'"),
        (("push", "retry", "7"), "does not exist"),
        (("pushes", "--state", "odd"), "state: one of"),
        (("explain", "fs1"), "say one lookup"),
        (("explain", "fs1", "--user", "a@b", "--document", "c"), "say one lookup"),
        (("explain", "none", "--user", "a@b"), "node 'none' does not exist"),
        (("jobs", "--run", "none"), "job 'none' does not exist"),
    ):
        result = control(*arguments)
        assert result.exit_code == 2, arguments
        assert said in result.stderr


def test_pushes_are_followed_till_ctrl_c(control: Control, switch: Switch) -> None:
    adopt(control)
    with subprocess.Popen(
        [*COMMAND, "pushes", "--follow", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **speaking(control)},
    ) as follower:
        try:
            assert follower.stdout is not None
            follower.stdout.readline()
            told = control.json("set", "gateway", "trunk", "ping=25")
            for line in follower.stdout:
                push = json.loads(line)
                if (push["revision"], push["state"]) == (told["revision"], "applied"):
                    break
            follower.send_signal(signal.SIGINT)
            _, errors = follower.communicate(timeout=PATIENCE)
        finally:
            if follower.poll() is None:
                follower.kill()
    assert (follower.returncode, errors) == (130, "")


def test_a_node_is_told_of_what_stands_in_rows(control: Control, switch: Switch) -> None:
    put(control, "domain", "acme.example", {})
    put(control, "user", "acme.example/1001", {"params": {"password": "marker-user"}})
    put(control, "context", "public", {})
    for lookup, row in (
        (("--user", "1001@acme.example"), "user/acme.example/1001"),
        (("--profile", "external", "--gateway", "trunk"), "gateway/trunk"),
        (("--context", "public"), "context/public"),
        (("--section", "dialplan", "--field", "context=public"), "context/public"),
    ):
        told = control.done("explain", "fs1", *lookup)
        assert "fs1: found" in told
        assert row in told
        assert "marker-user" not in told
    assert "fs1: not found" in control.done("explain", "fs1", "--document", "none.conf")
    assert control.json("explain", "fs1", "--context", "public")["found"] is True


def test_colour_and_progress_are_for_terminals_alone(control: Control, switch: Switch) -> None:
    with typing("nodes", environment=speaking(control)) as terminal:
        assert terminal.code() == 0
        assert "\x1b[32mup" in terminal.screen
    with typing("reload", "xml", "--all", environment=speaking(control)) as terminal:
        assert terminal.code() == 0
        assert "reloadxml" in terminal.screen
    assert "\x1b" not in control.done("nodes") + control.done("reload", "xml", "--all")


def test_an_answer_that_is_broken_off_is_told_with_1(control: Control, switch: Switch) -> None:
    add(control, "fs2", 1)
    switch.faults.stall = True
    with subprocess.Popen(
        [*COMMAND, "reload", "xml", "--all"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **speaking(control)},
    ) as acting:
        assert acting.stdout is not None
        assert acting.stdout.readline().split()[:2] == ["fs2", "failed"]
        control.process.send_signal(signal.SIGTERM)
        said, errors = acting.communicate(timeout=PATIENCE)
    assert (acting.returncode, said) == (1, "")
    assert "broke off before it had told everything" in errors
    assert len(errors.splitlines()) == 1
    assert control.process.wait(PATIENCE) == 0


def test_a_suspended_node_waits_till_it_is_resumed(control: Control, switch: Switch) -> None:
    control.done("node", "adopt", "fs1", "--yes", "--wait", "10")
    told = control.done("suspend", "fs1", "--reason", "the carrier tests")
    assert re.search(r"node:fs1 +1 +\S+ \S+ +tester +the carrier tests", told), told
    control.done("set", "gateway", "trunk", "username=other")
    assert "suspended (node:fs1)" in control.done("pushes")
    assert "nothing of that was suspended" in control.done("resume", "--all")
    assert "node:fs1 is resumed" in control.done("resume", "fs1")
    until(lambda: status(control)["in_sync"])
    assert control.done("suspensions") == "nothing is suspended\n"
    assert control("suspend", "--reason", "x").exit_code == 2


def test_what_would_drop_calls_is_let_through(control: Control, switch: Switch) -> None:
    control.done("node", "adopt", "fs1", "--yes", "--wait", "10")
    until(lambda: switch.profiles["external"].age() >= 10)
    switch.profiles["external"].calls = 1
    assert "nothing is held" in control("push", "let", "fs1", "--yes").output
    control.done("set", "profile", "external", "sip-port=5099")
    until(lambda: status(control)["held"])
    assert "profile/external" in str(status(control)["held"])
    why = str(status(control)["why"]).removeprefix("profile/external is held: ")
    assert why.endswith("it would drop 1 leg of calls")
    assert "held" in control.done("pushes")
    assert why in control.done("findings")
    assert f"on fs1, profile/external: {why}: say --yes" in control("push", "let", "fs1").output
    assert "nothing of that is held" in control("push", "let", "fs1", "profile/other", "--yes").output
    told = control.done("push", "let", "fs1", "--yes", "--wait", "10")
    assert "let through on fs1: profile/external" in told
    assert switch.profiles["external"].port == 5099


def test_what_waits_for_a_change_window_is_let_through(control: Control, switch: Switch) -> None:
    control.done("node", "adopt", "fs1", "--yes", "--wait", "10")
    now = datetime.now(UTC)
    window = f"{now + timedelta(hours=2):%H:%M}-{now + timedelta(hours=3):%H:%M}"
    control.done("set", "node", "fs1", f"change_windows={window}")
    control.done("set", "gateway", "trunk", "username=other")
    until(lambda: "waits for its change window" in control.done("pushes"))
    [push] = control.json("pushes", "--state", "waiting")["items"]
    assert "applied" in control.done("push", "now", str(push["id"]), "--wait", "10")
    assert "only one that waits is let through" in control("push", "now", str(push["id"])).output
    assert "is no window" in control("set", "node", "fs1", "change_windows=always").output


def test_a_rollout_is_told_of_paused_and_taken_back(control: Control, switch: Switch) -> None:
    control.done("node", "adopt", "fs1", "--yes", "--wait", "10")
    port = free_port()
    add(control, "fs2", port)
    control.done("node", "adopt", "fs2", "--yes")
    switch.faults.errors["killgw"] = "-ERR not now\n"
    told = control.done("set", "gateway", "trunk", "username=other", "--rollout", "batches:1")
    assert "pushed to fs1, fs2 in rollout 1 (batches:1)" in told
    until(lambda: "not now" in control.done("pushes"))
    listed = control.done("rollout", "list")
    assert re.search(r"1 +\d+ +batches:1 +running +0 of 2", listed), listed
    assert "running" in control.done("rollout", "status", "1")
    paused = control.json("rollout", "pause", "1", "--reason", "lunch")
    assert (paused["state"], paused["reason"]) == ("paused", "lunch")
    assert control.json("rollout", "resume", "1")["state"] == "running"
    control.done("rollout", "stop", "1", "--roll-back")
    followed = control("rollout", "status", "1", "--follow")
    assert (followed.exit_code, "rolled_back" in followed.stdout) == (1, True)
    assert control("rollout", "pause", "1").exit_code == 2
    params = {each["name"]: each["value"] for each in control.json("get", "gateway", "trunk")["params"]}
    assert params["username"] == "u"
    switch.faults.errors.clear()
    until(lambda: status(control)["in_sync"])
    assert "is no strategy" in control("set", "gateway", "trunk", "username=x", "--rollout", "slowly").output


def test_a_gateway_is_moved_by_word(control: Control, switch: Switch) -> None:
    add(control, "fs2", free_port())
    put(control, "gateway", "trunk", {**gateway("first"), "placed_on": "fs1"})
    told = control.done("gateway", "move", "trunk", "--to", "fs2", "--reason", "fs1 is old")
    assert told.startswith("gateway trunk stands on fs2: revision")
    assert control.json("get", "gateway", "trunk")["placed_on"] == "fs2"
