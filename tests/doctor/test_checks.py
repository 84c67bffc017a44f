"""What is made of what was learned of a node."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from controlplane.doctor import Check, Evidence, Verdict, examine
from controlplane.doctor.disk import Binding, Disk
from controlplane.observed.node_status import Proof
from esl.link import Link, LinkState

AT = datetime(2026, 11, 24, tzinfo=UTC)
UP = Link("fs1", LinkState.UP, AT, own_address="192.0.2.1", switchname="fs1")
BINDING = Binding("ours", "https://cp.example/xml_curl", frozenset(), 10, True, True, "fs1", None)
DISK = Disk((BINDING,), ("192.0.2.1/32",), {}, ())
WELL = Evidence(
    "fs1",
    "fs1",
    UP,
    proof=Proof(AT, answered_at=AT, round_trip=0.02),
    module=True,
    disk=DISK,
    guards={"192.0.2.1/32": True},
    clock_ahead=-0.01,
    gateways={"a": 1},
    slowest=0.03,
)


def binding(**changed: Any) -> Evidence:
    return replace(WELL, disk=replace(DISK, bindings=(replace(BINDING, **changed),)))


def bad(evidence: Evidence) -> list[Check]:
    return [each for each in examine(evidence) if each.verdict is not Verdict.OK]


def test_of_a_node_that_is_well_each_check_says_so_in_a_line() -> None:
    assert [each.name for each in examine(WELL)] == [
        *(
            "connection",
            "probe",
            "mod_xml_curl",
            "binding",
            "tls",
            "disk",
            "acl",
            "clock",
            "gateways",
            "speed",
        )
    ]
    assert bad(WELL) == []
    assert not any(each.change for each in examine(WELL))


@pytest.mark.parametrize(
    ("evidence", "name", "verdict", "said", "change"),
    [
        (
            replace(WELL, link=replace(UP, switchname="other")),
            "connection",
            "wrong",
            "'other'",
            "switch.conf",
        ),
        (replace(WELL, proof=Proof(AT, "no way"), refused="401"), "probe", "wrong", "401", "xml_curl.conf"),
        (replace(WELL, module=False), "mod_xml_curl", "wrong", "not loaded", "modules.conf.xml"),
        (replace(WELL, disk=replace(DISK, bindings=())), "binding", "wrong", "no binding", "xml_curl.conf"),
        (binding(timeout=0), "binding", "wrong", "no timeout", "timeout"),
        (binding(user="fs2"), "binding", "warning", "asks as 'fs2'", "gateway-credentials"),
        (replace(binding(max_bytes=10), max_bytes=20), "binding", "wrong", "10 bytes", "response-max-bytes"),
        (binding(sections=frozenset({"dialplan"})), "binding", "warning", "languages", "bindings="),
        (binding(checks_certificate=False), "tls", "wrong", "takes anybody", "enable-cacert-check"),
        (binding(checks_name=False), "tls", "wrong", "takes anybody", "enable-ssl-verifyhost"),
        (binding(url="http://192.0.2.9/"), "tls", "warning", "clear text", "tls_certificate"),
        (replace(WELL, disk=replace(DISK, domains={"a": 3})), "disk", "warning", "a (3 users)", "directory/"),
        (replace(WELL, disk=replace(DISK, contexts=("b",))), "disk", "warning", "dialplan", "dialplan/"),
        (replace(WELL, guards={"lan": False}), "acl", "wrong", "192.0.2.1", "event_socket.conf.xml"),
        (replace(WELL, guards={"lan": True}), "acl", "warning", "empty while", "event_socket.conf.xml"),
        (replace(WELL, clock_ahead=3.0), "clock", "warning", "3.0 s ahead of", "NTP"),
        (replace(WELL, clock_ahead=-3.0), "clock", "warning", "3.0 s behind", "sync_clock"),
        (replace(WELL, gateways={"a": 2, "b": 1}), "gateways", "wrong", "a runs 2 times", "sofia.conf.xml"),
        (replace(WELL, slowest=10.0), "speed", "wrong", "waits 10 s", "timeout"),
        (replace(WELL, slowest=5.0), "speed", "warning", "5.000 s", "timeout"),
    ],
)
def test_what_is_wrong_is_told_with_what_to_change(
    evidence: Evidence, name: str, verdict: str, said: str, change: str
) -> None:
    [found] = [each for each in bad(evidence) if each.verdict is not Verdict.NOT_CHECKED]
    assert (found.name, found.verdict.value) == (name, verdict)
    assert said in found.said
    assert change in found.change


@pytest.mark.parametrize("url", ["http://127.0.0.1:8081/xml_curl", "http://localhost/", "http://[::1]/"])
def test_what_does_not_leave_the_machine_needs_no_tls(url: str) -> None:
    assert bad(binding(url=url)) == []


def test_what_was_not_learned_is_not_judged() -> None:
    away = Evidence("fs1", "fs1", replace(UP, state=LinkState.DOWN, reason="refused"))
    connection, *others = examine(away)
    assert connection == Check("connection", Verdict.WRONG, "refused")
    assert {each.verdict for each in others} == {Verdict.NOT_CHECKED}
    assert all(each.said for each in others)
    reasons = {"disk": "not allowed", "clock": "no heartbeat", "gateways": "x", "module": "y", "probe": "z"}
    silent = examine(Evidence("fs1", "fs1", UP, unknown=reasons))
    assert [each.said for each in silent if each.verdict is Verdict.NOT_CHECKED] == [
        *("z", "y", "not allowed", "not allowed", "not allowed", "not allowed", "no heartbeat", "x"),
        "not allowed",
    ]


def test_a_node_whose_acl_turns_us_away_says_where_to_change_it() -> None:
    down = replace(UP, state=LinkState.DOWN, reason="Access Denied")
    connection = examine(Evidence("fs1", "fs1", down, denied=True))[0]
    assert "event_socket.conf.xml" in connection.change
    assert examine(Evidence("fs1", "fs1", None))[0].said == "not connected"
