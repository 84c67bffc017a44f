"""Which answers a change makes stale."""

from collections.abc import Collection, Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from controlplane.answers.configuration import SOFIA
from controlplane.answers.render import user_tokens
from controlplane.desired.catalog import Catalog
from controlplane.desired.values import Gateway, Key, Noun, Profile, User, Value


class Change(Protocol):
    """A row's key and its values before and after; None: it was not, or is no more, there."""

    @property
    def key(self) -> Key:
        """Which row."""

    @property
    def row_id(self) -> int:
        """The row's id."""

    @property
    def before(self) -> Value | None:
        """As it was."""

    @property
    def after(self) -> Value | None:
        """As it is."""


@dataclass(frozen=True, slots=True)
class Stale:
    """What changes make stale. Of users and extensions it holds names alone, however many changed.

    `routes`: whether a row of the catalog is among them. `sources`, `users`: the tokens (see below).
    `nodes` (names) and `gateways` (row ids): those that are no more.
    """

    routes: bool
    sources: frozenset[Hashable]
    users: frozenset[Hashable]
    nodes: frozenset[str] = frozenset()
    gateways: frozenset[int] = frozenset()


def stale(changes: Iterable[Change], catalogs: Collection[Catalog]) -> Stale:
    """Say what is stale after these changes. `catalogs`: the ones before and after."""
    changes = tuple(changes)
    gone = [change for change in changes if change.after is None]
    return Stale(
        any(change.key.noun not in (Noun.USER, Noun.EXTENSION) for change in changes),
        frozenset(token for change in changes for token in sources(change, catalogs)),
        frozenset(token for change in changes for token in users(change, catalogs)),
        frozenset(change.key.name for change in gone if change.key.noun is Noun.NODE),
        frozenset(change.row_id for change in gone if change.key.noun is Noun.GATEWAY),
    )


def sources(change: Change, catalogs: Collection[Catalog]) -> Iterator[Hashable]:
    """The guarded sources (`render.guards`) that changed. `catalogs`: the ones before and after."""
    key = change.key
    match key.noun:
        case Noun.NODE:
            yield ("node", key.name)
        case Noun.DOMAIN:
            yield "gateways"
            yield from _of(catalogs, "domain", "domains", key)
        case Noun.GROUP:
            yield from _of(catalogs, "domain", "domains", _parent(Noun.DOMAIN, key))
        case Noun.USER:
            yield from _of(catalogs, "users", "domains", _parent(Noun.DOMAIN, key))
            if any(isinstance(user, User) and user.gateways for user in (change.before, change.after)):
                yield "gateways"
        case Noun.PROFILE | Noun.GATEWAY:
            yield ("sofia", "")
            for value in (change.before, change.after):
                if isinstance(value, Profile):
                    yield ("sofia", value.name)
                elif isinstance(value, Gateway):
                    yield ("sofia", value.profile)
        case Noun.ACL:
            yield "acl"
        case Noun.CONTEXT:
            yield "contexts"
            yield from _of(catalogs, "context", "contexts", key)
        case Noun.EXTENSION:
            yield "contexts"
            yield from _of(catalogs, "context", "contexts", _parent(Noun.CONTEXT, key))
        case Noun.DOCUMENT:
            yield from _of(catalogs, "document", "documents", key)
            if key.name == SOFIA:
                yield "sofia settings"
        case Noun.LANGUAGE:
            yield "languages"
            yield from _of(catalogs, "language", "languages", key)
        case Noun.CHATPLAN:
            yield "chatplans"
            yield from _of(catalogs, "chatplan", "chatplans", key)
        case Noun.VARIABLE:
            yield "acl"  # all else is kept under keys that say which values were put in


def users(change: Change, catalogs: Collection[Catalog]) -> Iterator[Hashable]:
    """The names under which a changed user's own answers are kept, old and new."""
    if change.key.noun is Noun.USER:
        for _, domain in _of(catalogs, "", "domains", _parent(Noun.DOMAIN, change.key)):
            for value in (change.before, change.after):
                if isinstance(value, User):
                    yield from user_tokens(domain, value)


def _of(catalogs: Collection[Catalog], token: str, table: str, key: Key) -> Iterator[tuple[str, int]]:
    """The row ids that the key has had."""
    for catalog in catalogs:
        row = getattr(catalog, table).get(key)
        if row is not None:
            yield (token, row.id)


def _parent(noun: Noun, key: Key) -> Key:
    return Key(noun, key.parent, scope=key.scope)
