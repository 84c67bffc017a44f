"""Values as JSON, and back: the form of the API, of revisions and of the JSON columns.

Secrets are written `{"secret": "ID@VERSION"}`, params as lists of `{"name", "value"}` (and
`direction` on a gateway's variables). On input an object `{name: value}` serves for a list.
An ACL list speaks FreeSWITCH's words: `"default": "deny"`, `{"type": "allow", "cidr": ...}`.
An extension and a chatplan may be given as XML or in structured form (`plans`).
"""

from collections.abc import Callable, Mapping
from typing import Any, assert_never

from controlplane.desired.errors import FieldError, Invalid
from controlplane.desired.fields import Fields
from controlplane.desired.plans import read_chatplan, read_extension
from controlplane.desired.values import (
    RESPONSE_MAX_BYTES,
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
    Key,
    Language,
    Node,
    NodeMode,
    Noun,
    Param,
    Params,
    Profile,
    ProfileDomain,
    Scheme,
    SecretRef,
    Text,
    User,
    UserGateway,
    Value,
    Variable,
)

Json = dict[str, Any]

CACHED_MS = 60_000
"""For how long a node may cache the users of a domain that does not say."""


def to_json(value: Value) -> Json:
    """Write a value whole: what its key says, and its fields."""
    said: Json = {"name": value.name}
    match value:
        case Group() | User():
            said["domain"] = value.domain
        case Extension():
            said["context"] = value.context
        case _:
            pass
    if not isinstance(value, Node):
        said["scope"] = str(value.scope)
    return said | fields_to_json(value)


def fields_to_json(value: Value) -> Json:
    """Write a value's fields without what its key says: what a `Put` takes, and the row's columns."""
    match value:
        case Node():
            return {
                "switchname": value.switchname,
                "host": value.host,
                "port": value.port,
                "groups": list(value.groups),
                "mode": value.mode.value,
                "event_socket_user": value.event_socket_user,
                "event_socket_password": text_to_json(value.event_socket_password),
                "lookup_passwords": [text_to_json(password) for password in value.lookup_passwords],
                "lookup_schemes": [scheme.value for scheme in value.lookup_schemes],
                "lookup_networks": list(value.lookup_networks),
                "lookup_certificate": value.lookup_certificate,
                "response_max_bytes": value.response_max_bytes,
                "change_windows": list(value.change_windows),
            }
        case Domain():
            return _with_profile_variables(value) | {
                "cacheable": value.cacheable,
                "hash_passwords": value.hash_passwords,
            }
        case Group():
            return _with_profile_variables(value)
        case User():
            return {
                "number_alias": value.number_alias,
                "cidr": value.cidr,
                "groups": list(value.groups),
                **_with_profile_variables(value),
                "gateways": [{"name": one.name, **_with_params(one)} for one in value.gateways],
                "elements": list(value.elements),
                "a1_hashes": [a1_hash_to_json(one) for one in value.a1_hashes],
                "cacheable": value.cacheable,
                "hash_passwords": value.hash_passwords,
            }
        case Profile():
            return {
                "params": params_to_json(value.params),
                "aliases": list(value.aliases),
                "domains": [
                    {"name": one.name, "alias": one.alias, "parse": one.parse} for one in value.domains
                ],
            }
        case Gateway():
            return {"profile": value.profile, "placed_on": value.placed_on, **_with_params(value)}
        case Acl():
            return {
                "default": "allow" if value.default_allow else "deny",
                "entries": [_entry_to_json(entry) for entry in value.entries],
            }
        case Context():
            return {}
        case Extension():
            return {"position": value.position, "xml": value.xml, "numbers": list(value.numbers)}
        case Document():
            return {"xml": value.xml, "secrets": [str(ref) for ref in value.secrets]}
        case Language() | Chatplan():
            return {"xml": value.xml}
        case Variable():
            return {"value": text_to_json(value.value)}
        case _:
            assert_never(value)


def from_json(key: Key, spec: Mapping[str, Any]) -> Value:
    """Read a value; raises Invalid for a field that is unknown, missing or of the wrong type.

    What a name, a number or a piece of XML may hold is for `checks`. Fields that only say what
    the key says are taken when they agree with it.
    """
    fields = Fields(_without_key(key, spec))
    value = _READERS[key.noun](key, fields)
    fields.finish()
    return value


def text_to_json(text: Text) -> str | Json:
    """Write a text, or the reference to a sealed one."""
    return {"secret": str(text)} if isinstance(text, SecretRef) else text


def text_from_json(given: object) -> Text | None:
    """Read a text or a reference; None when it is neither."""
    if isinstance(given, str):
        return given
    if isinstance(given, Mapping) and set(given) == {"secret"}:
        return ref_from_text(given["secret"])
    return None


def ref_from_text(given: object) -> SecretRef | None:
    """Read `ID@VERSION`; None when it is not that."""
    if not isinstance(given, str):
        return None
    number, _, version = given.partition("@")
    if not (number.isascii() and number.isdigit() and version.isascii() and version.isdigit()):
        return None
    return SecretRef(int(number), int(version)) if len(given) <= 40 else None


def params_to_json(params: Params) -> list[Json]:
    """Write params in their order."""
    return [
        {"name": param.name, "value": text_to_json(param.value)}
        if param.direction is None
        else {"name": param.name, "value": text_to_json(param.value), "direction": param.direction}
        for param in params
    ]


def params_from_columns(given: list[Json]) -> Params:
    """Read params that this module wrote, without looking for mistakes."""
    return tuple(
        Param(
            one["name"],
            value if isinstance(value := one["value"], str) else _ref(value),
            one.get("direction"),
        )
        for one in given
    )


def _ref(given: Json) -> SecretRef:
    number, _, version = given["secret"].partition("@")
    return SecretRef(int(number), int(version))


def _with_params(value: Domain | Group | User | UserGateway | Gateway) -> Json:
    return {"params": params_to_json(value.params), "variables": params_to_json(value.variables)}


def _with_profile_variables(value: Domain | Group | User) -> Json:
    return _with_params(value) | {"profile_variables": params_to_json(value.profile_variables)}


def a1_hash_to_json(value: A1Hash) -> Json:
    """Write a hash."""
    return {"realm": value.realm, "username": value.username, "hash": text_to_json(value.hash)}


def _entry_to_json(entry: AclEntry) -> Json:
    subject = {"cidr": entry.cidr} if entry.cidr is not None else {"domain": entry.domain}
    return {"type": "allow" if entry.allow else "deny", **subject}


def _without_key(key: Key, spec: Mapping[str, Any]) -> Json:
    said: Json = {"name": key.name, "scope": str(key.scope)}
    if key.noun in (Noun.GROUP, Noun.USER):
        said["domain"] = key.parent
    if key.noun is Noun.EXTENSION:
        said["context"] = key.parent
    errors = tuple(
        FieldError(field, f"is {spec[field]!r} here but {value!r} in the row's key")
        for field, value in said.items()
        if field in spec and spec[field] != value
    )
    if errors:
        raise Invalid(errors)
    return {field: value for field, value in spec.items() if field not in said}


def _node(key: Key, fields: Fields) -> Node:
    return Node(
        name=key.name,
        switchname=fields.optional_text("switchname") or key.name,
        host=fields.text("host"),
        port=fields.whole("port", default=8021),
        groups=fields.names("groups"),
        mode=NodeMode(fields.one_of("mode", [mode.value for mode in NodeMode], NodeMode.OBSERVING.value)),
        event_socket_password=fields.sealable("event_socket_password", text_from_json),
        lookup_passwords=fields.sealables("lookup_passwords", text_from_json),
        lookup_schemes=tuple(map(Scheme, fields.some_of("lookup_schemes", list(Scheme)))),
        lookup_networks=fields.names("lookup_networks"),
        lookup_certificate=fields.optional_text("lookup_certificate"),
        response_max_bytes=fields.whole("response_max_bytes", default=RESPONSE_MAX_BYTES),
        change_windows=fields.names("change_windows"),
        event_socket_user=fields.optional_text("event_socket_user"),
    )


def _domain(key: Key, fields: Fields) -> Domain:
    return Domain(
        name=key.name,
        scope=key.scope,
        params=_params(fields),
        variables=_params(fields, "variables"),
        profile_variables=_params(fields, "profile_variables"),
        cacheable=fields.optional_whole("cacheable", CACHED_MS),
        hash_passwords=fields.truth("hash_passwords"),
    )


def _group(key: Key, fields: Fields) -> Group:
    return Group(
        name=key.name,
        domain=key.parent,
        scope=key.scope,
        params=_params(fields),
        variables=_params(fields, "variables"),
        profile_variables=_params(fields, "profile_variables"),
    )


def _user(key: Key, fields: Fields) -> User:
    return User(
        name=key.name,
        domain=key.parent,
        scope=key.scope,
        number_alias=fields.optional_text("number_alias"),
        cidr=fields.optional_text("cidr"),
        groups=fields.names("groups"),
        params=_params(fields),
        variables=_params(fields, "variables"),
        profile_variables=_params(fields, "profile_variables"),
        gateways=tuple(
            UserGateway(one.text("name"), _params(one), _params(one, "variables", directed=True))
            for one in fields.objects("gateways")
        ),
        elements=fields.names("elements"),
        a1_hashes=tuple(
            A1Hash(one.text("realm"), one.sealable("hash", text_from_json), one.optional_text("username"))
            for one in fields.objects("a1_hashes")
        ),
        cacheable=fields.optional_whole("cacheable"),
        hash_passwords=fields.optional_truth("hash_passwords"),
    )


def _profile(key: Key, fields: Fields) -> Profile:
    return Profile(
        name=key.name,
        scope=key.scope,
        params=_params(fields),
        aliases=fields.names("aliases"),
        domains=tuple(
            ProfileDomain(one.text("name"), one.truth("alias"), one.truth("parse"))
            for one in fields.objects("domains")
        ),
    )


def _gateway(key: Key, fields: Fields) -> Gateway:
    return Gateway(
        name=key.name,
        scope=key.scope,
        profile=fields.text("profile"),
        placed_on=fields.optional_text("placed_on"),
        params=_params(fields),
        variables=_params(fields, "variables", directed=True),
    )


def _acl(key: Key, fields: Fields) -> Acl:
    entries = tuple(
        AclEntry(
            one.one_of("type", ["allow", "deny"]) == "allow",
            one.optional_text("cidr"),
            one.optional_text("domain"),
        )
        for one in fields.objects("entries")
    )
    return Acl(key.name, key.scope, fields.one_of("default", ["allow", "deny"]) == "allow", entries)


def _context(key: Key, _fields: Fields) -> Context:
    return Context(key.name, key.scope)


def _extension(key: Key, fields: Fields) -> Extension:
    position, numbers = fields.whole("position", default=0), fields.names("numbers")
    return Extension(key.name, key.parent, key.scope, position, read_extension(fields, key.name), numbers)


def _document(key: Key, fields: Fields) -> Document:
    refs = tuple(ref for one in fields.names("secrets") if (ref := ref_from_text(one)) is not None)
    return Document(key.name, key.scope, fields.text("xml"), refs)


def _language(key: Key, fields: Fields) -> Language:
    return Language(key.name, key.scope, fields.text("xml"))


def _chatplan(key: Key, fields: Fields) -> Chatplan:
    return Chatplan(key.name, key.scope, read_chatplan(fields, key.name))


def _variable(key: Key, fields: Fields) -> Variable:
    return Variable(key.name, key.scope, fields.sealable("value", text_from_json))


_READERS: dict[Noun, Callable[[Key, Fields], Value]] = {
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


def _params(fields: Fields, name: str = "params", *, directed: bool = False) -> Params:
    return fields.params(name, text_from_json, directed=directed)
