"""The parsed text: elements that know where they come from, and what of them nobody has read yet."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from lxml import etree

from controlplane.desired.sensitive import sensitive, sensitive_name
from controlplane.desired.variables import REFERENCE
from controlplane.exchange.errors import Place, Refused
from controlplane.exchange.imported import Json, Row
from controlplane.exchange.preprocess import Note, Source
from controlplane.exchange.variables import LARGEST_TEXT, references, replaced

Element = etree._Element

# mod_dialplan_xml.c, parse_exten: the text of these is data, white space too.
_SPOKEN = ("action", "anti-action")

GIVEN_BY = "given-by"
"""Marks in our own exports a `<param>` that its row does not hold: which group gives it, or we ourselves.

FreeSWITCH reads `name` and `value` alone.
"""


# The preprocessor does not know these, so they begin no variable.
_DOLLAR = re.compile("&#(?:0*36|[xX]0*24);")
_PRIVATE = frozenset(map(chr, range(0xE000, 0xF900)))


def parse(source: Source) -> tuple[Element, str]:
    """Parse the whole text; raises Refused with the file and line of what is no XML.

    Gives, too, the character that stands in it for every `$` that begins no variable.
    """
    at = source.text.find("<!DOCTYPE")
    if at >= 0:
        raise Refused(source.place(source.text.count("\n", 0, at) + 1), "holds a document type")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True, huge_tree=True
    )
    dollar = min(_PRIVATE.difference(source.text), default="")
    if not dollar:
        raise Refused(source.place(1), "what is included holds every private character of Unicode")
    try:
        tree = etree.fromstring(_DOLLAR.sub(dollar, source.text).encode(), parser)
    except etree.XMLSyntaxError as error:
        place = source.place(error.lineno)
        raise Refused(place, f"is not well-formed XML: {str(error.msg).partition(', line ')[0]}") from None
    return tree, dollar


@dataclass(slots=True)
class Reading:
    """A folder being read: the rows found so far, and notes on what no row says."""

    source: Source
    dollar: str
    """What stands for a `$` that begins no variable."""
    rows: list[Row] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    _seen: dict[tuple[str, str, str], Place] = field(default_factory=dict)
    _grown: int = 0

    def place(self, element: Element) -> Place:
        """Say where an element begins."""
        line: Any = element.sourceline
        place = self.source.place(line)
        assert place is not None  # noqa: S101 - a parsed text has lines
        return place

    def lost(self, element: Element, reason: str) -> None:
        """Note what FreeSWITCH would read and no row says."""
        self.notes.append(Note(self.place(element), reason, lost=True))

    def note(self, element: Element, reason: str) -> None:
        """Note what FreeSWITCH does not read either."""
        self.notes.append(Note(self.place(element), reason))

    def add(self, element: Element, noun: str, name: str, parent: str, spec: Json) -> bool:
        """Take a row, unless one of that name stands; FreeSWITCH, too, takes the first it finds."""
        key, place = (noun, name, parent), self.place(element)
        first = self._seen.setdefault(key, place)
        if first is not place:
            self.note(element, f"{noun} {name} stands at {first} already, which is the one FreeSWITCH finds")
            return False
        self.rows.append(Row(noun, name, parent, spec, place))
        return True

    def name(self, element: Element, attribute: str = "name") -> str:
        """Give a name with its variables put in: lookups ask for it by what it comes to. Raises Refused."""
        return self.put_in(element, element.get(attribute, ""))

    def put_in(self, element: Element, text: str) -> str:
        """Give a text with its variables put in; raises Refused for one that nobody sets."""
        text = self._filled(element, text)
        for _, _, missing in references(text):
            reason = f"{text} is known on the switch alone: say what {missing} is (--set {missing}=...)"
            raise Refused(self.place(element), reason)
        return text

    def only(self, element: Element, *attributes: str) -> None:
        """Note every attribute but these as lost."""
        for name in map(str, element.attrib):
            if name not in attributes:
                self.lost(element, f"the attribute {name} of <{element.tag}> has no place in a row")

    def children(
        self,
        element: Element,
        others: Callable[[Element], None] | None = None,
        /,
        **readers: Callable[[Element], None],
    ) -> None:
        """Hand each child to the reader of its tag, the rest to `others`, unless they say nothing.

        Without `others` they are noted as lost.
        """
        if any(text and text.strip() for text in (element.text, *(child.tail for child in element))):
            self.lost(element, f"the text in <{element.tag}> has no place in a row")
        for child in element:
            reader = readers.get(str(child.tag).replace("-", "_"))
            if reader is not None:
                reader(child)
            elif ignored(child):
                self.note(child, f"<{child.tag}> is nothing to FreeSWITCH")
            elif empty(child):
                continue
            elif others is not None:
                others(child)
            else:
                self.lost(child, f"<{child.tag}> in <{element.tag}> has no place in a row")

    def params(self, element: Element, tag: str, *, put_in: bool, directed: bool = False) -> list[Json]:
        """Read the `<param>` or `<variable>` elements right below an element."""
        return [
            self.param(child, put_in=put_in, directed=directed)
            for child in element
            if child.tag == tag and GIVEN_BY not in child.attrib
        ]

    def param(self, element: Element, *, put_in: bool, directed: bool = False) -> Json:
        """Read one. `put_in`: its row's values are told as they are, so variables are put in now."""
        more = ("direction",) if directed else ()
        self.only(element, "name", "value", *more)
        self.children(element)
        name, value = element.get("name", ""), element.get("value", "")
        # A sealed value is told as it is too.
        if put_in or (sensitive(name, value) and not self.stays(value)):
            value = self.told(element, value)
        found: Json = {"name": name, "value": value}
        if directed and element.get("direction"):
            found["direction"] = element.get("direction")
        return found

    def stays(self, text: str) -> bool:
        """Say whether a text is but a variable that becomes a row: then it is no password itself."""
        found = REFERENCE.fullmatch(text)
        return found is not None and found[1] in self.source.variables

    def told(self, element: Element, text: str) -> str:
        """Put in the variables that the files set; note those that they do not."""
        text = self._filled(element, text)
        for _, _, name in references(text):
            self.lost(element, f"$${{{name}}} does not expand here; say what it is (--set {name}=...)")
        return text

    def _filled(self, element: Element, text: str) -> str:
        if "$${" not in text:
            return text
        place = self.place(element)
        filled = replaced(text, self.source.values.get, place)
        self._grown += len(filled) - len(text)
        if self._grown > LARGEST_TEXT:
            raise Refused(place, f"all variables put in come to more than {LARGEST_TEXT} characters")
        return filled


def ignored(element: Element) -> bool:
    """Say whether an element only looks like a directive: FreeSWITCH's way of taking one out of use."""
    return str(element.tag).lower().endswith("-pre-process")


def empty(element: Element) -> bool:
    """Say whether nothing is said in an element or below it."""
    return not any(one.attrib or (one.text or "").strip() for one in element.iter())


def cleaned(reading: Reading, element: Element, *, put_in: bool = False) -> str:
    """Write an element as it is kept, without what only looks like a directive. `put_in`: as in `param`."""
    for child in [one for one in element.iter() if ignored(one)]:
        above = child.getparent()
        if above is not None:
            reading.note(child, f"<{child.tag}> is nothing to FreeSWITCH")
            _cut(above, child)
    for one in element.iter():
        for name, value in one.attrib.items():
            by_name = name == "value" and sensitive(one.get("name", ""), str(value))
            sealed = by_name or sensitive_name(str(name))
            if put_in or (sealed and not reading.stays(str(value))):
                one.set(name, reading.told(one, str(value)))
        if put_in:
            one.text, one.tail = (text and reading.told(one, text) for text in (one.text, one.tail))
    # White space between elements says nothing, and made alike the same content is the same row.
    for one in element.iter():
        if not len(one) and one.tag not in _SPOKEN and not (one.text or "").strip():
            one.text = None
    etree.indent(element)
    return etree.tostring(element, encoding="unicode", with_tail=False)


def _cut(above: Element, child: Element) -> None:
    before = child.getprevious()
    if child.tail:
        if before is None:
            above.text = (above.text or "") + child.tail
        else:
            before.tail = (before.tail or "") + child.tail
    above.remove(child)


def named(element: Element, tag: str) -> Iterator[Element]:
    """Give the children of that tag."""
    return (child for child in element if child.tag == tag)
