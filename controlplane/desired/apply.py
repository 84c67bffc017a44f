"""Carries writes out in one transaction: rows, secrets, the revision, and what nodes must be told."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from controlplane.desired import sealing
from controlplane.desired.accounts import warnings
from controlplane.desired.catalog import Catalog
from controlplane.desired.chain import GENESIS, digest
from controlplane.desired.codec import to_json
from controlplane.desired.errors import FieldError, Invalid
from controlplane.desired.references import broken
from controlplane.desired.revisions import Author, Changed, Effects, Revision
from controlplane.desired.values import Key
from controlplane.desired.writing import Write, write_rows
from controlplane.store import tables

_REVISIONS = tables.table(tables.RevisionRow)
_CHANGES = tables.table(tables.ChangeRow)


@dataclass(frozen=True, slots=True)
class Head:
    """The last revision: its number and digest."""

    number: int
    digest: str


def head(session: Session) -> Head:
    """Read the last revision's number and digest."""
    last = select(_REVISIONS.c.number, _REVISIONS.c.digest).order_by(_REVISIONS.c.number.desc()).limit(1)
    found = session.execute(last).first()
    return Head(0, GENESIS) if found is None else Head(found.number, found.digest)


def apply(
    session: Session,
    last: Head,
    before: Catalog,
    writes: Sequence[Write],
    author: Author,
    effects: Effects,
    at: datetime,
) -> tuple[Revision, Catalog]:
    """Write rows and one revision; gives it and the catalog after it. Raises Invalid.

    The passwords in the writes' values are sealed already.
    """
    number = last.number + 1
    rows = write_rows(session, number, writes, {**before.domains, **before.contexts})
    after = before.with_changes(number, rows)
    changes = tuple(_changed(write, rows[write.key]) for write in writes)
    errors = broken(session, changes, after)
    if errors:
        raise Invalid(tuple(_told(key, error, alone=len(writes) == 1) for key, error in errors))
    sealing.superseded(session, number, ((change.before, change.after) for change in changes))
    told = tuple(warnings(changes, after))
    nodes = tuple(sorted(effects(session, number, changes, before, after, author)))
    cells = [_cells(change) for change in changes]
    made = digest(last.digest, number, at, author, cells, nodes, told)
    session.execute(
        insert(_REVISIONS).values(
            number=number,
            at=at,
            actor=author.actor,
            token=author.token,
            source=author.source,
            request_id=author.request_id,
            reason=author.reason,
            nodes=list(nodes),
            warnings=list(told),
            previous=last.digest,
            digest=made,
        )
    )
    session.execute(
        insert(_CHANGES), [cell | {"revision": number, "position": place} for place, cell in enumerate(cells)]
    )
    return Revision(number, at, author, changes, made, nodes, told), after


def _told(key: Key, error: FieldError, *, alone: bool) -> FieldError:
    return error if alone else replace(error, field=f"{key}: {error.field}".removesuffix(": "))


def _changed(write: Write, row: Any) -> Changed:
    before = write.before
    return Changed(
        key=write.key,
        before=None if before is None else before.value,
        after=write.after,
        before_version=None if before is None else before.version,
        after_version=None if row is None else row.version,
        row_id=row.id if row is not None else before.id if before is not None else 0,
    )


def _cells(change: Changed) -> dict[str, Any]:
    return {
        "noun": change.key.noun.value,
        "name": change.key.name,
        "parent": change.key.parent,
        "scope": str(change.key.scope),
        "before": None if change.before is None else to_json(change.before),
        "after": None if change.after is None else to_json(change.after),
        "before_version": change.before_version,
        "after_version": change.after_version,
    }
