"""From a path and `?scope=` to the one row that is meant.

Rows may share a name when they stand for different nodes. Without `?scope=` the only row of
that name is meant; with several the caller is told their scopes (409) and has to choose.
"""

from dataclasses import dataclass, replace
from typing import Any

from starlette.requests import Request

from api.middle import daemon_of
from api.pages import asked, cut, page_of
from api.problems import FieldProblem, Problem, bad_request, invalid, not_found
from api.resources.shapes import ResourceIn, ScopedIn
from controlplane.daemon import Daemon
from controlplane.desired import reader
from controlplane.desired.values import GLOBAL, Key, Noun, Scope, Stored
from controlplane.tenants import Tenant


@dataclass(frozen=True, slots=True)
class Where:
    """What was asked for. `name` is empty when a whole collection is; `scope` is None when not said.

    To a tenant there is only what he owns. None: the caller is none.
    """

    noun: Noun
    name: str
    parent_noun: Noun | None
    parent: str
    scope: Scope | None
    tenant: Tenant | None

    def sees(self, key: Key) -> bool:
        """Say whether the row is there for the caller."""
        return self.tenant is None or self.tenant.owns(key)

    def __str__(self) -> str:
        path = f"{self.parent}/{self.name}" if self.parent else self.name
        return f"{self.noun} {path!r}" + (f" ({self.scope})" if self.scope is not None else "")


def scope_asked(request: Request, sent: ResourceIn | None = None) -> Scope | None:
    """Read the scope from `?scope=` or the body, which must agree; raises `Problem` 400 or 422."""
    asked = request.query_params.get("scope")
    said = sent.scope if isinstance(sent, ScopedIn) else None
    try:
        scope = None if asked is None else Scope.parse(asked)
    except ValueError as error:
        raise bad_request("scope", str(error)) from None
    try:
        other = None if said is None else Scope.parse(said)
    except ValueError as error:
        raise invalid([FieldProblem("scope", str(error))]) from None
    if scope is not None and other is not None and scope != other:
        raise invalid([FieldProblem("scope", f"?scope= says {scope}")])
    return scope if scope is not None else other


async def one(daemon: Daemon, where: Where) -> Stored[Any]:
    """Give the row that is meant; raises `Problem` 404, or 409 when several are."""
    found = await one_or_none(daemon, where)
    if found is None:
        raise not_found(str(where))
    return found


async def one_or_none(daemon: Daemon, where: Where) -> Stored[Any] | None:
    """Give the row that is meant, or None; raises `Problem` 404 for its parent, 409 when several are."""
    parent = parent_of(daemon, where)
    if not where.name.isprintable():
        return None  # what no row can be named, and what PostgreSQL would not even compare
    if parent is None:
        return _the_one(daemon.desired.catalog.named(where.noun, where.name), where, where.scope)
    parent_id = parent.id
    match where.noun:
        case Noun.USER:
            return await daemon.store.read(lambda s: reader.user(s, parent_id, where.name, alias=False))
        case Noun.EXTENSION:
            return await daemon.store.read(lambda s: reader.extension(s, parent_id, where.name))
        case _:
            rows = daemon.desired.catalog.named(where.noun, where.name, where.parent)
            return _the_one(rows, where, parent.value.key.scope)


def parent_of(daemon: Daemon, where: Where) -> Stored[Any] | None:
    """Give the row that it stands under, None when its noun has none; raises `Problem` 404 or 409."""
    if where.parent_noun is None:
        return None
    above = replace(where, noun=where.parent_noun, name=where.parent, parent_noun=None, parent="")
    found = _the_one(daemon.desired.catalog.named(above.noun, above.name), above, where.scope)
    if found is None:
        raise not_found(str(above))
    return found


def key(where: Where, parent: Stored[Any] | None, stands: Stored[Any] | None = None) -> Key:
    """Say which row a write is to: the one that stands, or a new one, global unless said."""
    if stands is not None:
        found: Key = stands.value.key
        return found
    scope = where.scope if where.scope is not None else GLOBAL
    return Key(where.noun, where.name, where.parent, parent.value.key.scope if parent is not None else scope)


async def listed(request: Request, where: Where) -> tuple[list[Stored[Any]], str | None]:
    """Give the page that was asked for, and the cursor of the next one; raises `Problem` as `one` does.

    Extensions come in their order, everything else by name, then by scope.
    """
    daemon = daemon_of(request)
    parent = parent_of(daemon, where)
    match where.noun, parent:
        case Noun.USER, Stored(id=parent_id):
            page = asked(request, str)
            after = str(page.after[0]) if page.after is not None else None
            # One more than the page holds tells whether another one follows.
            limit = page.limit + 1
            users = await daemon.store.read(
                lambda s: reader.users_page(s, parent_id, after=after, limit=limit)
            )
            return page_of(list(users), page, lambda row: (row.value.name,))
        case Noun.EXTENSION, Stored(id=parent_id):
            page = asked(request, int, str)
            extensions = await daemon.store.read(lambda s: reader.extensions(s, parent_id))
            return cut(extensions, page, lambda row: (row.value.position, row.value.name))
        case _:
            page = asked(request, str, str)
            scope = parent.value.key.scope if parent is not None else where.scope
            rows = (
                row
                for key, row in daemon.desired.catalog.rows(where.noun).items()
                if key.parent == where.parent and scope in (None, key.scope) and where.sees(key)
            )
            return cut(rows, page, lambda row: (row.value.name, str(row.value.key.scope)))


def _the_one(rows: tuple[Stored[Any], ...], where: Where, scope: Scope | None) -> Stored[Any] | None:
    keys = ((row, row.value.key) for row in rows)
    rows = tuple(row for row, key in keys if scope in (None, key.scope) and where.sees(key))
    if len(rows) > 1:
        scopes = [str(row.value.key.scope) for row in rows]
        detail = f"there are several of {where}: say which one with ?scope="
        raise Problem(409, "ambiguous", detail, extra={"scopes": scopes})
    return rows[0] if rows else None
