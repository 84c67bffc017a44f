"""The configuration section: profiles, gateways and ACL lists as rows, all else as documents."""

import ipaddress
from copy import deepcopy

from controlplane.exchange.imported import Json
from controlplane.exchange.tree import Element, Reading, cleaned, named

_SOFIA = "sofia.conf"
_ACL = "acl.conf"
_OURS = "controlplane_"
# switch_utils.h, switch_true
_TRUE = ("yes", "on", "true", "t", "enabled", "active", "allow")


def configuration(reading: Reading, element: Element) -> None:
    """Read one `<configuration>`."""
    name = reading.name(element)
    if name.lower() == _SOFIA:
        _sofia(reading, element)
    elif name.lower() == _ACL:
        _acls(reading, element)
    else:
        element.set("name", name)
        reading.add(element, "document", name, "", {"xml": cleaned(reading, element)})


def gateway(reading: Reading, element: Element, *, put_in: bool) -> Json:
    """Read what a `<gateway>` says beside its name: its parameters stand right in it."""
    reading.only(element, "name")
    variables: list[Json] = []

    def held(child: Element) -> None:
        reading.only(child)
        reading.children(child, variable=_nothing)
        variables.extend(
            one
            for one in reading.params(child, "variable", put_in=put_in, directed=True)
            if not one["name"].lower().startswith(_OURS)
        )

    reading.children(element, param=_nothing, variables=held)
    return {"params": reading.params(element, "param", put_in=put_in), "variables": variables}


def true(text: str | None) -> bool:
    """Read a truth as FreeSWITCH does: a word for it, or a number that is not 0."""
    text = (text or "").lower()
    return text in _TRUE or (text.isdecimal() and text.strip("0") != "")


def _nothing(element: Element) -> None:
    """Read elsewhere."""


def _sofia(reading: Reading, element: Element) -> None:
    settings = deepcopy(element)
    for child in list(settings):
        if child.tag != "global_settings":
            settings.remove(child)
    if len(settings):
        settings.attrib.clear()  # a description is never told
        settings.set("name", _SOFIA)
        reading.add(element, "document", _SOFIA, "", {"xml": cleaned(reading, settings)})

    def profiles(child: Element) -> None:
        reading.only(child)
        reading.children(child, profile=lambda one: _profile(reading, one))

    reading.children(element, global_settings=_nothing, profiles=profiles)


def _profile(reading: Reading, element: Element) -> None:
    reading.only(element, "name")
    name = reading.name(element)
    params: list[Json] = []
    aliases: list[str] = []
    domains: list[Json] = []
    gateways: list[Element] = []

    def settings(child: Element) -> None:
        reading.only(child)
        reading.children(child, param=_nothing)
        params.extend(reading.params(child, "param", put_in=False))

    def alias(child: Element) -> None:
        reading.only(child, "name")
        aliases.append(reading.name(child))

    def domain(child: Element) -> None:
        reading.only(child, "name", "alias", "parse")
        said = {"alias": true(child.get("alias")), "parse": true(child.get("parse"))}
        domains.append({"name": reading.name(child), **said})

    reading.children(
        element,
        settings=settings,
        aliases=lambda child: reading.children(child, alias=alias),
        domains=lambda child: reading.children(child, domain=domain),
        gateways=lambda child: reading.children(child, gateway=gateways.append),
    )
    if reading.add(element, "profile", name, "", {"params": params, "aliases": aliases, "domains": domains}):
        for one in gateways:
            spec = {"profile": name, **gateway(reading, one, put_in=False)}
            reading.add(one, "gateway", reading.name(one), "", spec)


def _acls(reading: Reading, element: Element) -> None:
    def lists(child: Element) -> None:
        reading.children(child, list=lambda one: _acl(reading, one))

    reading.children(element, network_lists=lists)


def _acl(reading: Reading, element: Element) -> None:
    reading.only(element, "name", "default")
    reading.children(element, node=_nothing)
    allow = true(element.get("default"))
    entries = [entry for node in named(element, "node") for entry in _entries(reading, node, allow)]
    spec = {"default": _verdict(allow), "entries": entries}
    reading.add(element, "acl", reading.name(element), "", spec)


def _entries(reading: Reading, node: Element, default: bool) -> list[Json]:
    """Read a `<node>` as switch_core.c does (switch_load_network_lists): first `domain`."""
    reading.only(node, "type", "cidr", "host", "mask", "domain", "description")
    kind = _verdict(true(node.get("type")) if "type" in node.attrib else default)
    if "domain" in node.attrib:
        return [{"type": kind, "domain": reading.name(node, "domain")}]
    cidr = node.get("cidr")
    if cidr is None and "host" in node.attrib and "mask" in node.attrib:
        try:
            cidr = str(ipaddress.ip_network(f"{node.get('host')}/{node.get('mask')}", strict=False))
        except ValueError as error:
            reading.lost(node, str(error))
            return []
    if cidr is None:
        reading.note(node, "names no address and no domain, so FreeSWITCH passes it over")
        return []
    # switch_utils.c, switch_network_list_add_cidr_token: a list, separated by commas.
    return [{"type": kind, "cidr": one.strip()} for one in reading.put_in(node, cidr).split(",")]


def _verdict(allow: bool) -> str:
    return "allow" if allow else "deny"
