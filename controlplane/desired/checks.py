"""What a value may be by itself, without looking at any other row.

A write that passes here can be served: whatever would not reach the switch as it was typed
is refused now, with the reason, and not found out by a phone.
"""

import ipaddress
import re
from collections.abc import Generator, Iterator, Mapping
from dataclasses import replace
from typing import assert_never

from cryptography import x509
from lxml import etree

from controlplane.desired import markup, plans, windows
from controlplane.desired.codec import ref_from_text
from controlplane.desired.directives import ANY, NONE, Allowed
from controlplane.desired.errors import FieldError, Invalid
from controlplane.desired.reach import wrong_number
from controlplane.desired.sizes import SMALLEST
from controlplane.desired.text import wrong_gateway, wrong_label, wrong_name, wrong_text, wrong_word
from controlplane.desired.values import (
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
    Params,
    Profile,
    Scope,
    SecretRef,
    Text,
    User,
    UserGateway,
    Value,
    Variable,
)
from controlplane.desired.variables import REFERENCE

__all__ = ["LONGEST_CACHED_MS", "FieldError", "Invalid", "check", "uniform", "wrong_entry"]

LONGEST_CACHED_MS = 2_147_483
"""switch_xml.c multiplies it by 1000 in 32 bits: more overflows."""

_DOCUMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]*\.conf", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.\-]*[A-Za-z0-9_])?", re.ASCII)
_A1_HASH = re.compile(r"[0-9a-f]{32}")
_OURS = "controlplane_"
_FEWEST, _MOST_PASSWORDS = 1, 2
_LARGEST_ANSWER = 1 << 30

_ROOTS: Mapping[type, str] = {
    Extension: "extension",
    Document: "configuration",
    Language: "language",
    Chatplan: "context",
}
"""The element that a value's XML is."""

Wrong = Iterator[FieldError]


def check(value: Value, allowed: Allowed = NONE) -> tuple[FieldError, ...]:
    """Give what is wrong with a value whose passwords are still in clear, or references.

    `allowed`: which of FreeSWITCH's directives its documents may hold.
    """
    return tuple(_check(value, allowed))


def uniform(value: Value) -> Value:
    """Give a checked value in the one form in which it is kept: equal values are equal texts."""
    match value:
        case Extension() | Document() | Language() | Chatplan():
            return replace(
                value, xml=markup.written(markup.parsed(value.xml, _ROOTS[type(value)], value.name, ANY))
            )
        case User():
            return replace(
                value, elements=tuple(markup.written(markup.further(one)) for one in value.elements)
            )
        case _:
            return value


def _check(value: Value, allowed: Allowed) -> Wrong:
    match value:
        case Node():
            yield from _node(value)
        case Domain() | Group():
            yield from _says("name", wrong_name(value.name))
            yield from _params(value.params, value.variables)
            yield from _profile_variables(value.profile_variables)
            for place, _ in _hashes(value.params):
                yield FieldError(
                    f"params[{place}].name", "is the hash of one user's login: it stands with him"
                )
            if isinstance(value, Domain):
                yield from _cacheable(value.cacheable)
        case User():
            yield from _user(value)
        case Profile():
            yield from _profile(value)
        case Gateway():
            yield from _says("name", wrong_gateway(value.name))
            yield from _says("profile", wrong_word(value.profile))
            if value.placed_on is not None:
                yield from _says("placed_on", wrong_word(value.placed_on))
            yield from _params(value.params, value.variables)
            yield from _not_ours(value.variables, "variables")
        case Acl():
            yield from _acl(value)
        case Context():
            yield from _says("name", wrong_name(value.name))
        case Extension():
            yield from _extension(value)
        case Document():
            yield from _document(value, allowed)
        case Language() | Chatplan():
            yield from _says("name", wrong_name(value.name))
            tree = yield from _tree(value)
            if tree is not None:
                yield from _says("xml", plans.wrong(tree))
        case Variable():
            yield from _says("name", wrong_word(value.name))
            if isinstance(value.value, str):
                yield from _says("value", wrong_text(value.value))
        case _:
            assert_never(value)
    if not isinstance(value, Node):
        yield from _scope(value.scope)


def _says(field: str, reason: str | None) -> Wrong:
    if reason is not None:
        yield FieldError(field, reason)


def _scope(scope: Scope) -> Wrong:
    for name in scope.groups if scope.node is None else (scope.node,):
        yield from _says("scope", wrong_word(name))


def _node(node: Node) -> Wrong:
    yield from _says("name", wrong_word(node.name))
    yield from _says("switchname", wrong_label(node.switchname))
    if not _is_address(node.host) and _HOST.fullmatch(node.host) is None:
        yield FieldError("host", "is neither an IP address nor a host name")
    if not 1 <= node.port <= 65535:
        yield FieldError("port", "must be from 1 to 65535")
    for place, group in enumerate(node.groups):
        yield from _says(f"groups[{place}]", wrong_word(group))
    yield from _twice("groups", node.groups)
    if node.event_socket_user is not None:
        yield from _login("event_socket_user", node.event_socket_user)
    yield from _password("event_socket_password", node.event_socket_password)
    if not _FEWEST <= len(node.lookup_passwords) <= _MOST_PASSWORDS:
        yield FieldError("lookup_passwords", "must be one or two")
    for place, password in enumerate(node.lookup_passwords):
        yield from _password(f"lookup_passwords[{place}]", password)
    yield from _asking(node)
    for place, window in enumerate(node.change_windows):
        try:
            windows.parse(window)
        except ValueError as error:
            yield FieldError(f"change_windows[{place}]", str(error))


def _login(field: str, who: str) -> Wrong:
    """A user in `userauth USER@DOMAIN:PASSWORD`, which is cut at the first `@` and the first colon."""
    user, _, domain = who.partition("@")
    if wrong_name(user) is not None or wrong_name(domain) is not None or ":" in who or "@" in domain:
        yield FieldError(field, "is no user@domain")


def _asking(node: Node) -> Wrong:
    """How the node may ask."""
    yield from _twice("lookup_schemes", node.lookup_schemes)
    if not node.lookup_schemes and node.lookup_certificate is None:
        yield FieldError("lookup_schemes", "may be empty only beside a lookup_certificate")
    for place, network in enumerate(node.lookup_networks):
        yield from _cidr(f"lookup_networks[{place}]", network)
    if node.lookup_certificate is not None:
        yield from _subject("lookup_certificate", node.lookup_certificate)
    if not SMALLEST <= node.response_max_bytes <= _LARGEST_ANSWER:
        yield FieldError("response_max_bytes", f"must be from {SMALLEST} to {_LARGEST_ANSWER}")


def _subject(field: str, text: str) -> Wrong:
    try:
        subject = x509.Name.from_rfc4514_string(text)
    except ValueError:
        yield FieldError(field, "is no subject (RFC 4514), such as CN=fs1.example,O=Example")
        return
    if not text or len(text) > 1024:
        yield FieldError(field, "must be from 1 to 1024 characters")
    elif subject.rfc4514_string() != text:
        yield FieldError(field, f"is to be written {subject.rfc4514_string()!r}")


def _password(field: str, text: Text) -> Wrong:
    if isinstance(text, SecretRef):
        return
    if not text:
        yield FieldError(field, "is empty")
    elif not text.isprintable():
        # It goes in a line of Event Socket or an HTTP header.
        yield FieldError(field, "holds a character that cannot be seen")
    elif len(text) > 255:
        yield FieldError(field, "is longer than 255 characters")
    else:
        yield from _says(field, wrong_text(text))


def _user(user: User) -> Wrong:
    yield from _says("name", wrong_name(user.name))
    if user.number_alias is not None:
        yield from _says("number_alias", wrong_name(user.number_alias))
        if user.number_alias == user.name:
            yield FieldError("number_alias", "is the user's own name")
    if user.cidr is not None:
        # switch_utils.c, switch_network_list_add_cidr_token: a list, separated by commas.
        for part in user.cidr.split(","):
            yield from _cidr("cidr", part)
    for place, group in enumerate(user.groups):
        yield from _says(f"groups[{place}]", wrong_name(group))
    yield from _twice("groups", user.groups)
    yield from _params(user.params, user.variables)
    yield from _profile_variables(user.profile_variables)
    yield from _a1_hashes(user.a1_hashes)
    for place, text in _hashes(user.params):
        if not text:
            # sofia_reg.c:3338 compares with it all the same, so that anybody knows it.
            yield FieldError(f"params[{place}].value", "is empty, which FreeSWITCH takes for a hash")
    for place, gateway in enumerate(user.gateways):
        yield from _user_gateway(gateway, f"gateways[{place}].")
    yield from _twice("gateways", [gateway.name for gateway in user.gateways])
    for place, element in enumerate(user.elements):
        try:
            markup.further(element)
        except markup.BadMarkup as error:
            yield FieldError(f"elements[{place}]", str(error))
    yield from _cacheable(user.cacheable)


def _hashes(params: Params) -> Iterator[tuple[int, Text]]:
    return ((place, param.value) for place, param in enumerate(params) if param.name.lower() == "a1-hash")


def _a1_hashes(hashes: tuple[A1Hash, ...]) -> Wrong:
    for place, one in enumerate(hashes):
        path = f"a1_hashes[{place}]."
        yield from _says(f"{path}realm", wrong_label(one.realm))
        if one.username is not None:
            yield from _says(f"{path}username", wrong_label(one.username))
        if isinstance(one.hash, str) and _A1_HASH.fullmatch(one.hash) is None:
            yield FieldError(f"{path}hash", "must be 32 hex digits")
    logins = [(one.realm, one.username) for one in hashes]
    if len(set(logins)) < len(logins):
        yield FieldError("a1_hashes", "names a realm twice for one username")


def _profile_variables(variables: Params) -> Wrong:
    for error in _params((), variables):
        yield FieldError(f"profile_{error.field}", error.reason)


def _user_gateway(gateway: UserGateway, path: str) -> Wrong:
    yield from _says(f"{path}name", wrong_gateway(gateway.name))
    yield from _params(gateway.params, gateway.variables, path)
    yield from _not_ours(gateway.variables, f"{path}variables")


def _profile(profile: Profile) -> Wrong:
    yield from _says("name", wrong_word(profile.name))
    yield from _params(profile.params, ())
    for place, alias in enumerate(profile.aliases):
        yield from _says(f"aliases[{place}]", wrong_name(alias))
    yield from _twice("aliases", profile.aliases)
    for place, domain in enumerate(profile.domains):
        yield from _says(f"domains[{place}].name", wrong_name(domain.name))
    yield from _twice("domains", [domain.name for domain in profile.domains])


def _acl(acl: Acl) -> Wrong:
    yield from _says("name", wrong_name(acl.name))
    for place, entry in enumerate(acl.entries):
        path = f"entries[{place}]"
        if (entry.cidr is None) is (entry.domain is None):
            yield FieldError(path, "must have exactly one of cidr and domain")
        elif (text := entry.cidr or entry.domain) is not None and REFERENCE.search(text):
            yield from _says(path, wrong_text(text))  # what it becomes is for `references`
        elif entry.cidr is not None:
            yield from _cidr(f"{path}.cidr", entry.cidr)
        elif entry.domain is not None:
            yield from _says(f"{path}.domain", wrong_name(entry.domain))


def _extension(extension: Extension) -> Wrong:
    yield from _says("name", wrong_label(extension.name))
    if not 0 <= extension.position < 2**31:
        yield FieldError("position", "must be from 0 to 2147483647")
    for place, number in enumerate(extension.numbers):
        yield from _says(f"numbers[{place}]", wrong_number(number))
    yield from _twice("numbers", extension.numbers)
    tree = yield from _tree(extension)
    if tree is not None:
        yield from _says("xml", plans.wrong(tree))


def _tree(
    value: Extension | Document | Language | Chatplan, allowed: Allowed = NONE
) -> Generator[FieldError, None, etree._Element | None]:
    """The parsed XML; None when it is wrong."""
    try:
        return markup.parsed(value.xml, _ROOTS[type(value)], value.name, allowed)
    except markup.BadMarkup as error:
        yield FieldError("xml", str(error))
        return None


def _document(document: Document, allowed: Allowed) -> Wrong:
    if _DOCUMENT.fullmatch(document.name) is None or len(document.name) > 255:
        yield FieldError("name", "must be a word that ends in .conf")
    if document.name.startswith(_OURS):
        yield FieldError("name", f"names that begin with {_OURS} are ours")
    if document.name == "acl.conf":
        yield FieldError("name", "acl.conf is made of ACL lists: write those")
    tree = yield from _tree(document, allowed)
    if tree is None:
        return
    if document.name == "sofia.conf" and any(child.tag != "global_settings" for child in tree):
        yield FieldError("xml", "sofia.conf may hold only <global_settings>: write profiles and gateways")
    for text in markup.others(tree):
        if (named := markup.sealed(text)) is not None and ref_from_text(named) is not None:
            yield FieldError("xml", f"{text!r} stands where no password does")


def _params(params: Params, variables: Params, path: str = "") -> Wrong:
    for kind, some in (("params", params), ("variables", variables)):
        for place, param in enumerate(some):
            reason = wrong_label(param.name)
            if reason is not None:
                yield FieldError(f"{path}{kind}[{place}].name", reason)
            if isinstance(param.value, str):
                reason = wrong_text(param.value)
                if reason is not None:
                    yield FieldError(f"{path}{kind}[{place}].value", reason)


def _not_ours(variables: Params, path: str) -> Wrong:
    for place, variable in enumerate(variables):
        if variable.name.lower().startswith(_OURS):
            yield FieldError(f"{path}[{place}].name", f"names that begin with {_OURS} are ours")


def _cacheable(cacheable: int | None) -> Wrong:
    if cacheable is not None and not 0 <= cacheable <= LONGEST_CACHED_MS:
        yield FieldError("cacheable", f"must be from 0 to {LONGEST_CACHED_MS} (milliseconds)")


def wrong_entry(entry: AclEntry) -> str | None:
    """Say what is wrong with an ACL entry after variables were put in, or None; what refers still is fine."""
    text = entry.cidr or entry.domain or ""
    if REFERENCE.search(text):
        return None
    if entry.cidr is not None:
        return next((error.reason for error in _cidr("", text)), None)
    return wrong_name(text)


def _cidr(field: str, text: str) -> Wrong:
    address, slash, bits = text.partition("/")
    if not slash or not (bits.isascii() and bits.isdigit()) or len(bits) > 3:
        yield FieldError(field, f"{text!r} must be ADDRESS/BITS")
        return
    try:
        parsed = ipaddress.ip_network(f"{address}/{bits}", strict=False)
    except ValueError as error:
        yield FieldError(field, str(error))
    else:
        if "%" in str(parsed) or address != address.strip():
            yield FieldError(field, f"{text!r} must be ADDRESS/BITS")


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _twice(field: str, names: tuple[str, ...] | list[str]) -> Wrong:
    if len(set(names)) < len(names):
        yield FieldError(field, "names something twice")
