"""The XML that operators write: extensions, documents and the like, parsed, checked and made uniform.

What is stored is what lxml writes of the parsed tree: comments are gone (they may hold old
passwords), CDATA is text, and the same tree is always the same text.
"""

import re
from collections.abc import Callable, Iterator
from xml.sax.saxutils import quoteattr

from lxml import etree

from controlplane.desired.directives import NONE, Allowed, wrong_directive
from controlplane.desired.sensitive import sensitive, sensitive_name
from controlplane.desired.text import wrong_text

_INCLUDE = re.compile(r'<!--#([\w-]+)\s+"([^"<>&]*)"\s*-->')
# switch_xml.c, preprocess: what these names would make of a line.
_DIRECTIVES = ("x-pre-process", "x-no-pre-process")
_LONGEST = 1_000_000

# What a user's row has fields for.
_OF_USERS = ("params", "variables", "profile-variables", "gateways", "a1-hashes")

Slot = tuple[str, int]
"""Where in a value a password stands: its path, and the how manieth of that path it is."""


class BadMarkup(ValueError):  # noqa: N818  # named for what it is
    """XML that cannot be served; the message is for the operator."""


def parsed(text: str, root: str, name: str, allowed: Allowed = NONE) -> etree._Element:
    """Parse one element and check it; raises BadMarkup. `allowed`: directives that it may hold."""
    tree = _tree(text, allowed)
    if tree.tag != root:
        raise BadMarkup(f"must be one <{root}> element, not <{tree.tag}>")
    if tree.get("name") != name and not (root == "extension" and _one_of_several(tree, name)):
        raise BadMarkup(f"its name attribute must be {name!r}, as its row's name")
    return tree


def further(text: str) -> etree._Element:
    """Parse and check an element that a user holds beside those he has fields for; raises BadMarkup."""
    tree = _tree(text)
    if tree.tag in _OF_USERS:
        raise BadMarkup(f"<{tree.tag}> has a field of its own")
    for element, attribute, _ in _sensitive(tree):
        raise BadMarkup(f"holds a password ({attribute} of <{element.tag}>), which only params keep sealed")
    return tree


def _tree(text: str, allowed: Allowed = NONE) -> etree._Element:
    """Parse one element, all of which can be served; raises BadMarkup."""
    if len(text) > _LONGEST:
        raise BadMarkup(f"is longer than {_LONGEST} characters")
    if "<?" in text:
        raise BadMarkup("holds <?: FreeSWITCH drops the whole line (leave the XML declaration away)")
    if "<!--#" in text:
        if not allowed.preprocessor:
            raise BadMarkup("holds <!--#, which FreeSWITCH's preprocessor may execute: no setting allows it")
        text = _INCLUDE.sub(_as_element, text)
        if "<!--#" in text:
            raise BadMarkup('holds <!--# in another form than <!--#COMMAND "DATA"-->')
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise BadMarkup("holds a document type")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True, huge_tree=False)
    try:
        tree = etree.fromstring(text, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise BadMarkup(f"is not well-formed XML: {error}") from None
    for element in tree.iter():
        _check(element, allowed)
    return tree


def _one_of_several(tree: etree._Element, name: str) -> bool:
    """Whether the row is one of several extensions of one name: `NAME#2`; of those without a name, `#1`."""
    said, mark, number = name.rpartition("#")
    return bool(mark) and said == tree.get("name", "") and number.isascii() and number.isdigit()


def written(tree: etree._Element) -> str:
    """Write a tree that `parsed` gave."""
    return etree.tostring(tree, encoding="unicode", with_tail=False)


def secrets_mapped(tree: etree._Element, change: Callable[[Slot, str], str]) -> None:
    """Put `change(slot, text)` in place of every attribute's value that holds a password."""
    for element, attribute, slot in _sensitive(tree):
        element.set(attribute, change(slot, element.get(attribute, "")))


def others(tree: etree._Element) -> Iterator[str]:
    """Give every attribute's value and text that holds no password."""
    held = {(element, attribute) for element, attribute, _ in _sensitive(tree)}
    for element in tree.iter():
        yield from (str(value) for name, value in element.items() if (element, name) not in held)
        yield from (str(text) for text in (element.text, element.tail) if text)


def _as_element(match: re.Match[str]) -> str:
    """FreeSWITCH knows two ways to write a directive: one is kept."""
    return f"<X-PRE-PROCESS cmd={quoteattr(match[1])} data={quoteattr(match[2])}/>"


def _check(element: etree._Element, allowed: Allowed) -> None:
    if not isinstance(element.tag, str):
        raise BadMarkup("holds an entity or an instruction")
    if element.tag.lower() == "x-pre-process":
        reason = wrong_directive(element, allowed)
        if reason is not None:
            raise BadMarkup(reason)
        return
    for name in (element.tag, *(str(name) for name, _ in element.items())):
        if "{" in name or element.prefix:
            raise BadMarkup(f"uses a namespace on <{etree.QName(element).localname}>")
        if name.lower() in _DIRECTIVES or name.lower() == "include":
            raise BadMarkup(f"holds {name}, which FreeSWITCH's preprocessor takes for itself")
    for value in (*element.values(), element.text or "", element.tail or ""):
        wrong = wrong_text(str(value))
        if wrong is not None:
            raise BadMarkup(f"<{element.tag}> {wrong}")


def _sensitive(tree: etree._Element) -> Iterator[tuple[etree._Element, str, Slot]]:
    seen: dict[str, int] = {}
    for element in tree.iter():
        name = element.get("name", "")
        for attribute, value in element.items():
            attribute = str(attribute)
            if attribute == "name":
                continue
            by_name = attribute == "value" and sensitive(name, str(value))
            if (
                by_name
                or sensitive_name(attribute)
                or (sealed(str(value)) is not None and attribute == "value")
            ):
                path = _path(element, attribute)
                seen[path] = seen.get(path, -1) + 1
                yield element, attribute, (path, seen[path])


def _path(element: etree._Element, attribute: str) -> str:
    steps = [f"@{attribute}"]
    for above in (element, *element.iterancestors()):
        steps.append(f"{above.tag}[{above.get('name', '')}]")
    return "/".join(reversed(steps))


def sealed(value: str) -> str | None:
    """Give what follows `sealed:`, or None."""
    start, _, rest = value.partition(":")
    return rest if start == "sealed" else None
