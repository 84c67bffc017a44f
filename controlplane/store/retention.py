"""Deletes history that is older than it is kept."""

from dataclasses import dataclass, fields
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Table, and_, delete, exists, func, or_, select
from sqlalchemy.orm import Session

from controlplane.store import tables

AT_ONCE = 10_000
"""Most rows of a table deleted in one transaction, so that writers need not wait long."""

_PUSHES = tables.table(tables.PushRow)
_FINDINGS = tables.table(tables.FindingRow)
_AUDIT = tables.table(tables.AuditRow)
_ROLLOUTS = tables.table(tables.RolloutRow)
_REPAIRS = tables.table(tables.RepairRow)
_RUNS = tables.table(tables.RunRow)
_REVISIONS = tables.table(tables.RevisionRow)
_SECRETS = tables.table(tables.SecretRow)


@dataclass(frozen=True, slots=True)
class Keep:
    """How long each kind of history is kept; None: for ever."""

    revisions: timedelta | None = None
    audit: timedelta | None = None
    pushes: timedelta | None = None
    findings: timedelta | None = None
    runs: timedelta | None = None
    rollouts: timedelta | None = None
    repairs: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many rows were deleted; `secrets` are old password versions that no revision needs any more."""

    revisions: int = 0
    audit: int = 0
    pushes: int = 0
    findings: int = 0
    runs: int = 0
    rollouts: int = 0
    repairs: int = 0
    secrets: int = 0

    @property
    def more(self) -> bool:
        """Whether there may be more to delete: call again, in another transaction."""
        return any(getattr(self, field.name) >= AT_ONCE for field in fields(self))


def prune(session: Session, keep: Keep, now: datetime) -> Pruned:
    """Delete what ended, was cleared or was written longer ago than it is kept; the oldest first.

    What still stands stays, however old: findings not cleared, pushes waiting, running or stalled.
    The last revision stays too, and those after the first one that stays: a rollback needs them all.
    """
    pushes = and_(_PUSHES.c.ended_at.is_not(None), _PUSHES.c.state != "stalled")
    return Pruned(
        revisions=_revisions(session, keep.revisions, now),
        audit=_aged(session, _AUDIT, _AUDIT.c.at, keep.audit, now),
        pushes=_aged(session, _PUSHES, _PUSHES.c.ended_at, keep.pushes, now, pushes),
        findings=_aged(session, _FINDINGS, _FINDINGS.c.cleared_at, keep.findings, now),
        runs=_aged(session, _RUNS, _RUNS.c.ended_at, keep.runs, now),
        repairs=_aged(session, _REPAIRS, _REPAIRS.c.ended_at, keep.repairs, now),
        rollouts=_aged(session, _ROLLOUTS, _ROLLOUTS.c.ended_at, keep.rollouts, now),
        secrets=_secrets(session),
    )


def _aged(
    session: Session,
    table: Table,
    column: ColumnElement[datetime | None],
    kept: timedelta | None,
    now: datetime,
    also: ColumnElement[bool] | None = None,
) -> int:
    if kept is None:
        return 0
    old = column < now - kept if also is None else and_(column < now - kept, also)
    return _delete(session, table, table.c.id, old)


def _delete(session: Session, table: Table, number: ColumnElement[int], which: ColumnElement[bool]) -> int:
    some = session.scalars(select(number).where(which).order_by(number).limit(AT_ONCE)).all()
    if some:
        session.execute(delete(table).where(number.in_(some)))
    return len(some)


def _revisions(session: Session, kept: timedelta | None, now: datetime) -> int:
    if kept is None:
        return 0
    # The clock may have gone back: what counts is the first revision that is young enough.
    first = session.scalar(select(func.min(_REVISIONS.c.number)).where(_REVISIONS.c.at >= now - kept))
    last = session.scalar(select(func.max(_REVISIONS.c.number)))
    below = first if first is not None else last
    return (
        0 if below is None else _delete(session, _REVISIONS, _REVISIONS.c.number, _REVISIONS.c.number < below)
    )


def _secrets(session: Session) -> int:
    """Delete versions that neither a row nor a revision kept refers to.

    The highest version of a secret stays while one of its versions is in use, so that no version is
    ever given twice.
    """
    oldest = session.scalar(select(func.min(_REVISIONS.c.number)))
    if oldest is None:
        return 0
    other = _SECRETS.alias("other")
    same = other.c.id == _SECRETS.c.id
    higher = exists().where(same, other.c.version > _SECRETS.c.version)
    in_use = exists().where(same, other.c.superseded.is_(None))
    found = session.execute(
        select(_SECRETS.c.id, _SECRETS.c.version)
        .where(_SECRETS.c.superseded < oldest, or_(higher, ~in_use))
        .limit(AT_ONCE)
    ).all()
    for number, version in found:
        session.execute(delete(_SECRETS).where(_SECRETS.c.id == number, _SECRETS.c.version == version))
    return len(found)
