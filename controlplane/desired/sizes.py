"""How many bytes of an answer a value takes, or a little more: told without rendering it.

The dialect (`answers.dialect`) writes one element a line, and five bytes for a character that FreeSWITCH's
preprocessor or parser might take for its own. A sealed value is not looked at, nor what a variable puts in.
"""

import re

from controlplane.desired.values import (
    Acl,
    Domain,
    Gateway,
    Group,
    Params,
    Profile,
    Text,
    User,
)

SMALLEST = 1 << 16
"""What every node takes: the least that `response_max_bytes` may be."""

AROUND = 512
"""Bytes that an answer has around what is stored."""

_DIRECTIVE = "[xX](?=-[pP][rR][eE]-[pP][rR][oO][cC][eE][sS][sS])"
_WRITTEN_ANEW = re.compile(rf"[?<>&\"'$\n\t\r]|{_DIRECTIVE}")
# `&`, `"` and the like stand escaped already.
_RAW_IN_XML = re.compile(rf"[?']|\$(?=\$\{{)(?!\$\{{[\w.\-]+\}})|{_DIRECTIVE}", re.ASCII)
_MORE = 4
# White space alone counts only in an element that holds nothing else.
_SPOKEN = re.compile(r">([^<]*[^<\s][^<]*)|<[^/<>][^<>]*(?<!/)>(\s+)</")
_RAW_IN_SPOKEN = re.compile('["\n\t]')
_SEALED = 64
# What is written around the values: `<variable name="" value=""/>` and its like, and the lines between.
_PARAM, _DIRECTION, _CONTAINERS = 29, 23, 144
_GATEWAY, _PROFILE, _ALIAS, _PROFILE_DOMAIN = 160, 160, 17, 50
_LIST, _ENTRY = 48, 32
_USER, _POINTER, _GIVER = 256, 96, 64


def of_xml(xml: str) -> int:
    """Measure a stored element: each of its tags gets a line, and what it leaves unescaped takes more."""
    more = len(_RAW_IN_XML.findall(xml)) + sum(
        len(_RAW_IN_SPOKEN.findall(text)) for either in _SPOKEN.findall(xml) for text in either
    )
    shorter = xml.count("&lt;") + xml.count("&gt;")
    return len(xml.encode()) + xml.count("<") + _MORE * more + shorter


def of_gateway(gateway: Gateway) -> int:
    """Measure a `<gateway>` with its fingerprint."""
    return _GATEWAY + _text(gateway.name) + of_params(gateway.params, gateway.variables)


def of_profile(profile: Profile) -> int:
    """Measure a `<profile>` without its gateways."""
    return (
        _PROFILE
        + _text(profile.name)
        + sum(_ALIAS + _text(alias) for alias in profile.aliases)
        + sum(_PROFILE_DOMAIN + _text(domain.name) for domain in profile.domains)
        + of_params(profile.params)
    )


def of_acl(acl: Acl) -> int:
    """Measure a `<list>`."""
    entries = sum(_ENTRY + _text(entry.cidr or entry.domain or "") for entry in acl.entries)
    return _LIST + _text(acl.name) + entries


def of_given(given: Domain | Group) -> int:
    """Measure what a domain, or a group, gives each of its users."""
    held = of_params(given.params, given.variables, given.profile_variables)
    return _GIVER + _CONTAINERS + _text(given.name) + held


def of_user(user: User) -> int:
    """Measure what is a user's own."""
    return (
        _USER
        + _CONTAINERS
        + sum(map(_text, (user.name, user.number_alias or "", user.cidr or "")))
        + len(user.groups) * (_POINTER + _text(user.name))
        + of_params(user.params, user.variables, user.profile_variables)
        + sum(of_xml(element) + _MORE * element.count("$") for element in user.elements)
    )


def of_params(*lists: Params) -> int:
    """Measure what stands in `<params>`, `<variables>` and `<profile-variables>`."""
    return sum(
        _PARAM + _text(param.name) + _text(param.value) + (_DIRECTION if param.direction else 0)
        for params in lists
        for param in params
    )


def _text(text: Text) -> int:
    if not isinstance(text, str):
        return _SEALED
    return (len(text) if text.isascii() else len(text.encode())) + _MORE * len(_WRITTEN_ANEW.findall(text))
