"""The directory section: domains, groups and users as rows; pointers as memberships."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from controlplane.desired import markup
from controlplane.exchange.configuration import gateway
from controlplane.exchange.imported import Json
from controlplane.exchange.tree import GIVEN_BY, Element, Reading, cleaned

# switch_xml.c multiplies it by 1000 in 32 bits: more overflows.
_LONGEST_CACHED_MS = 2_147_483
_CREDENTIALS = ("password", "a1-hash", "allow-empty-password")
_A1_HASH = re.compile("[0-9a-fA-F]{32}")
_CONTAINERS = {"params": "param", "variables": "variable", "profile_variables": "variable"}


@dataclass(slots=True)
class _Users:
    """The users of one domain as they are found: who they are, and in which groups."""

    own: dict[str, Element] = field(default_factory=dict)
    groups: dict[str, list[str]] = field(default_factory=dict)
    pointers: list[tuple[Element, str, str]] = field(default_factory=list)
    credentials_given: bool = False
    """The domain or one of its groups gives a password, or an a1-hash."""


def domain(reading: Reading, element: Element) -> None:
    """Read one `<domain>` with all that stands in it."""
    reading.only(element, "name")
    name, users = reading.name(element), _Users()
    held = _Held(reading)
    reading.children(
        element,
        **held.readers(),
        groups=lambda child: reading.children(child, group=lambda one: _group(reading, one, name, users)),
        users=lambda child: reading.children(child, user=lambda one: _found(reading, one, None, users)),
        user=lambda one: _found(reading, one, None, users),
    )
    if not reading.add(element, "domain", name, "", held.spec):
        return
    users.credentials_given = users.credentials_given or bool(held.credentials())
    for pointer, user, group in users.pointers:
        if user not in users.own:
            reading.note(pointer, f"points at user {user}, whom the domain does not have")
        elif group not in users.groups[user]:
            users.groups[user].append(group)
    for user, one in users.own.items():
        _user(reading, one, user, name, users)


class _Held:
    """The `<params>`, `<variables>` and `<profile-variables>` of one element, as fields of its row."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self.spec: Json = {}

    def readers(self) -> dict[str, Callable[[Element], None]]:
        """Give what reads each, for `Reading.children`."""
        return dict.fromkeys(_CONTAINERS, self._read)

    def credentials(self) -> list[Json]:
        """Give the params by which a caller is known, or not asked to be."""
        return [one for one in self.spec.get("params", ()) if one["name"].lower() in _CREDENTIALS]

    def _read(self, element: Element) -> None:
        kind = str(element.tag).replace("-", "_")
        tag = _CONTAINERS[kind]
        self._reading.only(element)
        self._reading.children(element, **{tag: lambda _: None})
        found = self._reading.params(element, tag, put_in=True)
        if found:
            self.spec.setdefault(kind, []).extend(found)


def _group(reading: Reading, element: Element, domain_name: str, users: _Users) -> None:
    reading.only(element, "name")
    name, held = reading.name(element), _Held(reading)
    reading.children(
        element,
        **held.readers(),
        users=lambda child: reading.children(child, user=lambda one: _found(reading, one, name, users)),
    )
    reading.add(element, "group", name, domain_name, held.spec)
    users.credentials_given = users.credentials_given or bool(held.credentials())


def _found(reading: Reading, element: Element, group: str | None, users: _Users) -> None:
    """Note where a user stands; FreeSWITCH takes the first place that is no pointer."""
    name = reading.name(element, "id")
    if element.get("type") == "pointer":
        if group is not None:
            users.pointers.append((element, name, group))
        return
    if name in users.own:
        reading.note(element, f"user {name} stands at {reading.place(users.own[name])} already")
        if group is not None:
            users.pointers.append((element, name, group))
        return
    users.own[name] = element
    users.groups[name] = [group] if group is not None else []


def _user(reading: Reading, element: Element, name: str, domain_name: str, users: _Users) -> None:
    reading.only(element, "id", "number-alias", "cidr", "cacheable", "type")
    held, gateways, elements, hashes = _Held(reading), list[Json](), list[str](), list[Json]()
    groups = users.groups[name]

    def gateway_of(child: Element) -> None:
        gateways.append({"name": reading.name(child), **gateway(reading, child, put_in=True)})

    def further(child: Element) -> None:
        xml = cleaned(reading, child, put_in=True)
        try:
            markup.further(xml)
        except markup.BadMarkup as error:
            reading.lost(child, f"<{child.tag}> {error}")
        else:
            elements.append(xml)

    reading.children(
        element,
        further,
        **held.readers(),
        gateways=lambda child: reading.children(child, gateway=gateway_of),
        a1_hashes=lambda child: reading.children(
            child, a1_hash=lambda one: hashes.append(_hash(reading, one))
        ),
    )
    only = held.credentials()
    if not (hashes or users.credentials_given or len(only) != 1) and _is_hash(only[0]):
        # By it alone he is known, whatever his realm is; as a rule it is his domain.
        held.spec["params"].remove(only[0])
        hashes.append({"realm": domain_name, "hash": only[0]["value"]})
    spec = {field: said for field, said in held.spec.items() if said}
    if hashes:
        spec["a1_hashes"] = hashes
    alias = reading.told(element, element.get("number-alias", ""))
    if alias and alias != name:
        spec["number_alias"] = alias
    if element.get("cidr"):
        spec["cidr"] = reading.told(element, element.get("cidr", ""))
    if groups:
        spec["groups"] = groups
    if elements:
        spec["elements"] = elements
    if gateways:
        spec["gateways"] = gateways
    cacheable = element.get("cacheable")
    if cacheable and GIVEN_BY not in element.attrib:
        # Whatever is no number means "for ever" (switch_xml.c, switch_xml_locate_user_merged).
        ms = int(cacheable[:15]) if cacheable.isdecimal() else _LONGEST_CACHED_MS
        spec["cacheable"] = min(ms, _LONGEST_CACHED_MS)
    reading.add(element, "user", name, domain_name, spec)


def _hash(reading: Reading, element: Element) -> Json:
    """Read a hash in our own exports: FreeSWITCH has but one for a user, and none that names its realm."""
    reading.only(element, "realm", "username", "hash")
    return {str(name): reading.told(element, str(value)) for name, value in element.attrib.items()}


def _is_hash(param: Json) -> bool:
    return param["name"].lower() == "a1-hash" and _A1_HASH.fullmatch(param["value"]) is not None
