"""When what a node is told and what it would read from disk are the same to the switch.

Beside what `tests.answers.equivalence` lists: defaults that we write, what only looks like a directive, and
the order of a profile's and a user's children, of which each kind is read by itself.
"""

from collections.abc import Iterator

from tests.answers.equivalence import masked
from tests.answers.switch_model import Element

_BY_KIND = ("profile", "user")


def alike(element: Element) -> Element:
    """The element without what makes no difference."""
    element = masked(element)
    _normal(element)
    return element


def users_of(domain: Element) -> Iterator[tuple[str, Element]]:
    """Each user of a domain with the name of the group in which he stands."""
    for group in domain.child("groups").children:
        for user in group.child("users").children:
            yield group.attributes["name"], user


def _normal(element: Element) -> None:
    element.children = [child for child in element.children if child.name != "X-NO-PRE-PROCESS"]
    if element.name == "domain":
        for name in ("alias", "parse"):
            if element.attributes.get(name) == "false":
                del element.attributes[name]
    if element.name in _BY_KIND:
        element.children.sort(key=lambda child: child.name)
    for child in element.children:
        _normal(child)
