"""A model of the places where FreeSWITCH asks a user who he is, each as its source reads the merged user.

Written from reading sofia_reg.c (sofia_reg_parse_auth), mod_verto.c (check_auth), rtmp.c (rtmp_check_auth)
and mod_xml_rpc.c (http_directory_auth), not copied from them.
"""

from collections.abc import Callable

from tests.answers.switch_model import Element

Pairs = list[tuple[str, str]]
"""Params as they stand, names in lower case."""

ANYTHING = "anything"
"""Whatever is shown is taken."""


def merged(user: Element, *above: Element) -> Pairs:
    """The user's params after his group's and then his domain's were merged into them (switch_xml.c)."""
    found = _params(user)
    for holder in above:
        for name, value in _params(holder):
            if name not in dict(found):
                found.append((name, value))
    return found


def sofia(params: Pairs) -> set[str]:
    """The passwords or hashes with which a REGISTER or INVITE is let in."""
    last = dict(params)
    password, a1_hash = last.get("password"), last.get("a1-hash")
    if not password and not a1_hash:
        return {ANYTHING} if last.get("allow-empty-password", "true") == "true" else set()
    # A hash that is there is compared with, were it empty (sofia_reg.c:3338).
    return {a1_hash} if a1_hash is not None else {password or ""}


def verto(params: Pairs) -> set[str]:
    """The same of a login to verto."""
    taken: str | None = None
    for name, value in params:
        if name in ("jsonrpc-password", "a1-hash") or (name == "password" and taken is None):
            taken = value
    return {taken} if taken else set()


def rtmp(params: Pairs) -> set[str]:
    """The same of mod_rtmp, which knows no hashes."""
    last = dict(params)
    if last.get("password"):
        return {last["password"]}
    return {ANYTHING} if last.get("allow-empty-password") == "true" else set()


def http(params: Pairs) -> set[str]:
    """The same of mod_xml_rpc, for users who may do anything by it."""
    last = dict(params)
    if not last.get("http-allowed-api"):
        return set()
    return {last["password"]} if "password" in last else {ANYTHING}


DOORS: tuple[Callable[[Pairs], set[str]], ...] = (sofia, verto, rtmp, http)


def _params(element: Element) -> Pairs:
    return [
        (param.attributes["name"].lower(), param.attributes["value"])
        for holder in element.all("params")[:1]
        for param in holder.children
    ]
