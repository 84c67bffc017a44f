"""Which nodes a revision concerns, and what of theirs it touches. Pure but for what users need.

A node that is told the same as before, or needs no command for what changed (an uncached user, the
dialplan, a document fetched for each use), gets nothing. Only managed nodes get anything.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeAlias, TypeVar

from controlplane.desired.catalog import Catalog, rank
from controlplane.desired.values import (
    GLOBAL,
    Acl,
    Document,
    Domain,
    Gateway,
    Key,
    Node,
    NodeMode,
    Noun,
    Profile,
    Scope,
    Stored,
    Text,
    User,
    Value,
)
from controlplane.desired.variables import Variables, acl_with, referred, texts_of, texts_of_acl
from controlplane.push.documents import How, way
from controlplane.push.touches import EVERYTHING, CacheKey, Touches

P = TypeVar("P", Domain, Profile, Acl)

Versions: TypeAlias = tuple[tuple[str, Text], ...]
"""Variables that are put into something, as they stand; sealed ones by reference."""

_CREDENTIALS = ("password", "a1-hash")

_TEXTS: Mapping[Noun, Callable[[Any], Iterable[str]]] = {
    Noun.GATEWAY: lambda value: texts_of(value.params, value.variables),
    Noun.PROFILE: lambda value: texts_of(value.params),
    Noun.ACL: texts_of_acl,
    Noun.DOCUMENT: lambda value: (value.xml,),
}
"""Where references to variables may stand in what a running node holds."""


class Change(Protocol):
    """A row's key and its values before and after; None: it was not, or is no more, there."""

    @property
    def key(self) -> Key:
        """Which row."""

    @property
    def before(self) -> Value | None:
        """As it was."""

    @property
    def after(self) -> Value | None:
        """As it is."""


class CachedUsers(Protocol):
    """Knows of users what the catalog does not."""

    def __call__(self, domain_id: int) -> bool:
        """Whether any user of the domain has a `cacheable` of his own."""


def effects(
    changes: Sequence[Change],
    before: Catalog,
    after: Catalog,
    cached_users: CachedUsers,
    *,
    drop_registrations: bool = False,
) -> dict[str, Touches]:
    """What the changes touch, by node; nodes without any are left out.

    `drop_registrations`: of users whose password changed, and of those who are no more.
    """
    affected = _Affected(before, after, cached_users, drop_registrations)
    for change in changes:
        affected.add(change)
    return {node: touches for node, touches in affected.touched().items() if touches}


def cached_by(user: User) -> frozenset[CacheKey]:
    """Every key under which a node may hold the user.

    Asked by `id` FreeSWITCH also takes one whose number-alias matches (switch_xml.c, find_user_in_tag)
    and keeps him under the name that was asked for.
    """
    keys = {CacheKey("id", user.name, user.domain)}
    if user.number_alias is not None:
        keys |= {
            CacheKey("id", user.number_alias, user.domain),
            CacheKey("number-alias", user.number_alias, user.domain),
        }
    return frozenset(keys)


@dataclass(slots=True)
class _Affected:
    """Changes sorted by what they need; only rows of the names that changed are ever looked at."""

    before: Catalog
    after: Catalog
    cached_users: CachedUsers
    drop_registrations: bool
    names: dict[Noun, set[str]] = field(default_factory=lambda: defaultdict(set))
    scopes: set[Scope] = field(default_factory=set)
    users: list[tuple[Key, User | None, User | None]] = field(default_factory=list)
    groups: set[tuple[str, Scope]] = field(default_factory=set)
    nodes: dict[str, tuple[Node | None, Node | None]] = field(default_factory=dict)
    cached: dict[int, bool] = field(default_factory=dict)

    def add(self, change: Change) -> None:
        key = change.key
        match key.noun:
            case Noun.NODE:
                was = change.before if isinstance(change.before, Node) else None
                now = change.after if isinstance(change.after, Node) else None
                self.nodes[key.name] = (was, now)
                return
            case Noun.CONTEXT | Noun.EXTENSION | Noun.LANGUAGE | Noun.CHATPLAN:
                return
            case Noun.USER:
                was_user = change.before if isinstance(change.before, User) else None
                is_user = change.after if isinstance(change.after, User) else None
                self.users.append((key, was_user, is_user))
                self.names[Noun.DOMAIN].add(key.parent)
            case Noun.GROUP:
                self.groups.add((key.parent, key.scope))
                self.names[Noun.DOMAIN].add(key.parent)
            case Noun.VARIABLE:
                self.names[key.noun].add(key.name)
                self._refer(key.name)
            case Noun.DOCUMENT:
                if way(key.name).how is How.NOTHING:
                    return
                self.names[key.noun].add(key.name)
            case _:
                self.names[key.noun].add(key.name)
        self.scopes.add(key.scope)

    def _refer(self, variable: str) -> None:
        """Whatever refers to the variable may be told in another way now."""
        for catalog in (self.before, self.after):
            for noun, texts in _TEXTS.items():
                self.names[noun] |= {
                    row.value.name
                    for row in catalog.rows(noun).values()
                    if variable in referred(texts(row.value))
                    and not (noun is Noun.DOCUMENT and way(row.value.name).how is How.NOTHING)
                }

    def touched(self) -> dict[str, Touches]:
        was, now = _Rows(self.before, self.names), _Rows(self.after, self.names)
        found = {}
        for row in self.after.nodes.values():
            node = row.value
            if node.mode is not NodeMode.MANAGED:
                continue
            earlier = self.before.nodes.get(row.value.key)
            if node.name in self.nodes and _seen_anew(*self.nodes[node.name]):
                found[node.name] = self._anew(node, self.nodes[node.name][0])
            elif any(rank(node, scope) is not None for scope in self.scopes):
                old = earlier.value if earlier is not None else node
                found[node.name] = _Node(self, _Told(old, was), _Told(node, now)).touches()
        return found

    def _anew(self, node: Node, was: Node | None) -> Touches:
        """All of it: users that the node keeps may be others now, and profiles that it had from us go."""
        ours = was is not None and was.mode is NodeMode.MANAGED
        lay = _open(self.before.variables_of(was)) if ours and was is not None else {}
        lie = _open(self.after.variables_of(node))
        gone = (
            self.before.view(node.name).profiles.keys() - self.after.view(node.name).profiles.keys()
            if ours
            else frozenset[str]()
        )
        set_anew = frozenset(name for name in lie if lie[name] != lay.get(name))
        return Touches(profiles=frozenset(gone), variables=set_anew, flush_all=True, everything=True)

    def keeps_users(self, domain: Stored[Domain] | None) -> bool:
        """Whether nodes may hold users of the domain."""
        if domain is None:
            return False
        if domain.value.cacheable:
            return True
        if domain.id not in self.cached:
            self.cached[domain.id] = self.cached_users(domain.id)
        return self.cached[domain.id]


class _Rows:
    """The rows of one catalog that can matter, by noun and name, in the catalog's order."""

    def __init__(self, catalog: Catalog, names: Mapping[Noun, set[str]]) -> None:
        self._catalog = catalog
        self._found: dict[Noun, dict[str, list[Stored[Any]]]] = {}
        for noun in (Noun.DOMAIN, Noun.GATEWAY, Noun.DOCUMENT):
            self._found[noun] = _by_name(catalog.rows(noun).values(), names.get(noun, set()))
        # What names a domain is looked up from these, so all of them are needed; they are few.
        for noun in (Noun.PROFILE, Noun.ACL):
            self._found[noun] = _by_name(catalog.rows(noun).values(), None)

    def variables_of(self, node: Node) -> Variables:
        return self._catalog.variables_of(node)

    def of(self, noun: Noun, name: str) -> Sequence[Stored[Any]]:
        return self._found[noun].get(name, ())

    def names(self, noun: Noun) -> Iterable[str]:
        return self._found[noun]


class _Told:
    """What one node is told of these rows."""

    def __init__(self, node: Node, rows: _Rows) -> None:
        self._node = node
        self._rows = rows
        self._variables = rows.variables_of(node)

    def _best(self, noun: Noun, name: str) -> Stored[Any] | None:
        best: tuple[int, Stored[Any]] | None = None
        for row in self._rows.of(noun, name):
            if noun is Noun.GATEWAY and row.value.placed_on not in (None, self._node.name):
                continue
            ranked = rank(self._node, row.value.key.scope)
            if ranked is not None and (best is None or ranked < best[0]):
                best = (ranked, row)
        return best[1] if best is not None else None

    def domain(self, name: str) -> Stored[Domain] | None:
        return self._best(Noun.DOMAIN, name)

    def gateway(self, name: str) -> tuple[Gateway, Versions] | None:
        row: Stored[Gateway] | None = self._best(Noun.GATEWAY, name)
        if row is None or self._best(Noun.PROFILE, row.value.profile) is None:
            return None
        return replace(row.value, scope=GLOBAL, placed_on=None), self._put_into(row.value)

    def profile(self, name: str) -> Profile | None:
        return _plain(self._best(Noun.PROFILE, name))

    def put_into(self, profile: Profile | None) -> Versions:
        """The variables that are put into the profile."""
        return self._put_into(profile) if profile is not None else ()

    def acl(self, name: str) -> Acl | None:
        acl = _plain(self._best(Noun.ACL, name))
        return acl_with(acl, self._variables) if acl is not None else None

    def document(self, name: str) -> tuple[Any, ...] | None:
        row = self._best(Noun.DOCUMENT, name)
        return (row.value.xml, row.value.secrets, self._put_into(row.value)) if row is not None else None

    def variable(self, name: str) -> str | None:
        """What lies open on the node under that name; None: nothing of ours does."""
        return _open(self._variables).get(name)

    def _put_into(self, value: Gateway | Profile | Document) -> Versions:
        names = referred(_TEXTS[value.key.noun](value)) if self._variables else ()
        return tuple(
            (name, self._variables[name].value.value) for name in sorted(names) if name in self._variables
        )

    def profiles_parsing(self, domain: str) -> bool:
        """Whether a profile takes gateways from the domain's users."""
        return any(
            each.parse and each.name in ("all", domain)
            for found in self._profiles()
            for each in found.domains
        )

    def profiles_naming(self, domain: str) -> frozenset[str]:
        """The profiles that take the domain, by its name or with all."""
        return frozenset(
            found.name
            for found in self._profiles()
            for each in found.domains
            if each.name == domain or each.name == "all"
        )

    def lists_naming(self, domain: str) -> frozenset[str]:
        """The ACL lists with an entry for the domain."""
        return frozenset(
            name
            for name in self._rows.names(Noun.ACL)
            if (found := self.acl(name)) is not None
            and any(entry.domain == domain for entry in found.entries)
        )

    def _profiles(self) -> list[Profile]:
        found = (self.profile(name) for name in self._rows.names(Noun.PROFILE))
        return [profile for profile in found if profile is not None]


@dataclass(frozen=True, slots=True)
class _Node:
    """One node, before and after."""

    affected: _Affected
    was: _Told
    now: _Told

    def touches(self) -> Touches:
        names = self.affected.names
        found = Touches(
            gateways=frozenset(
                name
                for name in names.get(Noun.GATEWAY, ())
                if self.was.gateway(name) != self.now.gateway(name)
            ),
            acls=frozenset(
                name for name in names.get(Noun.ACL, ()) if self.was.acl(name) != self.now.acl(name)
            ),
            documents=frozenset(
                name
                for name in names.get(Noun.DOCUMENT, ())
                if self.was.document(name) != self.now.document(name)
            ),
            # What is gone stays: it may be the node's own as well.
            variables=frozenset(
                name
                for name in names.get(Noun.VARIABLE, ())
                if self.now.variable(name) not in (None, self.was.variable(name))
            ),
        )
        for name in sorted(names.get(Noun.PROFILE, ())):
            found = found.merge(self._profile(name))
        for name in sorted(names.get(Noun.DOMAIN, ())):
            found = found.merge(self._domain(name))
        for key, was, now in self.affected.users:
            found = found.merge(self._user(key, was, now))
        return found

    def _profile(self, name: str) -> Touches:
        was, now = self.was.profile(name), self.now.profile(name)
        if was == now and self.was.put_into(was) == self.now.put_into(now):
            return Touches()
        if was is not None and now is not None and _parsed(was) != _parsed(now):
            return EVERYTHING  # users' gateways come or go
        return Touches(profiles=frozenset({name}))

    def _domain(self, name: str) -> Touches:
        was, now = self.was.domain(name), self.now.domain(name)
        flush = self.affected.keeps_users(was) and (
            _plain(was) != _plain(now)
            or (was is not None and (name, was.value.scope) in self.affected.groups)
        )
        found = Touches(flush_all=flush)
        if (was.id if was is not None else None) == (now.id if now is not None else None):
            return found
        # Another row: other users, so other networks and gateways.
        found = found.merge(
            Touches(
                acls=self.was.lists_naming(name) | self.now.lists_naming(name),
                profiles=self.now.profiles_naming(name),
            )
        )
        if was is not None and self.now.profiles_parsing(name):
            found = found.merge(EVERYTHING)
        return found

    def _user(self, key: Key, was: User | None, now: User | None) -> Touches:
        own = [
            domain
            for told in (self.was, self.now)
            if (domain := told.domain(key.parent)) is not None and domain.value.scope == key.scope
        ]
        if not own:
            return Touches()
        found = Touches()
        if was is not None and any(_kept(user, own) for user in (was, now) if user is not None):
            keys = cached_by(was) | (cached_by(now) if now is not None else frozenset())
            found = Touches(flushes=keys)
        if self.affected.drop_registrations and was is not None and _lets_in(was) != _lets_in(now):
            names = {was.name, was.number_alias or was.name}
            found = found.merge(Touches(registrations=frozenset(f"{name}@{was.domain}" for name in names)))
        if _cidr(was) != _cidr(now):
            found = found.merge(Touches(acls=self.now.lists_naming(key.parent)))
        changed = _user_gateways(was, now)
        if changed and self.now.profiles_parsing(key.parent):
            found = found.merge(Touches(gateways=changed))
        return found


def _open(variables: Variables) -> dict[str, str]:
    """Values by name, of those that are not sealed."""
    return {name: row.value.value for name, row in variables.items() if isinstance(row.value.value, str)}


def _kept(user: User, domains: Iterable[Stored[Domain]]) -> bool:
    if user.cacheable is not None:
        return bool(user.cacheable)
    return any(domain.value.cacheable for domain in domains)


def _lets_in(user: User | None) -> tuple[object, ...] | None:
    """What he registers with (sofia_reg.c, sofia_reg_parse_auth)."""
    if user is None:
        return None
    return user.a1_hashes, *(param for param in user.params if param.name.lower() in _CREDENTIALS)


def _cidr(user: User | None) -> tuple[str, str] | None:
    """What a network list holds of a user: his name too, as the token of his entry."""
    return (user.name, user.cidr) if user is not None and user.cidr is not None else None


def _user_gateways(was: User | None, now: User | None) -> frozenset[str]:
    before = {gateway.name: gateway for gateway in (was.gateways if was is not None else ())}
    after = {gateway.name: gateway for gateway in (now.gateways if now is not None else ())}
    return frozenset(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


def _parsed(profile: Profile) -> frozenset[str]:
    return frozenset(domain.name for domain in profile.domains if domain.parse)


def _seen_anew(was: Node | None, now: Node | None) -> bool:
    """Whether a node is told of, or commanded, in another way than before."""
    if now is None:
        return False
    return was is None or was.mode is not now.mode or was.groups != now.groups


def _plain(row: Stored[P] | None) -> P | None:
    """The value as a node is told it: for whom it stands does not show there."""
    return replace(row.value, scope=GLOBAL) if row is not None else None


def _by_name(rows: Iterable[Stored[Any]], names: set[str] | None) -> dict[str, list[Stored[Any]]]:
    found: dict[str, list[Stored[Any]]] = {}
    for row in rows:
        name = row.value.key.name
        if names is None or name in names:
            found.setdefault(name, []).append(row)
    return found
