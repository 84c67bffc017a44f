"""Dialplan and chatplan contexts, and languages."""

from collections import Counter

from lxml import etree

from controlplane.desired.plans import wrong
from controlplane.exchange.tree import Element, Reading, cleaned

_STEP = 10  # so that an extension can be put between two


def context(reading: Reading, element: Element) -> None:
    """Read a dialplan `<context>`: its extensions are rows of their own, in their order.

    FreeSWITCH lets several bear one name, or none; a row's name is then `NAME#2`, `NAME#3`, `#1`, ...
    """
    reading.only(element, "name")
    name = reading.name(element)
    extensions: list[Element] = []
    reading.children(element, extension=extensions.append)
    if not reading.add(element, "context", name, "", {}):
        return
    taken = {one.get("name", "") for one in extensions}
    count: Counter[str] = Counter()
    for position, one in enumerate(extensions, 1):
        label = said = one.get("name", "")
        while count[said] or not label:
            count[said] += 1
            label = f"{said}#{count[said]}"
            if label not in taken:
                break
        count[said] = max(count[said], 1)
        taken.add(label)
        spec = {"position": position * _STEP, "xml": cleaned(reading, one)}
        if _fits(reading, one, f"extension {label}"):
            reading.add(one, "extension", label, name, spec)


def chatplan(reading: Reading, element: Element) -> None:
    """Read a chatplan `<context>` whole."""
    _whole(reading, element, "chatplan")


def language(reading: Reading, element: Element) -> None:
    """Read a `<language>` whole."""
    _whole(reading, element, "language")


def phrases(reading: Reading, element: Element) -> None:
    """Read the `<macros>` of the section phrases: the older form of languages, a `<language>` in it each."""
    reading.only(element)

    def older(one: Element) -> None:
        made = etree.Element("language", {str(name): str(value) for name, value in one.attrib.items()})
        made.sourceline = one.sourceline
        macros = etree.SubElement(etree.SubElement(made, "phrases"), "macros")
        macros.text = one.text
        macros.extend(list(one))
        language(reading, made)

    reading.children(element, language=older)


def _whole(reading: Reading, element: Element, noun: str) -> None:
    name = reading.name(element)
    element.set("name", name)
    if _fits(reading, element, f"{noun} {name}"):
        reading.add(element, noun, name, "", {"xml": cleaned(reading, element)})


def _fits(reading: Reading, element: Element, what: str) -> bool:
    """Whether FreeSWITCH would do what is written; else it is told of."""
    reason = wrong(element)
    if reason is not None:
        reading.lost(element, f"the {what} {reason}")
    return reason is None
