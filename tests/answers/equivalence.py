"""When two answers are the same to the switch: equal trees, after this list.

- `controlplane_fingerprint`, which our gateways carry;
- containers with nothing in them (`<aliases/>`, `<settings/>`, ...), and white space between elements;
- `description` attributes, which the switch does not read;
- of sofia.conf: profiles and gateways other than the ones asked for;
- of a network list: all but `id` and `cidr` of the users (switch_core.c, switch_load_network_lists);
- pointers, which no lookup of a user takes for one (switch_xml.c, find_user_in_tag);
- of conference.conf: what the request will not be answered from (`controlplane.answers.cutting`);
- of users that hold gateways, when gateways are asked for: all but these;
- `allow-empty-password`, which a user without credentials gets;
- the length of `cacheable`, where the recorded one is no number;
- of a context: extensions whose first condition the number asked for does not match;
- of a language: macros other than the one asked for.
"""

import re

from tests.answers.switch_model import Element

_EMPTY = {"aliases", "gateways", "domains", "settings", "variables", "params"}


def masked(
    element: Element,
    *,
    profile: str = "",
    gateway: str = "",
    purpose: str = "",
    number: str = "",
    macro: str = "",
    only: tuple[str, str] = ("", ""),
    counted: bool = True,
) -> Element:
    """The element without what does not count; see above."""
    children = []
    for child in element.children:
        name = child.attributes.get("name", "")
        if child.name == "variable" and name == "controlplane_fingerprint":
            continue
        if child.name == "param" and name == "allow-empty-password":
            continue
        if child.name == "profile" and element.name == "profiles" and profile not in ("", name):
            continue
        if child.name == "gateway" and gateway not in ("", name) and profile:
            continue
        if purpose and child.name in ("params", "variables") and element.name in ("user", "domain"):
            continue
        if child.name == "extension" and number and not _matches(child, number):
            continue
        if child.name == "macro" and macro not in ("", name):
            continue
        if element.name == "users" and child.attributes.get("type") == "pointer":
            continue
        if only[0] and element.name == "configuration" and child.name != only[0]:
            continue
        if only[0] and element.name == only[0] and only[1] not in ("", name):
            continue
        child = masked(
            child,
            profile=profile,
            gateway=gateway,
            purpose=purpose,
            number=number,
            macro=macro,
            only=only,
            counted=counted,
        )
        if child.name in {*_EMPTY, only[0]} and not child.children:
            continue
        if element.name == "groups" and [users.children for users in child.all("users")] == [[]]:
            continue
        children.append(child)
    attributes = {name: value for name, value in element.attributes.items() if name != "description"}
    if not counted and "cacheable" in attributes:
        attributes["cacheable"] = "?"
    return Element(element.name, attributes, children, element.text.strip())


def _matches(extension: Element, number: str) -> bool:
    """Good for the recorded contexts, which are of the simplest kind."""
    condition = extension.child("condition", field="destination_number")
    return re.search(condition.attributes["expression"], number) is not None
