"""Values as table rows, and back."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, RowMapping, Select, Table, select

from controlplane.desired.codec import (
    Json,
    fields_to_json,
    params_from_columns,
    ref_from_text,
    text_from_json,
)
from controlplane.desired.reach import reach, reach_to_json
from controlplane.desired.values import (
    GLOBAL,
    A1Hash,
    Acl,
    AclEntry,
    Chatplan,
    Context,
    Document,
    Domain,
    Extension,
    Gateway,
    Group,
    Language,
    Node,
    NodeMode,
    Noun,
    Profile,
    ProfileDomain,
    Scheme,
    Scope,
    Stored,
    Text,
    User,
    UserGateway,
    Value,
    Variable,
)
from controlplane.store import tables

Cells: TypeAlias = RowMapping

TABLES: Mapping[Noun, Table] = {
    Noun.NODE: tables.table(tables.NodeRow),
    Noun.DOMAIN: tables.table(tables.DomainRow),
    Noun.GROUP: tables.table(tables.GroupRow),
    Noun.USER: tables.table(tables.UserRow),
    Noun.PROFILE: tables.table(tables.ProfileRow),
    Noun.GATEWAY: tables.table(tables.GatewayRow),
    Noun.ACL: tables.table(tables.AclRow),
    Noun.CONTEXT: tables.table(tables.ContextRow),
    Noun.EXTENSION: tables.table(tables.ExtensionRow),
    Noun.DOCUMENT: tables.table(tables.DocumentRow),
    Noun.LANGUAGE: tables.table(tables.LanguageRow),
    Noun.CHATPLAN: tables.table(tables.ChatplanRow),
    Noun.VARIABLE: tables.table(tables.VariableRow),
}

PARENTS: Mapping[Noun, tuple[Noun, str]] = {
    Noun.GROUP: (Noun.DOMAIN, "domain_id"),
    Noun.USER: (Noun.DOMAIN, "domain_id"),
    Noun.EXTENSION: (Noun.CONTEXT, "context_id"),
}
"""What stands under what, and the column that says so."""


def columns(value: Value, parent_id: int | None) -> dict[str, Any]:
    """Give a row's own columns, all but id, version and revision."""
    cells: dict[str, Any] = {"name": value.name, **fields_to_json(value)}
    match value:
        case Node():
            return cells
        case Group() | User():
            return cells | {"domain_id": parent_id}
        case Extension():
            known = reach(value.xml, value.numbers)
            widens = not known.decided or known.rewrites
            return cells | {"context_id": parent_id, "reach": reach_to_json(known), "widens": widens}
        case Acl():
            del cells["default"]
            cells["default_allow"] = value.default_allow
        case _:
            pass
    return cells | {"scope": str(value.scope)}


def selected(noun: Noun) -> Select[Any]:
    """Select whole rows, with the name and scope of what they stand under."""
    table = TABLES[noun]
    if noun not in PARENTS:
        return select(table)
    above, column = PARENTS[noun]
    parent = TABLES[above]
    names: list[ColumnElement[Any]] = [
        parent.c.name.label("parent_name"),
        parent.c.scope.label("parent_scope"),
    ]
    return select(table, *names).join(parent, parent.c.id == table.c[column])


def stored(noun: Noun, cells: Cells) -> Stored[Any]:
    """Read a row that `selected` gave."""
    return Stored(cells["id"], cells["version"], cells["revision"], _READERS[noun](cells))


def _scope(text: str) -> Scope:
    return GLOBAL if text == "global" else Scope.parse(text)


def _text(given: object) -> Text:
    text = text_from_json(given)
    if text is None:
        raise ValueError("a row holds a text that is none")
    return text


def _node(cells: Cells) -> Node:
    return Node(
        name=cells["name"],
        switchname=cells["switchname"],
        host=cells["host"],
        port=cells["port"],
        groups=tuple(cells["groups"]),
        mode=NodeMode(cells["mode"]),
        event_socket_password=_text(cells["event_socket_password"]),
        lookup_passwords=tuple(_text(one) for one in cells["lookup_passwords"]),
        lookup_schemes=tuple(map(Scheme, cells["lookup_schemes"])),
        lookup_networks=tuple(cells["lookup_networks"]),
        lookup_certificate=cells["lookup_certificate"],
        response_max_bytes=cells["response_max_bytes"],
        change_windows=tuple(cells["change_windows"]),
        event_socket_user=cells["event_socket_user"],
    )


def _domain(cells: Cells) -> Domain:
    return Domain(
        name=cells["name"],
        scope=_scope(cells["scope"]),
        params=params_from_columns(cells["params"]),
        variables=params_from_columns(cells["variables"]),
        profile_variables=params_from_columns(cells["profile_variables"]),
        cacheable=cells["cacheable"],
        hash_passwords=cells["hash_passwords"],
    )


def _group(cells: Cells) -> Group:
    return Group(
        name=cells["name"],
        domain=cells["parent_name"],
        scope=_scope(cells["parent_scope"]),
        params=params_from_columns(cells["params"]),
        variables=params_from_columns(cells["variables"]),
        profile_variables=params_from_columns(cells["profile_variables"]),
    )


def _user_gateway(given: Json) -> UserGateway:
    return UserGateway(
        given["name"], params_from_columns(given["params"]), params_from_columns(given["variables"])
    )


def _user(cells: Cells) -> User:
    return User(
        name=cells["name"],
        domain=cells["parent_name"],
        scope=_scope(cells["parent_scope"]),
        number_alias=cells["number_alias"],
        cidr=cells["cidr"],
        groups=tuple(cells["groups"]),
        params=params_from_columns(cells["params"]),
        variables=params_from_columns(cells["variables"]),
        profile_variables=params_from_columns(cells["profile_variables"]),
        gateways=tuple(_user_gateway(one) for one in cells["gateways"]),
        elements=tuple(cells["elements"]),
        a1_hashes=tuple(
            A1Hash(one["realm"], _text(one["hash"]), one["username"]) for one in cells["a1_hashes"]
        ),
        cacheable=cells["cacheable"],
        hash_passwords=cells["hash_passwords"],
    )


def _profile(cells: Cells) -> Profile:
    return Profile(
        name=cells["name"],
        scope=_scope(cells["scope"]),
        params=params_from_columns(cells["params"]),
        aliases=tuple(cells["aliases"]),
        domains=tuple(ProfileDomain(one["name"], one["alias"], one["parse"]) for one in cells["domains"]),
    )


def _gateway(cells: Cells) -> Gateway:
    return Gateway(
        name=cells["name"],
        scope=_scope(cells["scope"]),
        profile=cells["profile"],
        placed_on=cells["placed_on"],
        params=params_from_columns(cells["params"]),
        variables=params_from_columns(cells["variables"]),
    )


def _acl(cells: Cells) -> Acl:
    entries = tuple(
        AclEntry(one["type"] == "allow", one.get("cidr"), one.get("domain")) for one in cells["entries"]
    )
    return Acl(cells["name"], _scope(cells["scope"]), cells["default_allow"], entries)


def _context(cells: Cells) -> Context:
    return Context(cells["name"], _scope(cells["scope"]))


def _extension(cells: Cells) -> Extension:
    scope = _scope(cells["parent_scope"])
    return Extension(
        name=cells["name"],
        context=cells["parent_name"],
        scope=scope,
        position=cells["position"],
        xml=cells["xml"],
        numbers=tuple(cells["numbers"]),
    )


def _document(cells: Cells) -> Document:
    refs = tuple(ref for one in cells["secrets"] if (ref := ref_from_text(one)) is not None)
    return Document(cells["name"], _scope(cells["scope"]), cells["xml"], refs)


def _language(cells: Cells) -> Language:
    return Language(cells["name"], _scope(cells["scope"]), cells["xml"])


def _chatplan(cells: Cells) -> Chatplan:
    return Chatplan(cells["name"], _scope(cells["scope"]), cells["xml"])


def _variable(cells: Cells) -> Variable:
    return Variable(cells["name"], _scope(cells["scope"]), _text(cells["value"]))


_READERS: Mapping[Noun, Callable[[Cells], Value]] = {
    Noun.NODE: _node,
    Noun.DOMAIN: _domain,
    Noun.GROUP: _group,
    Noun.USER: _user,
    Noun.PROFILE: _profile,
    Noun.GATEWAY: _gateway,
    Noun.ACL: _acl,
    Noun.CONTEXT: _context,
    Noun.EXTENSION: _extension,
    Noun.DOCUMENT: _document,
    Noun.LANGUAGE: _language,
    Noun.CHATPLAN: _chatplan,
    Noun.VARIABLE: _variable,
}
