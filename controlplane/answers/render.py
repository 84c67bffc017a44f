"""Reading what an answer needs, and rendering it; runs in a worker thread.

At most two queries an answer, whatever its size: the rows, and the secrets that they refer to. What
stands in the catalog costs none, so that configuration without secrets is answered with no database.
"""

from collections.abc import Collection, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from controlplane.answers import chatplan, configuration, dialplan, directory, languages
from controlplane.answers.answer import Row
from controlplane.answers.fingerprint import secrets_of
from controlplane.answers.params import Opened, refs
from controlplane.answers.routes import (
    AclKey,
    ChatplanKey,
    ContextKey,
    DocumentKey,
    DomainKey,
    ExtensionsKey,
    GatewaysKey,
    GroupKey,
    LanguageKey,
    NamesKey,
    NetworkListKey,
    Routes,
    SharedKey,
    SofiaKey,
    UserKey,
)
from controlplane.desired.reach import Reach
from controlplane.desired.values import Extension, Gateway, Scope, SecretRef, Stored, User, UserGateway

LONGEST_CACHE_MS = 2_147_483
"""A longer `cacheable` overflows in the switch (switch_xml.c, switch_xml_locate_user_merged)."""

_LONGEST_NAME = 1024  # longer names are nobody's, and are not looked for


class Reader(Protocol):
    """Where rows come from; each method is one query, and `opened` with no references none."""

    def user(self, domain: int, name: str, by_alias: bool) -> Stored[User] | None:
        """The user of that id, else of that number-alias; `by_alias`: the other way round."""

    def users(self, domain: int, group: str) -> Collection[Stored[User]]:
        """The users of a group, by name."""

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

    def mark(self, gateway: Gateway | UserGateway, opened: Opened) -> str:
        """The gateway's fingerprint."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """An answer's body, the rows it was made of, and the changes that make it stale."""

    body: bytes
    rows: tuple[Row, ...]
    tokens: tuple[Hashable, ...]


def render(routes: Routes, key: SharedKey, reader: Reader) -> Rendered:
    """Render the answer of `key`. Raises Unwritable."""
    match key:
        case GroupKey():
            return _group(routes, key, reader)
        case ContextKey(context=context):
            return _context(routes, key, context, reader.extensions(context))
        case ExtensionsKey(context=context, extensions=ids):
            return _context(routes, key, context, reader.extensions_of_ids(ids) if ids else ())
        case ChatplanKey():
            plans = routes.chatplans_of(key)
            return Rendered(chatplan.chatplans(row.value for row in plans), _rows(plans), guards(key))
        case LanguageKey(section=section, macro=macro):
            spoken = routes.languages_of(key)
            body = languages.languages((row.value for row in spoken), section, macro)
            return Rendered(body, _rows(spoken), guards(key))
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


def render_user(routes: Routes, key: UserKey, reader: Reader) -> Rendered | None:
    """Render a user's answer; None for one whom the domain does not have. Raises Unwritable."""
    if len(key.name) > _LONGEST_NAME or not _storable(key.name):
        return None
    user = reader.user(key.domain, key.name, key.by_alias)
    if user is None:
        return None
    domain, groups = routes.domain(key.domain), routes.groups(key.domain)
    given = [groups[name] for name in user.value.groups if name in groups]
    values = {name: row.value for name, row in groups.items()}
    opened = reader.opened(directory.secrets_of_user(domain.value, values, user.value))
    keeping = user.value.cacheable if user.value.cacheable is not None else domain.value.cacheable
    body = directory.one_user(
        domain.value,
        values,
        user.value,
        opened,
        cacheable=min(keeping, LONGEST_CACHE_MS) if keeping and key.caches else None,
    )
    tokens = (("domain", key.domain), *user_tokens(key.domain, user.value), ("user", key.domain, key.name))
    return Rendered(body, _rows([domain]) + _rows(given) + _rows([user]), tuple(dict.fromkeys(tokens)))


def user_tokens(domain: int, user: User) -> tuple[Hashable, ...]:
    """By which names a change of the user is known to what was made of him."""
    names = (user.name,) if user.number_alias is None else (user.name, user.number_alias)
    return tuple(("user", domain, name) for name in names)


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


def _context(
    routes: Routes, key: SharedKey, context: int, extensions: Collection[Stored[Extension]]
) -> Rendered:
    row = routes.context(context)
    body = dialplan.context(row.value, (extension.value for extension in extensions))
    return Rendered(body, _rows([row]) + _rows(extensions), guards(key))


def _document(routes: Routes, key: DocumentKey, reader: Reader) -> Rendered:
    document = routes.document(key.document)
    opened = reader.opened(document.value.secrets)
    return Rendered(configuration.stored(document.value, key.asked, opened), _rows([document]), guards(key))


def _sofia(routes: Routes, key: SofiaKey, reader: Reader) -> Rendered:
    view = routes.view
    profiles = [row for name, row in view.profiles.items() if key.profile in ("", name)]
    gateways = [
        row
        for name, row in view.gateways.items()
        if key.gateway in ("", name) and key.profile in ("", row.value.profile)
    ]
    settings = routes.documents.get(configuration.SOFIA)
    opened = reader.opened(
        {ref for row in profiles for ref in refs(row.value.params)}
        | {ref for row in gateways for ref in secrets_of(row.value)}
        | set(settings.value.secrets if settings is not None else ())
    )
    body = configuration.sofia(
        (
            (row.value, [found.value for found in gateways if found.value.profile == row.value.name])
            for row in profiles
        ),
        settings.value if settings is not None else None,
        opened,
        lambda gateway: reader.mark(gateway, opened),
    )
    used = _rows(profiles) + _rows(gateways) + (_rows([settings]) if settings is not None else ())
    return Rendered(body, used, guards(key))


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
        case GroupKey(domain=domain) | NetworkListKey(domain=domain):
            return ("domain", domain), ("users", domain)
        case GatewaysKey(node=node):
            return ("node", node), "gateways"
        case NamesKey(node=node):
            return ("node", node), "gateways"
        case ContextKey(context=context) | ExtensionsKey(context=context):
            return (("context", context),)
        case ChatplanKey(node=node, chatplan=row):
            return (("node", node), "chatplans") if row is None else (("chatplan", row),)
        case LanguageKey(node=node, language=row):
            return (("node", node), "languages") if row is None else (("language", row),)
        case SofiaKey(node=node, profile=profile):
            return ("node", node), "sofia settings", ("sofia", profile)
        case AclKey(node=node):
            return ("node", node), "acl"
        case DocumentKey(document=document):
            return (("document", document),)
