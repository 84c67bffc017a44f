"""What is said of a node."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from controlplane.desired.values import NodeMode, Scope
from controlplane.observed.conditions import Condition, Name
from controlplane.observed.node_status import Health, OpenPush, Progress, Proof, status
from controlplane.push.suspensions import Suspension
from esl.link import Link, LinkState

AT = datetime(2026, 11, 24, tzinfo=UTC)
LATER = AT + timedelta(minutes=1)
UP = Link("fs1", LinkState.UP, AT, core_uuid="core", version="1.11", own_address="192.0.2.1")
DOWN = Link("fs1", LinkState.DOWN, AT, "refused")
SEEN = Progress(7, 7, 7, AT, core_uuid="core")


def push(state: str, reason: str = "") -> OpenPush:
    return OpenPush(1, state, 7, reason, 1, None)


@pytest.mark.parametrize(
    ("link", "progress", "pushes", "held", "drifting", "in_sync", "why"),
    [
        (UP, SEEN, [], {}, [], True, ""),
        (UP, SEEN, [push("waiting")], {}, [], False, "a push is waiting"),
        (UP, SEEN, [push("waiting", "no way")], {}, [], False, "a push is waiting: no way"),
        (UP, SEEN, [push("running")], {}, [], False, "a push is running"),
        (UP, SEEN, [push("waiting"), push("stalled", "-ERR")], {}, [], False, "a push stalled: -ERR"),
        (DOWN, SEEN, [push("waiting")], {}, [], False, "a push waits till the node is back: refused"),
        (None, SEEN, [push("waiting")], {}, [], False, "a push waits till the node is back: not connected"),
        (UP, SEEN, [], {"b": "2", "a": "1"}, ["x"], False, "a is held: 1"),
        (UP, SEEN, [], {}, ["first", "second"], False, "first"),
        (DOWN, SEEN, [], {}, ["first"], False, "first"),
        # nothing known against it, and yet it cannot be told
        (DOWN, SEEN, [], {}, [], None, "the node is away"),
        (None, SEEN, [], {}, [], None, "the node is away"),
        (UP, Progress(), [], {}, [], None, "the node was not compared yet"),
        (UP, replace(SEEN, observed_at=None), [], {}, [], True, ""),
        # it runs what it fetched when it booted, whatever its former life ran
        (
            replace(UP, core_uuid="next"),
            SEEN,
            [],
            {},
            [],
            None,
            "the node was not compared since it was started",
        ),
    ],
)
def test_in_sync(
    link: Link | None,
    progress: Progress,
    pushes: Sequence[OpenPush],
    held: Mapping[str, str],
    drifting: Sequence[str],
    in_sync: bool | None,
    why: str,
) -> None:
    found = status("fs1", NodeMode.MANAGED, link, 7, progress, pushes, held, drifting, now=AT)
    assert (found.in_sync, found.why) == (in_sync, why)
    assert found.findings == len(drifting)


def test_an_observed_node_is_in_sync_once_it_was_compared() -> None:
    """What was ever applied to it tells nothing: others command it."""
    progress = Progress(7, 7, 7, None)
    assert status("fs1", NodeMode.OBSERVING, UP, 7, progress, [], {}, [], now=AT).in_sync is None
    compared = replace(progress, observed_at=AT)
    assert status("fs1", NodeMode.OBSERVING, UP, 7, compared, [], {}, [], now=AT).in_sync is True


def test_a_node_that_is_not_held_is_down() -> None:
    found = status("fs1", NodeMode.MANAGED, None, 7, SEEN, [], {}, [], now=AT)
    assert (found.link, found.link_reason, found.link_since) == (LinkState.DOWN, "not held", None)
    assert (found.core_uuid, found.version, found.own_address) == (None, None, None)


def conditions(
    link: Link | None, pushes: Sequence[OpenPush] = (), proof: Proof | None = None
) -> dict[str, tuple[bool | None, str]]:
    found = status("fs1", NodeMode.MANAGED, link, 7, SEEN, pushes, {}, [], now=LATER, proof=proof)
    return {each.name.value: (each.status, each.reason) for each in found.conditions}


def test_conditions_are_told_apart() -> None:
    waiting, stalled = push("waiting", "no way"), push("stalled", "-ERR")
    found = conditions(UP, [stalled, waiting], Proof(LATER, "cannot fetch"))
    assert found == {
        "Connected": (True, ""),
        "Answering": (False, "cannot fetch"),
        "InSync": (False, "a push stalled: -ERR"),
        "Reconciling": (True, "a push is waiting: no way"),
        "Stalled": (True, "-ERR"),
        "Suspended": (False, ""),
    }
    assert conditions(UP, proof=Proof(LATER, answered_at=LATER, round_trip=0.1)) == {
        "Connected": (True, ""),
        "Answering": (True, ""),
        "InSync": (True, ""),
        "Reconciling": (False, ""),
        "Stalled": (False, ""),
        "Suspended": (False, ""),
    }


def test_a_node_that_is_away_answers_neither_yes_nor_no() -> None:
    answered = Proof(LATER, answered_at=LATER, round_trip=0.1)
    assert conditions(DOWN, proof=answered)["Answering"] == (None, "the node is away")
    assert conditions(DOWN)["Connected"] == (False, "refused")
    assert conditions(None)["Connected"] == (False, "not held")
    connecting = replace(UP, state=LinkState.CONNECTING)
    assert conditions(connecting)["Connected"] == (None, "connecting")


def test_a_proof_from_before_the_connection_proves_nothing() -> None:
    since = replace(UP, since=LATER)
    assert conditions(since, proof=Proof(AT))["Answering"] == (None, "the node was not asked yet")


def test_the_last_time_that_it_answered_stays_known() -> None:
    failed = Proof(LATER, "cannot fetch", answered_at=AT, round_trip=0.25)
    found = status("fs1", NodeMode.MANAGED, UP, 7, SEEN, [], {}, [], now=LATER, proof=failed)
    assert (found.answered_at, found.round_trip) == (AT, 0.25)
    kept = replace(SEEN, answered_at=AT, round_trip=0.5)
    for proof in (None, Proof(LATER, "cannot fetch")):
        found = status("fs1", NodeMode.MANAGED, UP, 7, kept, [], {}, [], now=LATER, proof=proof)
        assert (found.answered_at, found.round_trip) == (AT, 0.5)


@pytest.mark.parametrize(
    ("link", "proof", "health"),
    [
        (UP, Proof(LATER), (Health.HEALTHY, "")),
        (UP, Proof(LATER, "cannot fetch"), (Health.DEGRADED, "cannot fetch")),
        (UP, None, (Health.UNKNOWN, "the node was not asked yet")),
        (DOWN, Proof(LATER), (Health.UNREACHABLE, "refused")),
        (None, None, (Health.UNREACHABLE, "not held")),
        (replace(UP, state=LinkState.CONNECTING), None, (Health.UNKNOWN, "connecting")),
    ],
)
def test_health_is_told_apart_from_sync(link: Link | None, proof: Proof, health: tuple[Health, str]) -> None:
    """A push that stalled says nothing of how the node fares with what it has."""
    for pushes in ([], [push("stalled", "-ERR")]):
        found = status("fs1", NodeMode.MANAGED, link, 7, SEEN, pushes, {}, [], now=LATER, proof=proof)
        assert (found.health, found.ails) == health


def test_who_suspended_it_says_why_and_since_when() -> None:
    suspension = Suspension(Scope(node="fs1"), "maintenance", "tester", AT)
    found = status("fs1", NodeMode.MANAGED, UP, 7, SEEN, [], {}, [], now=LATER, suspended=suspension)
    assert found.conditions[-1] == Condition(Name.SUSPENDED, True, "maintenance", AT)
