"""The queue's rows, on each database."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest
from sqlalchemy.orm import Session

from controlplane.push import findings, queue
from controlplane.push.findings import Found, Severity
from controlplane.push.queue import Ended, Push, State, Taken
from controlplane.push.touches import EVERYTHING, CacheKey, Touches
from controlplane.store import Store
from tests.queries import counted

T = TypeVar("T")

NOTHING = Touches()
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
GW = Touches(gateways=frozenset({"gw"}))
OTHER = Touches(gateways=frozenset({"other"}))


class Queue:
    """Each call is a transaction."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.now = NOW

    def write(self, work: Callable[[Session], T]) -> T:
        with self.store.writing() as session:
            return work(session)

    def enqueue(self, touched: Mapping[str, Touches], revision: int = 1, **how: Any) -> None:
        self.write(lambda session: queue.enqueue(session, revision, touched, self.now, **how))

    def take(self, *nodes: str) -> dict[str, Taken]:
        taken = self.write(lambda session: queue.take(session, nodes, self.now))
        return {each.push.node: each for each in taken}

    def end(self, taken: Taken, state: State, touches: Touches = NOTHING, **how: Any) -> None:
        ended = Ended(taken.push.id, taken.push.node, state, touches, **how)
        self.write(lambda session: queue.end(session, [ended], self.now))

    def rows(self, *states: State) -> list[Push]:
        found = self.write(lambda session: queue.page(session))
        return [each for each in reversed(found) if not states or each.state in states]

    def states(self) -> dict[str, queue.NodeState]:
        return self.write(queue.states)


@pytest.fixture
def rows(store: Store) -> Queue:
    return Queue(store)


def test_at_most_one_push_of_a_node_waits_and_a_newer_revision_moves_its_target(rows: Queue) -> None:
    rows.enqueue({"fs1": GW, "fs2": GW}, 3)
    rows.enqueue({"fs1": OTHER}, 4)
    first, second = rows.rows()
    assert (first.node, first.revision, first.touches) == ("fs1", 4, GW.merge(OTHER))
    assert (second.node, second.revision, second.touches) == ("fs2", 3, GW)
    assert {name: each.desired_revision for name, each in rows.states().items()} == {"fs1": 4, "fs2": 3}


def test_nothing_touched_is_nothing_written(rows: Queue) -> None:
    with counted(rows.store) as statements:
        rows.enqueue({})
    assert statements == []
    assert rows.rows() == []


def test_what_comes_while_a_push_runs_waits_beside_it(rows: Queue) -> None:
    rows.enqueue({"fs1": GW})
    taken = rows.take("fs1", "fs2")["fs1"]
    assert (taken.push.state, taken.push.attempts, taken.push.started_at) == (State.RUNNING, 1, NOW)
    rows.enqueue({"fs1": OTHER}, 2)
    assert [each.touches for each in rows.rows(State.WAITING)] == [OTHER]
    rows.end(taken, State.APPLIED)
    assert [each.state for each in rows.rows()] == [State.APPLIED, State.WAITING]


def test_one_that_goes_back_joins_the_later_one(rows: Queue) -> None:
    rows.enqueue({"fs1": GW})
    taken = rows.take("fs1")["fs1"]
    rows.enqueue({"fs1": OTHER}, 2)
    rows.end(taken, State.WAITING, GW, reason="away", not_before=NOW + timedelta(seconds=9), attempts=1)
    first, second = rows.rows()
    assert first.state is State.SUPERSEDED
    assert (second.state, second.touches, second.not_before) == (State.WAITING, GW.merge(OTHER), None)


def test_one_that_goes_back_keeps_its_turn_and_what_is_left(rows: Queue) -> None:
    flush = CacheKey("id", "1", "a")
    rows.enqueue({"fs1": GW.merge(Touches(flushes=frozenset({flush})))})
    taken = rows.take("fs1")["fs1"]
    due = NOW + timedelta(seconds=9)
    rows.end(taken, State.WAITING, GW, reason="refused", not_before=due, attempts=1, detail={"steps": [1]})
    [push] = rows.rows()
    assert (push.state, push.touches, push.not_before, push.attempts) == (State.WAITING, GW, due, 1)
    assert (push.reason, push.detail) == ("refused", {"steps": [1]})
    again = rows.take("fs1")["fs1"]
    assert (again.push.id, again.push.attempts) == (taken.push.id, 2)


def test_a_newer_revision_makes_one_that_waits_for_its_turn_due(rows: Queue) -> None:
    rows.enqueue({"fs1": GW})
    rows.end(rows.take("fs1")["fs1"], State.WAITING, GW, not_before=NOW, attempts=5, reason="refused")
    rows.enqueue({"fs1": OTHER}, 2)
    [push] = rows.rows()
    assert (push.not_before, push.attempts, push.reason) == (None, 0, "")


def test_a_repair_does_not(rows: Queue) -> None:
    rows.enqueue({"fs1": GW})
    rows.end(rows.take("fs1")["fs1"], State.WAITING, GW, not_before=NOW, attempts=5, reason="refused")
    rows.enqueue({"fs1": OTHER}, 1, reason="compared", patient=NOW)
    [push] = rows.rows()
    assert (push.not_before, push.attempts, push.reason) == (NOW, 5, "refused")
    assert push.touches == GW.merge(OTHER)


def test_what_stalled_is_taken_over_by_the_next_push(rows: Queue) -> None:
    rows.enqueue({"fs1": GW})
    rows.end(rows.take("fs1")["fs1"], State.STALLED, GW, reason="-ERR no")
    rows.enqueue({"fs1": OTHER}, 2)
    first, second = rows.rows()
    assert (first.state, first.reason) == (State.SUPERSEDED, "-ERR no")
    assert (second.state, second.touches) == (State.WAITING, GW.merge(OTHER))


@pytest.mark.parametrize(("patient", "taken_over"), [(-1, False), (1, True)])
def test_a_repair_leaves_what_stalled_a_moment_ago(rows: Queue, patient: int, taken_over: bool) -> None:
    rows.enqueue({"fs1": GW})
    rows.end(rows.take("fs1")["fs1"], State.STALLED, GW)
    rows.enqueue({"fs1": OTHER}, 2, patient=NOW + timedelta(seconds=patient))
    first, second = rows.rows()
    assert first.state is (State.SUPERSEDED if taken_over else State.STALLED)
    assert second.touches == (GW.merge(OTHER) if taken_over else OTHER)


def test_what_ran_when_the_daemon_died_waits_again(rows: Queue) -> None:
    rows.enqueue({"fs1": GW, "fs2": GW})
    rows.take("fs1", "fs2")
    rows.enqueue({"fs2": OTHER}, 2)
    assert rows.write(lambda session: queue.recover(session, NOW)) == 2
    waiting = {each.node: each for each in rows.rows(State.WAITING)}
    assert waiting["fs1"].touches == GW
    assert waiting["fs2"].touches == GW.merge(OTHER)
    assert rows.write(lambda session: queue.recover(session, NOW)) == 0


def test_what_was_learned_of_a_node_is_kept(rows: Queue) -> None:
    rows.enqueue({"fs1": GW}, 7)
    taken = rows.take("fs1")["fs1"]
    assert taken.node == queue.NodeState("fs1", desired_revision=7)
    rows.end(
        taken,
        State.APPLIED,
        attempted_revision=7,
        applied_revision=7,
        core_uuid="core",
        observed_at=NOW,
        applied={"acl": "x"},
    )
    kept = queue.NodeState("fs1", "core", 7, 7, 7, NOW, {"acl": "x"})
    assert rows.states() == {"fs1": kept}
    # what is not said stays
    rows.enqueue({"fs1": GW}, 8)
    rows.end(rows.take("fs1")["fs1"], State.STALLED, attempted_revision=8)
    assert rows.states()["fs1"] == queue.NodeState("fs1", "core", 8, 8, 7, NOW, {"acl": "x"})


def test_of_a_deleted_node_nothing_is_left_to_do(rows: Queue) -> None:
    rows.enqueue({"gone": GW, "fs1": GW})
    running = rows.take("gone")["gone"]
    rows.enqueue({"gone": OTHER}, 2)
    rows.write(lambda session: queue.forget(session, ["gone"], NOW))
    # The push that runs ends after it, and not well.
    rows.end(running, State.WAITING, GW, attempted_revision=2, attempts=1)
    assert [each.state for each in rows.rows() if each.node == "gone"] == [State.SUPERSEDED] * 2
    assert set(rows.states()) == {"fs1"}


def test_one_that_does_not_run_cannot_end(rows: Queue) -> None:
    rows.enqueue({"fs1": GW})
    taken = rows.take("fs1")["fs1"]
    rows.end(taken, State.APPLIED, applied_revision=1)
    rows.end(taken, State.WAITING, EVERYTHING, core_uuid="other")
    [push] = rows.rows()
    assert push.state is State.APPLIED
    assert rows.states()["fs1"].core_uuid is None


def test_ending_many_costs_a_fixed_number_of_statements(rows: Queue) -> None:
    nodes = [f"fs{number}" for number in range(40)]
    rows.enqueue(dict.fromkeys(nodes, GW))
    taken = list(rows.take(*nodes).values())

    def cost(some: list[Taken]) -> int:
        ended = [
            Ended(each.push.id, each.push.node, State.APPLIED, Touches(), core_uuid=each.push.node)
            for each in some
        ]
        with counted(rows.store) as statements:
            rows.write(lambda session: queue.end(session, ended, NOW))
        return len(statements)

    assert cost(taken[:2]) == cost(taken[2:])


def test_pages(rows: Queue) -> None:
    for number in range(5):
        rows.enqueue({"fs1": GW, "fs2": GW}, number)
        rows.end(rows.take("fs1")["fs1"], State.APPLIED)
    everything = rows.write(lambda session: queue.page(session))
    assert [each.id for each in everything] == sorted((each.id for each in everything), reverse=True)
    of_one = rows.write(lambda session: queue.page(session, node="fs1", limit=2))
    assert [each.node for each in of_one] == ["fs1", "fs1"]
    older = rows.write(lambda session: queue.page(session, node="fs1", before=of_one[-1].id))
    assert [each.id for each in older] == [each.id for each in everything if each.node == "fs1"][2:]
    [waiting] = rows.write(lambda session: queue.page(session, state=State.WAITING))
    assert waiting.node == "fs2"
    assert rows.write(lambda session: queue.one(session, waiting.id)) == waiting
    assert rows.write(lambda session: queue.one(session, 999)) is None
    assert rows.write(queue.waiting) == rows.write(queue.unfinished) == [waiting]


def test_findings_stand_once_are_kept_and_cleared(rows: Queue) -> None:
    def found(name: str, reason: str = "r", kind: str = "gateway-missing") -> Found:
        return Found("fs1", kind, name, reason, Severity.ERROR)

    def record(kinds: set[str], *what: Found, at: datetime = NOW) -> None:
        rows.write(lambda session: findings.record(session, "fs1", kinds, what, at))

    def standing() -> list[tuple[str, str, datetime, datetime]]:
        page = rows.write(lambda session: findings.page(session, node="fs1"))
        return [(each.found.name, each.found.reason, each.first_seen, each.last_seen) for each in page]

    later = NOW + timedelta(seconds=60)
    record({"gateway-missing"}, found("a"), found("b"))
    record({"gateway-missing"}, found("b", "still"), at=later)
    assert standing() == [("b", "still", NOW, later)]
    # another kind was not looked at
    record({"profile-down"}, found("p", kind="profile-down"))
    assert {each[0] for each in standing()} == {"b", "p"}
    assert rows.write(findings.drifting) == {"fs1": ["gateway-missing b: still", "profile-down p: r"]}
    rows.write(lambda session: findings.mended(session, "fs1", {"b", "p"}, set(), later))
    assert {each[0] for each in standing()} == {"p"}
    rows.write(lambda session: findings.forget(session, ["fs1"], later))
    assert standing() == []
    cleared = rows.write(lambda session: findings.page(session, standing=False, limit=2))
    assert all(each.cleared_at is not None for each in cleared)
    assert len(rows.write(lambda session: findings.page(session, standing=False))) == 3
