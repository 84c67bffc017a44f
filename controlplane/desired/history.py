"""Revisions read back."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from controlplane.desired import codec
from controlplane.desired.revisions import Author, Changed, Revision
from controlplane.desired.rollback import key_of
from controlplane.desired.values import Key, Value
from controlplane.store import tables

_CHANGES = tables.table(tables.ChangeRow)
_REVISIONS = tables.table(tables.RevisionRow)


def revisions(session: Session, *, below: int | None = None, limit: int = 50) -> tuple[Revision, ...]:
    """Give the last revisions, newest first, without their changes; `below`: those before that one."""
    wanted = select(_REVISIONS).order_by(_REVISIONS.c.number.desc()).limit(limit)
    if below is not None:
        wanted = wanted.where(_REVISIONS.c.number < below)
    return tuple(_revision(row, ()) for row in session.execute(wanted).mappings())


def revision(session: Session, number: int) -> Revision | None:
    """Give one revision with its changes."""
    row = session.execute(select(_REVISIONS).where(_REVISIONS.c.number == number)).mappings().first()
    if row is None:
        return None
    wanted = select(_CHANGES).where(_CHANGES.c.revision == number).order_by(_CHANGES.c.position)
    return _revision(row, [_changed(cells) for cells in session.execute(wanted).mappings()])


def of_row(session: Session, key: Key, *, limit: int = 50) -> tuple[tuple[int, Changed], ...]:
    """Give the last changes of one row with their revisions' numbers, newest first."""
    wanted = (
        select(_CHANGES)
        .where(
            _CHANGES.c.noun == key.noun.value,
            _CHANGES.c.parent == key.parent,
            _CHANGES.c.name == key.name,
            _CHANGES.c.scope == str(key.scope),
        )
        .order_by(_CHANGES.c.revision.desc(), _CHANGES.c.position.desc())
        .limit(limit)
    )
    return tuple((cells["revision"], _changed(cells)) for cells in session.execute(wanted).mappings())


def _revision(row: Any, changes: Sequence[Changed]) -> Revision:
    author = Author(row["actor"], row["source"], row["request_id"], row["reason"], row["token"])
    return Revision(
        number=row["number"],
        at=row["at"],
        author=author,
        changes=tuple(changes),
        digest=row["digest"],
        nodes=tuple(row["nodes"]),
        warnings=tuple(row["warnings"]),
    )


def _changed(cells: Any) -> Changed:
    key = key_of(cells)
    return Changed(
        key,
        _value(key, cells["before"]),
        _value(key, cells["after"]),
        cells["before_version"],
        cells["after_version"],
    )


def _value(key: Key, given: dict[str, Any] | None) -> Value | None:
    return None if given is None else codec.from_json(key, given)
