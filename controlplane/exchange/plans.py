"""Dialplan and chatplan contexts, and languages."""

from collections import Counter

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
        reading.add(one, "extension", label, name, spec)


def chatplan(reading: Reading, element: Element) -> None:
    """Read a chatplan `<context>` whole."""
    _whole(reading, element, "chatplan")


def language(reading: Reading, element: Element) -> None:
    """Read a `<language>` whole."""
    _whole(reading, element, "language")


def _whole(reading: Reading, element: Element, noun: str) -> None:
    name = reading.name(element)
    element.set("name", name)
    reading.add(element, noun, name, "", {"xml": cleaned(reading, element)})
