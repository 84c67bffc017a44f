"""History that is old goes; what is needed stays."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session
from sqlmodel import col

from controlplane.store import Keep, Pruned, Store, prune, retention
from controlplane.store.tables import (
    AuditRow,
    ChangeRow,
    FindingRow,
    PushRow,
    RevisionRow,
    RunRow,
    SecretRow,
)

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)
KEEP = Keep(*(10 * DAY for _ in range(5)))


def _revision(session: Session, number: int, age: timedelta) -> None:
    session.add(
        RevisionRow(
            number=number,
            at=NOW - age,
            actor="me",
            token="",
            source="",
            request_id="",
            reason="",
            previous="",
            digest="",
        )
    )
    session.flush()
    session.add(ChangeRow(revision=number, position=0, noun="acl", name="a", parent="", scope="global"))


def _secret(session: Session, number: int, version: int, superseded: int | None) -> None:
    session.add(SecretRow(id=number, version=version, sealed=b"", superseded=superseded))


def _prune(store: Store, keep: Keep = KEEP) -> Pruned:
    with store.writing() as session:
        return prune(session, keep, NOW)


def test_revisions_go_with_their_changes_and_the_last_stays(store: Store) -> None:
    with store.writing() as session:
        for number, age in ((1, 30), (2, 20), (3, 11)):
            _revision(session, number, age * DAY)
    assert _prune(store).revisions == 2
    with store.reading() as session:
        assert [row.number for row in session.query(RevisionRow)] == [3]
        assert [row.revision for row in session.query(ChangeRow)] == [3]
    assert _prune(store) == Pruned()


def test_no_gap_is_made_when_the_clock_went_back(store: Store) -> None:
    with store.writing() as session:
        for number, age in ((1, 30), (2, 5), (3, 30), (4, 1)):
            _revision(session, number, age * DAY)
    assert _prune(store).revisions == 1
    with store.reading() as session:
        assert [row.number for row in session.query(RevisionRow).order_by(col(RevisionRow.number))] == [
            2,
            3,
            4,
        ]


def test_password_versions_go_when_no_revision_needs_them(store: Store) -> None:
    with store.writing() as session:
        _revision(session, 1, 30 * DAY)
        _revision(session, 2, 20 * DAY)
        _revision(session, 3, 1 * DAY)
        _secret(session, 1, 1, superseded=2)  # changed in 2, which goes
        _secret(session, 1, 2, superseded=3)  # changed in 3, which stays
        _secret(session, 1, 3, superseded=None)
        _secret(session, 2, 1, superseded=2)  # its row was deleted in 2
        _secret(session, 3, 1, superseded=None)  # brought back by a rollback
        _secret(session, 3, 2, superseded=2)  # its number must not be given again
    assert _prune(store).secrets == 2
    with store.reading() as session:
        left = {(row.id, row.version) for row in session.query(SecretRow)}
    assert left == {(1, 2), (1, 3), (3, 1), (3, 2)}


def test_what_still_stands_stays_however_old(store: Store) -> None:
    old, young = NOW - 30 * DAY, NOW - DAY
    with store.writing() as session:
        for at in (old, young):
            session.add(AuditRow(at=at, actor="me", action="test"))
            session.add(RunRow(job="a", started_at=at, ended_at=at))
            push: dict[str, Any] = {"node": "fs1", "revision": 1, "created_at": at}
            session.add(PushRow(**push, state="applied", ended_at=at))
            session.add(PushRow(**push, state="stalled", ended_at=at))
            finding: dict[str, Any] = {"node": "fs1", "kind": "gateway", "reason": "", "severity": "error"}
            seen: dict[str, Any] = {"first_seen": old, "last_seen": at}
            session.add(FindingRow(**finding, **seen, name=str(at), cleared_at=at))
            session.add(FindingRow(**finding, **seen, name=str(at)))
        session.add(PushRow(node="fs1", revision=1, created_at=old, state="waiting"))
        session.add(RunRow(job="a", started_at=old))
    assert _prune(store) == Pruned(audit=1, pushes=1, findings=1, runs=1)
    with store.reading() as session:
        assert session.query(PushRow).count() == 4
        assert session.query(FindingRow).count() == 3
        assert session.query(RunRow).count() == 2
    assert _prune(store, Keep()) == Pruned()


def test_much_goes_in_portions(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 3)
    with store.writing() as session:
        for _ in range(5):
            session.add(AuditRow(at=NOW - 30 * DAY, actor="me", action="test"))
    first, second = _prune(store), _prune(store)
    assert (first.audit, first.more) == (3, True)
    assert (second.audit, second.more) == (2, False)
