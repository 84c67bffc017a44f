"""The rows that a change set is about, as they stand."""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy.orm import Session

from controlplane.desired import reader
from controlplane.desired.catalog import Catalog
from controlplane.desired.rows import PARENTS
from controlplane.desired.values import Key, Noun, Stored


def parent_key(key: Key) -> Key | None:
    """Give the key of the row that a group, user or extension stands under."""
    above = PARENTS.get(key.noun)
    return None if above is None else Key(above[0], key.parent, scope=key.scope)


def standing(session: Session, catalog: Catalog, keys: Collection[Key]) -> Mapping[Key, Stored[Any]]:
    """Give those of the rows that exist; one query for each domain or context with users or extensions."""
    found: dict[Key, Stored[Any]] = {}
    below: dict[tuple[Noun, int], list[Key]] = {}
    for key in keys:
        if key.noun not in (Noun.USER, Noun.EXTENSION):
            row = catalog.rows(key.noun).get(key)
            if row is not None:
                found[key] = row
            continue
        above = parent_key(key)
        parent = catalog.rows(above.noun).get(above) if above is not None else None
        if parent is not None:
            below.setdefault((key.noun, parent.id), []).append(key)
    for (noun, row_id), wanted in below.items():
        named = {key.name: key for key in wanted}
        rows: Mapping[str, Stored[Any]] = (
            reader.users_named(session, row_id, named)
            if noun is Noun.USER
            else reader.extensions_named(session, row_id, named)
        )
        found.update((named[name], row) for name, row in rows.items())
    return found


def beneath(session: Session, catalog: Catalog, key: Key) -> tuple[Stored[Any], ...]:
    """Give the rows that stand under a domain or a context."""
    if key.noun is Noun.CONTEXT and key in catalog.contexts:
        return reader.extensions(session, catalog.contexts[key].id)
    if key.noun is Noun.DOMAIN and key in catalog.domains:
        return (*catalog.groups_of(key), *reader.users_of(session, catalog.domains[key].id))
    return ()
