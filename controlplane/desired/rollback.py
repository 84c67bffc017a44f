"""Back to an earlier revision, or behind a single one: which rows it had, password versions included."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from controlplane.desired import checks, codec, sealing
from controlplane.desired.catalog import Catalog
from controlplane.desired.directives import NONE, Allowed
from controlplane.desired.errors import Conflict, FieldError, Invalid, NotFound
from controlplane.desired.standing import beneath, standing
from controlplane.desired.values import Document, Key, Noun, Scope, Value
from controlplane.desired.writing import Write
from controlplane.store import tables

_CHANGES = tables.table(tables.ChangeRow)
_REVISIONS = tables.table(tables.RevisionRow)


def restoring(session: Session, catalog: Catalog, *, to: int, allowed: Allowed = NONE) -> list[Write]:
    """Give the writes that bring everything back to revision `to` (0: the empty state).

    Raises NotFound, and Invalid for a document whose directives are not `allowed` any more.
    """
    kept = session.scalar(select(func.min(_REVISIONS.c.number)))
    if not 0 <= to <= catalog.revision:
        raise NotFound(f"there is no revision {to}")
    if kept is None or to < kept - 1:
        raise NotFound(
            f"revision {to} cannot be gone back to: what came after it is kept only from {kept} on"
        )
    targets, versions = _targets(session, _CHANGES.c.revision > to)
    return _bringing(session, catalog, targets, versions, allowed)


def undoing(session: Session, catalog: Catalog, *, number: int, allowed: Allowed = NONE) -> list[Write]:
    """Give the writes that take back what revision `number` changed, and nothing else.

    None where it stands as before already. Raises NotFound when the revision is not kept, Conflict when a
    row was changed again since, and as `restoring`.
    """
    wanted = select(_CHANGES).where(_CHANGES.c.revision == number)
    after = {key_of(cells): cells["after"] for cells in session.execute(wanted).mappings()}
    if not after:
        raise NotFound(f"revision {number} is not kept, or there is none")
    targets, versions = _targets(session, _CHANGES.c.revision == number)
    stands = standing(session, catalog, list(targets))
    for key, was in targets.items():
        row = stands.get(key)
        value = None if row is None else row.value
        left = None if after[key] is None else codec.from_json(key, after[key])
        if value not in (was, left):
            raise Conflict(str(key), None if row is None else row.version)
    return _bringing(session, catalog, targets, versions, allowed)


def _bringing(
    session: Session,
    catalog: Catalog,
    targets: Mapping[Key, Value | None],
    versions: Mapping[Key, int],
    allowed: Allowed,
) -> list[Write]:
    stands = standing(session, catalog, list(targets))
    writes: dict[Key, Write] = {}
    for key, value in targets.items():
        before = stands.get(key)
        if value is None:
            if before is not None:
                for row in (*beneath(session, catalog, key), before):
                    writes.setdefault(row.value.key, Write(row.value.key, row, None, row.version))
        elif before is None or before.value != value:
            version = before.version if before is not None else versions[key]
            writes[key] = Write(key, before, value, version + 1)
    wrong = tuple(
        FieldError(f"{key}: {error.field}", error.reason)
        for key, write in writes.items()
        if isinstance(write.after, Document)
        for error in checks.check(write.after, allowed)
    )
    if wrong:
        raise Invalid(wrong)
    sealing.restored(session, (write.after for write in writes.values() if write.after is not None))
    return list(writes.values())


def _targets(session: Session, which: ColumnElement[bool]) -> tuple[dict[Key, Value | None], dict[Key, int]]:
    """What each row was before the first of these changes, and the last version that it had."""
    wanted = select(_CHANGES).where(which).order_by(_CHANGES.c.revision, _CHANGES.c.position)
    targets: dict[Key, Value | None] = {}
    versions: dict[Key, int] = {}
    for cells in session.execute(wanted).mappings():
        key = key_of(cells)
        if key not in targets:
            before = cells["before"]
            targets[key] = None if before is None else codec.from_json(key, before)
        versions[key] = max(versions.get(key, 0), cells["before_version"] or 0, cells["after_version"] or 0)
    return targets, versions


def key_of(cells: Any) -> Key:
    """Read the key that a change's row names."""
    return Key(Noun(cells["noun"]), cells["name"], cells["parent"], Scope.parse(cells["scope"]))
