"""Reading what an answer needs, and rendering it; runs in a worker thread.

At most two queries an answer, whatever its size: the rows, and the secrets that they refer to. What
stands in the catalog costs none, so that configuration without secrets is answered with no database.
"""

from collections.abc import Collection, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Protocol

from controlplane.answers import chatplan, configuration, dialplan, directory, languages
from controlplane.answers.answer import Row
from controlplane.answers.dialect import Escape, literal
from controlplane.answers.expansion import Expansion
from controlplane.answers.fingerprint import secrets_of
from controlplane.answers.params import Opened, refs
from controlplane.answers.routes import (
    AclKey,
    ChatplanKey,
    ContextKey,
    ContextsKey,
    DocumentKey,
    DomainKey,
    EverybodyKey,
    ExtensionsKey,
    GatewaysKey,
    GroupKey,
    LanguageKey,
    Login,
    NamesKey,
    NetworkListKey,
    Routes,
    SharedKey,
    SofiaKey,
    UserKey,
)
from controlplane.desired.reach import Reach
from controlplane.desired.values import Extension, Gateway, Scope, SecretRef, Stored, User, UserGateway
from controlplane.desired.variables import refers, texts_of

LONGEST_CACHE_MS = 2_147_483
"""A longer `cacheable` overflows in the switch (switch_xml.c, switch_xml_locate_user_merged)."""

_LONGEST_NAME = 1024  # longer names are nobody's, and are not looked for


class Reader(Protocol):
    """Where rows come from; each method is one query, and `opened` with no references none."""

    def user(self, domain: int, name: str, by: str) -> Stored[User] | None:
        """The user of that id, else of that number-alias (the other way round by `number-alias`), or cidr."""

    def users(self, domain: int, group: str | None) -> Collection[Stored[User]]:
        """The users of a group, by name; of the whole domain without."""

    def users_with_cidr(self, domain: int) -> Collection[Stored[User]]:
        """The users that have a cidr."""

    def users_with_gateways(self, domains: Collection[int]) -> Collection[Stored[User]]:
        """The users that hold gateways."""

    def extensions(self, context: int) -> Collection[Stored[Extension]]:
        """Every extension."""

    def extensions_of_ids(self, extensions: Sequence[int]) -> Collection[Stored[Extension]]:
        """Those of these extensions that exist."""

    def reaches(self, context: int) -> Collection[tuple[int, str, Reach]]:
        """Id, name and reach of every extension, in order."""

    def opened(self, secrets: Collection[SecretRef]) -> Opened:
        """The texts of sealed values."""

    def mark(self, gateway: Gateway | UserGateway, opened: Opened, text: Escape = literal) -> str:
        """The gateway's fingerprint, its values as `text` writes them."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """An answer's XML, what it was made of, and the changes that make it stale.

    `names`: the variables that it refers to. `lasting`: worth keeping, for what was asked for is there.
    `cacheable`, `by_login`: as in `Answer`.
    """

    body: bytes
    rows: tuple[Row, ...]
    tokens: tuple[Hashable, ...]
    names: frozenset[str] = frozenset()
    lasting: bool = True
    cacheable: bool = False
    by_login: bool = False


def render(routes: Routes, key: SharedKey, reader: Reader) -> Rendered:
    """Render the answer of `key`. Raises Unwritable."""
    match key:
        case GroupKey():
            return _group(routes, key, reader)
        case ContextKey(context=context):
            return _context(routes, key, reader.extensions(context), reader)
        case ExtensionsKey(extensions=ids):
            return _context(routes, key, reader.extensions_of_ids(ids) if ids else (), reader)
        case ContextsKey():
            return _contexts(routes, key, reader)
        case ChatplanKey():
            return _chatplans(routes, key, reader)
        case LanguageKey():
            return _languages(routes, key, reader)
        case SofiaKey():
            return _sofia(routes, key, reader)
        case DocumentKey():
            return _document(routes, key, reader)
        case GatewaysKey():
            return _gateways(routes, key, reader)
        case DomainKey(domain=domain_id):
            domain = routes.domain(domain_id)
            opened = reader.opened(directory.secrets_of_domain(domain.value))
            return Rendered(directory.bare(domain.value, opened), _rows([domain]), guards(key))
        case EverybodyKey():
            return _everybody(routes, key, reader)
        case NetworkListKey(domain=domain_id):
            domain = routes.domain(domain_id)
            users = reader.users_with_cidr(domain_id)
            body = directory.network_list(domain.value, [user.value for user in users])
            return Rendered(body, _rows([domain]) + _rows(users), guards(key))
        case NamesKey():
            domains = list(routes.view.domains.values())
            return Rendered(directory.names(row.value for row in domains), _rows(domains), guards(key))
        case AclKey():
            lists = list(routes.view.acls.values())
            return Rendered(configuration.acl(row.value for row in lists), _rows(lists), guards(key))


def render_user(
    routes: Routes, key: UserKey, login: Login | None, longest: int, reader: Reader
) -> Rendered | None:
    """Render a user's answer; None for one whom the domain does not have. Raises Unwritable.

    `login`: the one that the switch checks. `longest`: the most ms for which the switch may keep a user.
    """
    if len(key.name) > _LONGEST_NAME or not _storable(key.name):
        return None
    user = reader.user(key.domain, key.name, key.by)
    if user is None:
        return None
    domain, groups = routes.domain(key.domain), routes.groups(key.domain)
    given = [groups[name] for name in user.value.groups if name in groups]
    values = {name: row.value for name, row in groups.items()}
    opened = reader.opened(directory.secrets_of_user(domain.value, values, user.value))
    keeping = user.value.cacheable if user.value.cacheable is not None else domain.value.cacheable
    told = directory.one_user(
        domain.value,
        values,
        user.value,
        opened,
        login=login,
        cacheable=min(keeping, longest, LONGEST_CACHE_MS) if keeping and longest and key.caches else None,
    )
    tokens = (("domain", key.domain), *user_tokens(key.domain, user.value), ("user", key.domain, key.name))
    used = _rows([domain]) + _rows(given) + _rows([user])
    made = Rendered(told.body, used, tuple(dict.fromkeys(tokens)))
    return replace(made, cacheable=told.cacheable, by_login=told.by_login)


def user_tokens(domain: int, user: User) -> tuple[Hashable, ...]:
    """By which names a change of the user is known to what was made of him."""
    names = (user.name, user.number_alias, user.cidr)
    return tuple(("user", domain, name) for name in names if name is not None)


def _storable(name: str) -> bool:
    """Whether a database could hold the name: neither NUL nor bytes that were no UTF-8."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in name


def _group(routes: Routes, key: GroupKey, reader: Reader) -> Rendered:
    domain, groups = routes.domain(key.domain), routes.groups(key.domain)
    users = reader.users(key.domain, key.name)
    values = {name: row.value for name, row in groups.items()}
    needed = {ref for user in users for ref in directory.secrets_of_user(domain.value, values, user.value)}
    opened = reader.opened(needed | directory.secrets_of_domain(domain.value))
    body = directory.one_group(domain.value, values, key.name, [user.value for user in users], opened)
    return Rendered(body, _rows([domain]) + _rows(groups.values()) + _rows(users), guards(key))


def _everybody(routes: Routes, key: EverybodyKey, reader: Reader) -> Rendered:
    domain, groups = routes.domain(key.domain), routes.groups(key.domain)
    rows = reader.users(key.domain, None)
    values = {name: row.value for name, row in groups.items()}
    users = [row.value for row in rows]
    if key.listed:
        opened = reader.opened(directory.secrets_of_listed(values, users))
        body = directory.listed(domain.value, values, users, opened)
    else:
        needed = {ref for user in users for ref in directory.secrets_of_user(domain.value, values, user)}
        opened = reader.opened(needed | directory.secrets_of_domain(domain.value))
        body = directory.everybody(domain.value, values, users, opened)
    return Rendered(body, _rows([domain]) + _rows(groups.values()) + _rows(rows), guards(key))


def _expanding(
    routes: Routes, reader: Reader, needed: Iterable[SecretRef], texts: Iterable[str]
) -> Expansion:
    """What puts the node's variables into these texts; it holds the opened secrets, `needed` ones too."""
    refs = set(needed)
    if routes.sealed and any(map(refers, texts)):
        refs |= routes.sealed
    return Expansion(routes.view.variables, reader.opened(refs))


def _context(
    routes: Routes,
    key: ContextKey | ExtensionsKey,
    extensions: Collection[Stored[Extension]],
    reader: Reader,
) -> Rendered:
    context = routes.context(key.context)
    text = _expanding(routes, reader, (), (row.value.xml for row in extensions))
    body = dialplan.context(context.value, (row.value for row in extensions), text)
    return Rendered(body, _rows([context]) + _rows(extensions), guards(key), frozenset(text.names))


def _contexts(routes: Routes, key: ContextsKey, reader: Reader) -> Rendered:
    """The one answer with more than two queries: one for each context; no call asks for it."""
    contexts = list(routes.view.contexts.values())
    held = [reader.extensions(row.id) for row in contexts]
    text = _expanding(routes, reader, (), (row.value.xml for rows in held for row in rows))
    body = dialplan.contexts(
        ((row.value, [one.value for one in rows]) for row, rows in zip(contexts, held, strict=True)), text
    )
    return Rendered(body, _rows(contexts) + _rows(chain(*held)), guards(key), frozenset(text.names))


def _chatplans(routes: Routes, key: ChatplanKey, reader: Reader) -> Rendered:
    rows = routes.chatplans_of(key)
    text = _expanding(routes, reader, (), (row.value.xml for row in rows))
    body = chatplan.chatplans((row.value for row in rows), text)
    return Rendered(body, _rows(rows), guards(key), frozenset(text.names))


def _languages(routes: Routes, key: LanguageKey, reader: Reader) -> Rendered:
    rows = routes.languages_of(key)
    text = _expanding(routes, reader, (), (row.value.xml for row in rows))
    body = languages.languages((row.value for row in rows), key.section, key.macro, text)
    return Rendered(body, _rows(rows), guards(key), frozenset(text.names))


def _document(routes: Routes, key: DocumentKey, reader: Reader) -> Rendered:
    document = routes.document(key.document)
    text = _expanding(routes, reader, document.value.secrets, [document.value.xml])
    body, held = configuration.stored(document.value, key.asked, text.opened, text, key.cut)
    return Rendered(body, _rows([document]), guards(key), frozenset(text.names), lasting=held)


def _sofia(routes: Routes, key: SofiaKey, reader: Reader) -> Rendered:
    view = routes.view
    profiles = [row for name, row in view.profiles.items() if key.profile in ("", name)]
    gateways = [
        row
        for name, row in view.gateways.items()
        if key.gateway in ("", name) and key.profile in ("", row.value.profile)
    ]
    settings = routes.documents.get(configuration.SOFIA)
    text = _expanding(
        routes,
        reader,
        {ref for row in profiles for ref in refs(row.value.params)}
        | {ref for row in gateways for ref in secrets_of(row.value)}
        | set(settings.value.secrets if settings is not None else ()),
        chain(
            (settings.value.xml,) if settings is not None else (),
            texts_of(*(row.value.params for row in profiles)),
            texts_of(*(params for row in gateways for params in (row.value.params, row.value.variables))),
        ),
    )
    body = configuration.sofia(
        (
            (row.value, [found.value for found in gateways if found.value.profile == row.value.name])
            for row in profiles
        ),
        settings.value if settings is not None else None,
        text.opened,
        lambda gateway: reader.mark(gateway, text.opened, text),
        text,
    )
    used = _rows(profiles) + _rows(gateways) + (_rows([settings]) if settings is not None else ())
    return Rendered(body, used, guards(key), frozenset(text.names))


def _gateways(routes: Routes, key: GatewaysKey, reader: Reader) -> Rendered:
    view = routes.view.domains.values()
    domains = [row for row in view if key.domain in (None, row.id)]
    users = reader.users_with_gateways([row.id for row in domains])
    held: dict[tuple[str, Scope], list[User]] = {}
    for user in users:
        held.setdefault((user.value.domain, user.value.scope), []).append(user.value)
    opened = reader.opened(directory.secrets_of_gateways(user.value for user in users))
    body = directory.gateways(
        ((row.value, held.get((row.value.name, row.value.scope), [])) for row in domains),
        opened,
        lambda gateway: reader.mark(gateway, opened),
    )
    return Rendered(body, _rows(domains) + _rows(users), guards(key))


def _rows(rows: Iterable[Stored[Any]]) -> tuple[Row, ...]:
    return tuple(Row(row.value.key, row.version, row.revision) for row in rows)


def guards(key: UserKey | SharedKey) -> tuple[Hashable, ...]:
    """The sources whose change, while the answer of `key` is being made, makes it too old to keep."""
    match key:
        case UserKey(domain=domain):
            return ("domain", domain), ("users", domain)
        case DomainKey(domain=domain):
            return (("domain", domain),)
        case GroupKey(domain=domain) | NetworkListKey(domain=domain) | EverybodyKey(domain=domain):
            return ("domain", domain), ("users", domain)
        case GatewaysKey(node=node):
            return ("node", node), "gateways"
        case NamesKey(node=node):
            return ("node", node), "gateways"
        case ContextKey(context=context) | ExtensionsKey(context=context):
            return (("context", context),)
        case ContextsKey(node=node):
            return ("node", node), "contexts"
        case ChatplanKey(node=node, chatplan=row):
            return (("node", node), "chatplans") if row is None else (("chatplan", row),)
        case LanguageKey(node=node, language=row):
            return (("node", node), "languages") if row is None else (("language", row),)
        case SofiaKey(profile=profile):
            return "sofia settings", ("sofia", profile)
        case AclKey(node=node):
            return ("node", node), "acl"
        case DocumentKey(document=document):
            return (("document", document),)
