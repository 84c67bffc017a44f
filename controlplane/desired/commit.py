"""From what a writer asks for to the writes that do it: preconditions, checks, seals."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from controlplane.desired import checks, codec, sealing
from controlplane.desired.catalog import Catalog
from controlplane.desired.directives import NONE, Allowed
from controlplane.desired.errors import AlreadyExists, Conflict, FieldError, Invalid, NotFound
from controlplane.desired.revisions import ChangeSet, Delete, Item, Put
from controlplane.desired.standing import beneath, parent_key, standing
from controlplane.desired.values import Key, Stored, Value
from controlplane.desired.writing import Write
from controlplane.store.vault import Vault


def planned(
    session: Session, vault: Vault, catalog: Catalog, changeset: ChangeSet, allowed: Allowed = NONE
) -> list[Write]:
    """Give the writes that a change set comes to; none when all stands as asked.

    `allowed`: directives that documents may hold. Raises Invalid, Conflict, NotFound or
    AlreadyExists; seals new passwords.
    """
    items = changeset.items
    keys = [item.key for item in items]
    if len(set(keys)) < len(keys):
        raise Invalid((FieldError("", "a change set names a row twice"),))
    stands = dict(standing(session, catalog, keys))
    for item in items:
        _precondition(item, stands.get(item.key))
    deletes = _deletes(session, catalog, items, stands)
    puts = [item for item in items if isinstance(item, Put)]
    alone = len(items) == 1
    _parents([put.key for put in puts], catalog, deletes, alone=alone)
    values = _read(puts, allowed, alone=alone)
    sealed, wrong = sealing.seal(
        session,
        vault,
        [(value, _value(stands.get(put.key))) for put, value in zip(puts, values, strict=True)],
    )
    _refuse(zip(keys_of(puts), wrong, strict=True), alone=alone)
    writes = [Write(key, row, None, row.version) for key, row in deletes.items()]
    for put, value in zip(puts, sealed, strict=True):
        before = stands.get(put.key)
        if before is None or before.value != value:
            writes.append(Write(put.key, before, value, before.version + 1 if before else 1))
    return writes


def keys_of(puts: Sequence[Put]) -> list[Key]:
    """Give their keys."""
    return [put.key for put in puts]


def _precondition(item: Item, row: Stored[Any] | None) -> None:
    if item.if_match is not None and (row is None or row.version != item.if_match):
        raise Conflict(str(item.key), None if row is None else row.version)
    create = item.create if isinstance(item, Put) else False
    if create is True and row is not None:
        raise AlreadyExists(f"{item.key} exists already")
    if create is False and row is None:
        raise NotFound(f"{item.key} does not exist")


def _deletes(
    session: Session, catalog: Catalog, items: Sequence[Item], stands: Mapping[Key, Stored[Any]]
) -> dict[Key, Stored[Any]]:
    """The rows to delete with what stands under them, which comes first."""
    deletes: dict[Key, Stored[Any]] = {}
    for item in items:
        if isinstance(item, Delete):
            for row in beneath(session, catalog, item.key):
                deletes.setdefault(row.value.key, row)
            deletes.setdefault(item.key, stands[item.key])
    return deletes


def _parents(keys: Sequence[Key], catalog: Catalog, deletes: Mapping[Key, object], *, alone: bool) -> None:
    """Refuse rows under a domain or context that will not stand."""
    put = set(keys)
    wrong = []
    for key in keys:
        above = parent_key(key)
        if above is None or above in put:
            continue
        if above in deletes or above not in catalog.rows(above.noun):
            wrong.append((key, [FieldError(above.noun.value, f"there is no {above}")]))
    _refuse(wrong, alone=alone)


def _read(puts: Sequence[Put], allowed: Allowed, *, alone: bool) -> list[Value]:
    values: list[Value] = []
    wrong: list[tuple[Key, Sequence[FieldError]]] = []
    for put in puts:
        try:
            value = codec.from_json(put.key, put.spec)
        except Invalid as error:
            wrong.append((put.key, error.errors))
            continue
        found = checks.check(value, allowed)
        if found:
            wrong.append((put.key, found))
        else:
            values.append(checks.uniform(value))
    _refuse(wrong, alone=alone)
    return values


def _refuse(wrong: Iterable[tuple[Key, Sequence[FieldError]]], *, alone: bool) -> None:
    errors = tuple(
        error if alone else FieldError(f"{key}: {error.field}".removesuffix(": "), error.reason)
        for key, found in wrong
        for error in found
    )
    if errors:
        raise Invalid(errors)


def _value(row: Stored[Any] | None) -> Value | None:
    return None if row is None else row.value
