"""Reads of what is not in the catalog: users, extensions, secrets, revisions.

For worker threads: each function makes the one query its name says, by an index; its cost
grows with what it gives back, not with the tables. Rows of domains and contexts are named
by the `id` of their `Stored`, which the catalog holds.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import Select, String, cast, func, select
from sqlalchemy.orm import Session

from controlplane.desired.reach import Reach, reach_from_json
from controlplane.desired.rows import TABLES, selected, stored
from controlplane.desired.values import Extension, Noun, SecretRef, Stored, User
from controlplane.store import tables
from controlplane.store.vault import Vault

T = TypeVar("T")

AT_ONCE = 10_000
"""Most values in one IN (...): SQLite takes 32766 parameters, PostgreSQL 65535."""

_USERS = TABLES[Noun.USER]
_EXTENSIONS = TABLES[Noun.EXTENSION]
_MEMBERSHIPS = tables.table(tables.MembershipRow)
_USER_GATEWAYS = tables.table(tables.UserGatewayRow)
_SECRETS = tables.table(tables.SecretRow)


def user(
    session: Session, domain_row_id: int, name: str, *, alias: bool = True, alias_first: bool = False
) -> Stored[User] | None:
    """Give the user of that name, else (with `alias`) of that number-alias; `alias_first`: the other way."""
    of_domain = _USERS.c.domain_id == domain_row_id
    by_name = select(_USERS.c.id).where(of_domain, _USERS.c.name == name)
    by_alias = select(_USERS.c.id).where(of_domain, _USERS.c.number_alias == name)
    # Not one condition with OR: SQLite then reads the whole domain.
    ids = by_name.union_all(by_alias) if alias or alias_first else by_name
    found = _users(session, selected(Noun.USER).where(_USERS.c.id.in_(ids)))
    return min(found, key=lambda row: (row.value.name == name) is alias_first, default=None)


def users_of(session: Session, domain_row_id: int, group: str | None = None) -> tuple[Stored[User], ...]:
    """Give the users of a domain, or of one of its groups, by name."""
    wanted = selected(Noun.USER).where(_USERS.c.domain_id == domain_row_id)
    if group is not None:
        wanted = wanted.join(_MEMBERSHIPS, _MEMBERSHIPS.c.user_id == _USERS.c.id).where(
            _MEMBERSHIPS.c.domain_id == domain_row_id, _MEMBERSHIPS.c.group_name == group
        )
    return _by_name(_users(session, wanted))


def known_users(session: Session, domain_row_id: int, names: Collection[str]) -> frozenset[str]:
    """Give those of these names by which, or by whose number-alias, the domain has a user."""
    of_domain = _USERS.c.domain_id == domain_row_id
    return frozenset(
        name
        for some in chunks(list(names))
        for cell in (_USERS.c.name, _USERS.c.number_alias)
        for name in session.execute(select(cell).where(of_domain, cell.in_(some))).scalars()
    )


def users_page(
    session: Session, domain_row_id: int, *, after: str | None = None, limit: int = 100
) -> tuple[Stored[User], ...]:
    """Give at most `limit` users by name, beginning after that name."""
    wanted = selected(Noun.USER).where(_USERS.c.domain_id == domain_row_id)
    if after is not None:
        wanted = wanted.where(_USERS.c.name > after)
    return tuple(_users(session, wanted.order_by(_USERS.c.name).limit(limit)))


def users_named(session: Session, domain_row_id: int, names: Collection[str]) -> dict[str, Stored[User]]:
    """Give the users of these names; one query for each ten thousand."""
    wanted = selected(Noun.USER).where(_USERS.c.domain_id == domain_row_id)
    return {
        row.value.name: row
        for some in chunks(list(names))
        for row in _users(session, wanted.where(_USERS.c.name.in_(some)))
    }


def user_with_cidr(session: Session, domain_row_id: int, cidr: str) -> Stored[User] | None:
    """Give the user of exactly that cidr, the first by name; reads those of the domain that have one."""
    found = _users(
        session, selected(Noun.USER).where(_USERS.c.domain_id == domain_row_id, _USERS.c.cidr == cidr)
    )
    return min(found, key=lambda row: row.value.name, default=None)


def users_with_cidr(session: Session, domain_row_id: int) -> tuple[Stored[User], ...]:
    """Give the users of a domain that have a cidr, by name."""
    wanted = selected(Noun.USER).where(_USERS.c.domain_id == domain_row_id, _USERS.c.cidr.is_not(None))
    return _by_name(_users(session, wanted))


def users_with_gateways(session: Session, domain_row_ids: Collection[int]) -> tuple[Stored[User], ...]:
    """Give the users of these domains that declare gateways, by name."""
    if not domain_row_ids:
        return ()
    holders = select(_USER_GATEWAYS.c.user_id).where(_USER_GATEWAYS.c.domain_id.in_(sorted(domain_row_ids)))
    return _by_name(_users(session, selected(Noun.USER).where(_USERS.c.id.in_(holders))))


def largest_user(
    session: Session, domain_row_ids: Collection[int], group: str | None = None
) -> Stored[User] | None:
    """Give the user with the most to tell, of these domains, or of a group of theirs; reads all of them."""
    cells = (_USERS.c.params, _USERS.c.variables, _USERS.c.profile_variables, _USERS.c.elements)
    wanted = select(_USERS.c.id).where(_USERS.c.domain_id.in_(sorted(domain_row_ids)))
    if group is not None:
        wanted = wanted.join(_MEMBERSHIPS, _MEMBERSHIPS.c.user_id == _USERS.c.id)
        wanted = wanted.where(_MEMBERSHIPS.c.group_name == group)
    length = sum((func.length(cast(cell, String)) for cell in cells[1:]), func.length(cast(cells[0], String)))
    found = _users(
        session, selected(Noun.USER).where(_USERS.c.id.in_(wanted.order_by(length.desc()).limit(1)))
    )
    return found[0] if found else None


def extensions(session: Session, context_row_id: int) -> tuple[Stored[Extension], ...]:
    """Give the extensions of a context in their order: by position, then by name."""
    wanted = selected(Noun.EXTENSION).where(_EXTENSIONS.c.context_id == context_row_id)
    return _in_order(stored(Noun.EXTENSION, row) for row in session.execute(wanted).mappings())


def extensions_of_ids(session: Session, row_ids: Sequence[int]) -> tuple[Stored[Extension], ...]:
    """Give those of these extensions that exist, in their order; one query for each ten thousand."""
    wanted = selected(Noun.EXTENSION)
    return _in_order(
        stored(Noun.EXTENSION, row)
        for some in chunks(row_ids)
        for row in session.execute(wanted.where(_EXTENSIONS.c.id.in_(some))).mappings()
    )


def reaches(session: Session, context_row_id: int) -> list[tuple[int, str, Reach]]:
    """Give id, name and reach of a context's extensions, in their order."""
    cells = _EXTENSIONS.c
    wanted = select(cells.id, cells.name, cells.position, cells.reach)
    found = sorted(
        session.execute(wanted.where(cells.context_id == context_row_id)),
        key=lambda row: (row.position, row.name),
    )
    return [(row.id, row.name, reach_from_json(row.reach)) for row in found]


def largest_extension(session: Session, context_row_id: int) -> Stored[Extension] | None:
    """Give the extension with the longest XML; reads all of the context's."""
    of_context = selected(Noun.EXTENSION).where(_EXTENSIONS.c.context_id == context_row_id)
    row = (
        session.execute(of_context.order_by(func.length(_EXTENSIONS.c.xml).desc()).limit(1))
        .mappings()
        .first()
    )
    return None if row is None else stored(Noun.EXTENSION, row)


def widening(session: Session, context_row_id: int) -> list[tuple[str, bool]]:
    """Give the XML of those extensions that every answer of a context holds, or that make it whole (True)."""
    cells = _EXTENSIONS.c
    wanted = select(cells.xml, cells.reach).where(cells.context_id == context_row_id, cells.widens)
    return [(row.xml, reach_from_json(row.reach).rewrites) for row in session.execute(wanted)]


def characters(session: Session, context_row_id: int) -> int:
    """Count the characters in a context's extensions; reads all of them."""
    length = select(func.sum(func.length(_EXTENSIONS.c.xml)))
    return session.scalar(length.where(_EXTENSIONS.c.context_id == context_row_id)) or 0


def extensions_named(
    session: Session, context_row_id: int, names: Collection[str]
) -> dict[str, Stored[Extension]]:
    """Give the extensions of these names; one query for each ten thousand."""
    wanted = selected(Noun.EXTENSION).where(_EXTENSIONS.c.context_id == context_row_id)
    found: dict[str, Stored[Extension]] = {}
    for some in chunks(list(names)):
        for row in session.execute(wanted.where(_EXTENSIONS.c.name.in_(some))).mappings():
            found[row["name"]] = stored(Noun.EXTENSION, row)
    return found


def extension(session: Session, context_row_id: int, name: str) -> Stored[Extension] | None:
    """Give one extension."""
    return extensions_named(session, context_row_id, [name]).get(name)


def secrets(session: Session, vault: Vault, refs: Collection[SecretRef]) -> dict[SecretRef, str]:
    """Open these secrets; one query for each ten thousand, none for none.

    Raises KeyError when one does not exist, SealBroken when one does not open.
    """
    opened = {ref: vault.open(sealed, str(ref)) for ref, sealed in _sealed(session, frozenset(refs)).items()}
    for ref in refs:
        if ref not in opened:
            raise KeyError(f"the secret {ref} does not exist")
    return opened


def counts(session: Session) -> dict[Noun, int]:
    """Count the rows of every noun."""
    numbers = [select(func.count()).select_from(table).scalar_subquery() for table in TABLES.values()]
    return dict(zip(TABLES, session.execute(select(*numbers)).one(), strict=True))


def chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """Cut into what one statement takes."""
    for start in range(0, len(items), AT_ONCE):
        yield items[start : start + AT_ONCE]


def _sealed(session: Session, refs: frozenset[SecretRef]) -> Mapping[SecretRef, bytes]:
    found: dict[SecretRef, bytes] = {}
    for ids in chunks(sorted({ref.id for ref in refs})):
        wanted = select(_SECRETS.c.id, _SECRETS.c.version, _SECRETS.c.sealed).where(_SECRETS.c.id.in_(ids))
        for number, version, sealed in session.execute(wanted):
            ref = SecretRef(number, version)
            if ref in refs:
                found[ref] = sealed
    return found


def _users(session: Session, wanted: Select[Any]) -> list[Stored[User]]:
    return [stored(Noun.USER, row) for row in session.execute(wanted).mappings()]


def _in_order(extensions: Iterable[Stored[Extension]]) -> tuple[Stored[Extension], ...]:
    # Sorted here, for databases differ in what comes after what in a text.
    return tuple(sorted(extensions, key=lambda row: (row.value.position, row.value.name)))


def _by_name(users: list[Stored[User]]) -> tuple[Stored[User], ...]:
    return tuple(sorted(users, key=lambda row: row.value.name))
