"""Extensions and chatplans as they are given: as XML, or in the structured form of `conditions`."""

from typing import Any

from lxml import etree

from controlplane.desired import conditions, markup
from controlplane.desired.conditions import DEEPEST, Inexpressible
from controlplane.desired.fields import Fields

Json = dict[str, Any]

_FORM = ("continue", "attributes", "conditions")


def read_extension(fields: Fields, name: str) -> str:
    """Read an extension's XML: `xml`, or what `conditions` come to; of both, the same must be said."""
    if not fields.given("conditions"):
        for part in _FORM:
            if fields.given(part):
                fields.refuse(part, "belongs to conditions, which are not given")
            fields.drop(part)
        return fields.text("xml")
    tree = conditions.read(fields, name)
    return _one_of_both(fields, "conditions", tree, "extension", name)


def read_chatplan(fields: Fields, name: str) -> str:
    """Read a chatplan's XML: `xml`, or what its `extensions` come to; of both, the same must be said."""
    if not fields.given("extensions"):
        fields.drop("extensions")
        return fields.text("xml")
    tree = etree.Element("context", name=name)
    for one in fields.objects("extensions"):
        tree.append(conditions.read(one, one.text("name")))
    return _one_of_both(fields, "extensions", tree, "context", name)


def extension_form(xml: str) -> Json:
    """Write the structured form of a stored extension; `conditions` is None where there is none."""
    try:
        form = conditions.written(etree.fromstring(xml))
    except Inexpressible:
        form = {}
    return {name: form.get(name) for name in _FORM}


def chatplan_form(xml: str) -> Json:
    """Write the structured form of a stored chatplan; `extensions` is None where there is none."""
    try:
        return {"extensions": _extensions(etree.fromstring(xml))}
    except Inexpressible:
        return {"extensions": None}


def wrong(tree: etree._Element) -> str | None:
    """Say what FreeSWITCH would not do as it is written in an extension, chatplan or language, or None."""
    deepest = max(
        (sum(1 for _ in one.iterancestors("condition")) for one in tree.iter("condition")), default=0
    )
    if deepest >= DEEPEST:
        return f"nests conditions deeper than {DEEPEST} levels, where FreeSWITCH gives up"
    if tree.tag == "context" and deepest:
        return "nests conditions, which a chatplan cannot (mod_sms.c, parse_exten)"
    if tree.tag == "language" and tree.find("phrases/macros") is None:
        return "must hold <phrases> with <macros>, without which FreeSWITCH does not find the language"
    return None


def _one_of_both(fields: Fields, name: str, tree: etree._Element, root: str, own: str) -> str:
    given = fields.optional_text("xml")
    if given is None:
        return markup.written(tree)
    try:
        stands = markup.parsed(given, root, own)
        if (reason := wrong(stands)) is not None:
            fields.refuse("xml", reason)
        elif _said(stands) != _said(tree):
            fields.refuse(name, "says something else than xml: give one of them")
    except markup.BadMarkup as error:
        fields.refuse("xml", str(error))
    except Inexpressible:
        fields.refuse(name, "cannot say all that xml does: give one of them")
    return given


def _said(tree: etree._Element) -> object:
    return _extensions(tree) if tree.tag == "context" else conditions.written(tree)


def _extensions(tree: etree._Element) -> list[Json]:
    if set(tree.attrib) != {"name"} or any(
        child.tag != "extension" or not child.get("name") for child in tree
    ):
        raise Inexpressible
    return [{"name": child.attrib["name"], **conditions.written(child)} for child in tree]
