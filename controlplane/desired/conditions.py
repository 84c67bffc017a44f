"""Extensions of a dialplan or chatplan as structured JSON, and back.

    {"continue": "true", "conditions": [{"field": "destination_number", "expression": "^9(.*)$",
      "actions": [{"application": "set", "data": "a=b", "inline": "true"}]}]}

Every attribute that FreeSWITCH reads (mod_dialplan_xml.c, mod_sms.c, switch_xml_std_datetime_check) is a
field of its name, with `_` for `-`; other attributes stand in `attributes`. Elements are lists by kind:
`regexes`, `actions`, `anti_actions`, `conditions` (nested). FreeSWITCH reads each kind by itself, so that
only the order within a kind counts, and is kept. `expression_text` is an `<expression>` element, which
counts before the attribute; `text` is an action's text, which counts before its `data`.

Values are texts, as FreeSWITCH reads them; `true`, `false` and whole numbers are taken for their texts.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any

from lxml import etree

from controlplane.desired.fields import Fields
from controlplane.desired.reach import TIMES
from controlplane.desired.text import wrong_text

Json = dict[str, Any]

DEEPEST = 100
"""Levels of nested conditions; FreeSWITCH gives up an extension that has more (MAX_RECUR)."""

_EXTENSION = ("continue",)
_CONDITION = ("field", "expression", "break", "regex", "require-nested", *TIMES)
_REGEX = ("field", "expression", *TIMES)
_ACTION = ("application", "data", "inline", "loop")

_ATTRIBUTE = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]*", re.ASCII)


class Inexpressible(ValueError):  # noqa: N818 - what it is
    """XML that says something which the structured form has no place for."""


def written(tree: etree._Element) -> Json:
    """Write an `<extension>`; its name is left to the caller. Raises Inexpressible."""
    _expect(tree, {"condition"})
    return _attributes(tree, _EXTENSION, "name") | {"conditions": _each(tree, "condition", _condition)}


def read(fields: Fields, name: str) -> etree._Element:
    """Read an extension's `continue`, `attributes` and `conditions`; mistakes are noted in `fields`."""
    tree = etree.Element("extension", name=name)
    _set(tree, fields, _EXTENSION, "name")
    _read_conditions(tree, fields, 1)
    return tree


def _condition(element: etree._Element) -> Json:
    _expect(element, {"expression", "regex", "action", "anti-action", "condition"})
    return (
        _attributes(element, _CONDITION)
        | _expression(element)
        | _listed(element, "regexes", "regex", _regex)
        | _listed(element, "actions", "action", _action)
        | _listed(element, "anti_actions", "anti-action", _action)
        | _listed(element, "conditions", "condition", _condition)
    )


def _regex(element: etree._Element) -> Json:
    _expect(element, {"expression"})
    return _attributes(element, _REGEX) | _expression(element)


def _action(element: etree._Element) -> Json:
    if len(element):
        raise Inexpressible
    return _attributes(element, _ACTION) | ({"text": element.text} if element.text else {})


def _expression(element: etree._Element) -> Json:
    found = element.findall("expression")
    if not found:
        return {}
    if len(found) > 1 or len(found[0]) or found[0].attrib:
        raise Inexpressible
    return {"expression_text": found[0].text or ""}


def _expect(element: etree._Element, tags: set[str]) -> None:
    """Nothing within but these elements and white space."""
    texts = (element.text, *(child.tail for child in element))
    if any(child.tag not in tags for child in element) or any(text and text.strip() for text in texts):
        raise Inexpressible


def _attributes(element: etree._Element, known: Iterable[str], *passed: str) -> Json:
    given = {str(name): str(value) for name, value in element.attrib.items() if name not in passed}
    said: Json = {_field(name): given.pop(name) for name in known if name in given}
    return said | ({"attributes": given} if given else {})


def _each(element: etree._Element, tag: str, write: Callable[[etree._Element], Json]) -> list[Json]:
    return [write(child) for child in element.iterchildren(tag)]


def _listed(
    element: etree._Element, name: str, tag: str, write: Callable[[etree._Element], Json]
) -> dict[str, list[Json]]:
    found = _each(element, tag, write)
    return {name: found} if found else {}


def _read_conditions(above: etree._Element, fields: Fields, depth: int) -> None:
    for one in fields.objects("conditions"):
        if depth > DEEPEST:
            one.refuse("", f"is nested deeper than {DEEPEST} levels, where FreeSWITCH gives up")
            return
        element = etree.SubElement(above, "condition")
        _set(element, one, _CONDITION)
        _read_expression(element, one)
        for regex in one.objects("regexes"):
            inner = etree.SubElement(element, "regex")
            _set(inner, regex, _REGEX)
            _read_expression(inner, regex)
        for name, tag in (("actions", "action"), ("anti_actions", "anti-action")):
            for action in one.objects(name):
                inner = etree.SubElement(element, tag)
                _set(inner, action, _ACTION)
                inner.text = _text(action, "text")
        _read_conditions(element, one, depth + 1)


def _read_expression(element: etree._Element, fields: Fields) -> None:
    text = _text(fields, "expression_text")
    if text is not None:
        etree.SubElement(element, "expression").text = text


def _set(element: etree._Element, fields: Fields, known: Iterable[str], *passed: str) -> None:
    for name in known:
        text = _text(fields, _field(name))
        if text is not None:
            element.set(name, text)
    others = fields.texts("attributes")
    for name, text in others.items():
        path = f"attributes.{name}"
        if name in known or name in passed:
            fields.refuse(path, "has a field of its own")
        elif _ATTRIBUTE.fullmatch(name) is None:
            fields.refuse(path, "is no name of an attribute")
        elif (reason := wrong_text(text)) is not None:
            fields.refuse(path, reason)
        else:
            element.set(name, text)


def _text(fields: Fields, name: str) -> str | None:
    text = fields.word(name)
    reason = None if text is None else wrong_text(text)
    if reason is not None:
        fields.refuse(name, reason)
        return None
    return text


def _field(attribute: str) -> str:
    return attribute.replace("-", "_")
