"""Rows written, updated and deleted in bulk: few statements, however many rows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, delete, insert, update
from sqlalchemy.orm import Session

from controlplane.desired import reader
from controlplane.desired.rows import PARENTS, TABLES, columns
from controlplane.desired.standing import parent_key
from controlplane.desired.values import Key, Noun, Stored, User, Value
from controlplane.store import tables

_MEMBERSHIPS = tables.table(tables.MembershipRow)
_USER_GATEWAYS = tables.table(tables.UserGatewayRow)

# What stands under something goes first, and comes last.
_UP = (
    Noun.USER,
    Noun.GROUP,
    Noun.EXTENSION,
    *(noun for noun in Noun if noun not in PARENTS),
)
_DOWN = tuple(reversed(_UP))


@dataclass(frozen=True, slots=True)
class Write:
    """One row to be written: as it stands, and as it shall be (None: not). `version`: its new one."""

    key: Key
    before: Stored[Any] | None
    after: Value | None
    version: int


def write_rows(
    session: Session, revision: int, writes: Sequence[Write], parents: Mapping[Key, Stored[Any]]
) -> dict[Key, Stored[Any] | None]:
    """Carry the writes out; gives each row as it now stands.

    `parents`: the domains and contexts that stand before; those written now are found by themselves.
    """
    result: dict[Key, Stored[Any] | None] = {}
    for noun in _UP:
        gone = [write for write in writes if write.key.noun is noun and write.after is None]
        _delete(session, noun, [write.before.id for write in gone if write.before is not None])
        result.update((write.key, None) for write in gone)
    for noun in _DOWN:
        kept = [write for write in writes if write.key.noun is noun and write.after is not None]
        _insert(session, revision, noun, [write for write in kept if write.before is None], parents, result)
        _update(
            session, revision, noun, [write for write in kept if write.before is not None], parents, result
        )
    return result


def _delete(session: Session, noun: Noun, ids: Sequence[int]) -> None:
    table = TABLES[noun]
    for some in reader.chunks(ids):
        session.execute(delete(table).where(table.c.id.in_(some)))


def _insert(
    session: Session,
    revision: int,
    noun: Noun,
    writes: Sequence[Write],
    parents: Mapping[Key, Stored[Any]],
    result: dict[Key, Stored[Any] | None],
) -> None:
    if not writes:
        return
    cells = []
    values: list[Value] = []
    for write in writes:
        assert write.after is not None  # noqa: S101 - the caller's choice
        values.append(write.after)
        cells.append(
            columns(write.after, _parent_id(write.key, parents, result))
            | {"version": write.version, "revision": revision}
        )
    table = TABLES[noun]
    # By what tells rows apart, for SQLite gives ids in the rows' order only one row at a time.
    apart = [name for name in ("name", "scope", "domain_id", "context_id") if name in table.c]
    made = insert(table).returning(table.c.id, *(table.c[name] for name in apart))
    given = {tuple(rest): row_id for row_id, *rest in session.execute(made, cells)}
    ids = [given[tuple(cell[name] for name in apart)] for cell in cells]
    for write, value, row_id in zip(writes, values, ids, strict=True):
        result[write.key] = Stored(row_id, write.version, revision, value)
    if noun is Noun.USER:
        _index_users(session, zip(ids, cells, strict=True))


def _update(
    session: Session,
    revision: int,
    noun: Noun,
    writes: Sequence[Write],
    parents: Mapping[Key, Stored[Any]],
    result: dict[Key, Stored[Any] | None],
) -> None:
    if not writes:
        return
    table = TABLES[noun]
    cells: list[dict[str, Any]] = []
    moved: list[tuple[int, dict[str, Any]]] = []
    for write in writes:
        assert write.after is not None and write.before is not None  # noqa: S101, PT018 - the caller's choice
        mine = columns(write.after, _parent_id(write.key, parents, result))
        if isinstance(write.after, User) and _indexed(write.after) != _indexed(write.before.value):
            moved.append((write.before.id, mine))
        cells.append(mine | {"version": write.version, "revision": revision, "row_id": write.before.id})
        result[write.key] = Stored(write.before.id, write.version, revision, write.after)
    names = [name for name in cells[0] if name != "row_id"]
    statement = (
        update(table)
        .where(table.c.id == bindparam("row_id"))
        .values({name: bindparam(name, type_=table.c[name].type) for name in names})
    )
    session.execute(statement, cells)
    if moved:
        ids = [row_id for row_id, _ in moved]
        for index in (_MEMBERSHIPS, _USER_GATEWAYS):
            for some in reader.chunks(ids):
                session.execute(delete(index).where(index.c.user_id.in_(some)))
        _index_users(session, moved)


def _parent_id(
    key: Key, parents: Mapping[Key, Stored[Any]], result: Mapping[Key, Stored[Any] | None]
) -> int | None:
    above = parent_key(key)
    if above is None:
        return None
    parent = result.get(above) or parents[above]
    return parent.id


def _indexed(user: User) -> tuple[object, ...]:
    return user.groups, tuple(gateway.name for gateway in user.gateways)


def _index_users(session: Session, users: Iterable[tuple[int, Mapping[str, Any]]]) -> None:
    memberships: list[dict[str, Any]] = []
    gateways: list[dict[str, Any]] = []
    for row_id, cells in users:
        domain_id = cells["domain_id"]
        memberships += [
            {"user_id": row_id, "group_name": name, "position": place, "domain_id": domain_id}
            for place, name in enumerate(cells["groups"])
        ]
        gateways += [
            {"user_id": row_id, "name": one["name"], "domain_id": domain_id} for one in cells["gateways"]
        ]
    if memberships:
        session.execute(insert(_MEMBERSHIPS), memberships)
    if gateways:
        session.execute(insert(_USER_GATEWAYS), gateways)
