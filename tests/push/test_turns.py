"""Whose turn it is, and whether a node is as it was."""

from typing import Any

import pytest

from controlplane.push.turns import Candidate, beginners, failing, remembered, unlike
from controlplane.strategy import parse
from esl.status import GatewayStatus


def candidates(**groups: str) -> list[Candidate]:
    """`fs1="eu"` waits, `fs1="eu now"` has its turn."""
    return [
        Candidate(node, tuple(word for word in said.split() if word != "now"), "now" in said.split())
        for node, said in groups.items()
    ]


@pytest.mark.parametrize(
    ("strategy", "nodes", "begin"),
    [
        ("all-at-once", {"a": "", "b": "eu", "c": "eu now"}, ["a", "b"]),
        ("one-by-one", {"a": "eu", "b": "eu", "c": "us", "d": "us"}, ["a", "c"]),
        ("one-by-one", {"a": "eu now", "b": "eu", "c": "us"}, ["c"]),
        ("one-by-one", {"a": "eu us", "b": "eu", "c": "us", "d": "asia"}, ["a", "d"]),
        ("one-by-one", {"a": "", "b": "", "c": "eu"}, ["a", "c"]),
        ("batches:2", {"a": "eu", "b": "eu", "c": "eu"}, ["a", "b"]),
        ("batches:2", {"a": "eu now", "b": "eu", "c": "eu"}, []),
        ("canary:us", {"a": "eu", "b": "us", "c": "us"}, ["b"]),
        ("canary:us/all-at-once", {"a": "eu", "b": "us now", "c": "us"}, []),
    ],
)
def test_whose_turn_begins(strategy: str, nodes: dict[str, str], begin: list[str]) -> None:
    found = candidates(**nodes)
    busy = {group for each in found if each.in_turn for group in each.groups}
    assert beginners(parse(strategy), found, busy, passed=False) == begin


def test_the_rest_follows_its_canaries_once_they_are_found_well() -> None:
    found = candidates(a="eu", b="eu", c="us")
    assert beginners(parse("canary:asia"), found, (), passed=False) == []
    assert beginners(parse("canary:asia"), found, (), passed=True) == ["a", "c"]
    assert beginners(parse("canary:asia/batches:2"), found, (), passed=True) == ["a", "b"]


def gateway(state: str = "REGED", status: str = "UP", **counts: int) -> GatewayStatus:
    told: dict[str, Any] = dict.fromkeys(GatewayStatus.__dataclass_fields__, 0)
    texts = ("name", "profile", "realm", "username", "proxy", "context", "from_", "contact")
    told |= dict.fromkeys(texts, "gw") | {"retry_seconds": None, "state": state, "status": status}
    return GatewayStatus(**(told | counts))


@pytest.mark.parametrize(
    ("was", "now", "wrong"),
    [
        (gateway(), gateway(), None),
        (gateway(), gateway("TRYING", "DOWN"), "gateway gw was REGED and is TRYING"),
        (gateway(), gateway("NOREG"), None),
        (gateway("NOREG"), gateway("NOREG", "DOWN"), "gateway gw was up and is down"),
        (gateway("NOREG", "DOWN"), gateway("NOREG", "DOWN"), None),
        (gateway("FAIL_WAIT", "DOWN"), gateway("FAILED", "DOWN"), None),
        (gateway(), None, None),
    ],
)
def test_a_gateway_is_as_it_was(was: GatewayStatus, now: GatewayStatus | None, wrong: str | None) -> None:
    assert unlike(remembered({"gw": was}), {"gw": now} if now is not None else {}) == wrong


@pytest.mark.parametrize(
    ("was", "now", "wrong"),
    [
        (gateway(), gateway(calls_out=10, failed_out=5), None),
        (gateway(), gateway(calls_out=10, failed_out=6), "6 of 10 calls through its gateways failed"),
        (gateway(), gateway(calls_out=9, failed_out=9), None),
        (gateway(calls_in=100, failed_in=90), gateway(calls_in=110, failed_in=91), None),
        (
            gateway(calls_in=100),
            gateway(calls_in=12, failed_in=12),
            "12 of 12 calls through its gateways failed",
        ),
    ],
)
def test_calls_that_failed_since_then_are_counted(
    was: GatewayStatus, now: GatewayStatus, wrong: str | None
) -> None:
    assert failing(remembered({"gw": was}), {"gw": now}, 0.5, 10) == wrong
