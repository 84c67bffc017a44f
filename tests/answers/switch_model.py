"""A model of how FreeSWITCH reads an answer: its preprocessor, its parser, and its copying of users.

Written from observing a switch and reading switch_xml.c, not copied from it. What would be executed is
recorded instead.
"""

from dataclasses import dataclass, field


class Unreadable(Exception):  # noqa: N818
    """The switch logs an error and goes on to its next binding."""


@dataclass
class Element:
    name: str
    attributes: dict[str, str]
    children: list["Element"] = field(default_factory=list)
    text: str = ""

    def child(self, name: str, /, **attributes: str) -> "Element":
        return next(
            child
            for child in self.children
            if child.name == name and attributes.items() <= child.attributes.items()
        )

    def all(self, name: str) -> list["Element"]:
        return [child for child in self.children if child.name == name]


def read(answer: bytes, variables: dict[str, str] | None = None) -> Element:
    """What the switch holds of `answer`; raises Unreadable, AssertionError for an executed directive."""
    return parse(preprocess(answer, variables or {}))


def preprocess(data: bytes, variables: dict[str, str]) -> bytes:
    kept = []
    for line in data.split(b"\n"):
        expanded = _expand(line + b"\n", variables)
        if any(mark in line for mark in (b"<include>", b"</include>", b"<?")):
            continue
        if b"x-pre-process" in expanded.lower():
            assert b"<x-pre-process" not in expanded.lower(), f"executed: {expanded!r}"
            continue
        assert b"<!--#" not in expanded, f"executed: {expanded!r}"
        kept.append(expanded)
    return b"".join(kept)


def _expand(line: bytes, variables: dict[str, str]) -> bytes:
    if b"$${" not in line:
        return line
    out, at = bytearray(), 0
    while at < len(line):
        if line[at : at + 3] == b"$${":
            end = _closing(line, at + 2)
            if end is not None:
                out += variables.get(line[at + 3 : end].decode("utf-8", "replace"), "").encode()
                at = end + 1
                continue
        out.append(line[at])
        at += 1
    return bytes(out)


def _closing(line: bytes, start: int) -> int | None:
    depth = 0
    for at in range(start, len(line)):
        depth += {0x7B: 1, 0x7D: -1}.get(line[at], 0)
        if depth == 0:
            return at
    return None


_SPACE = b"\t\r\n "
_ENTITIES = {b"lt;": b"<", b"gt;": b">", b"quot;": b'"', b"apos;": b"'", b"amp;": b"&"}


def decode(raw: bytes, attribute: bool) -> str:
    """Entities and white space, as switch_xml_decode treats them."""
    raw = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    out, at = bytearray(), 0
    while at < len(raw):
        if raw[at : at + 2] == b"&#":
            end = raw.find(b";", at)
            digits = raw[at + 2 : end]
            base = 16 if digits[:1] == b"x" else 10
            try:
                point = int(digits.lstrip(b"x"), base)
            except ValueError:
                point = 0
            if point:
                out += chr(point).encode("utf-8", "surrogatepass")
                at = end + 1
                continue
        elif raw[at : at + 1] == b"&":
            entity = next((name for name in _ENTITIES if raw.startswith(name, at + 1)), None)
            if entity is not None:
                out += _ENTITIES[entity]
                at += 1 + len(entity)
                continue
        out += b" " if attribute and raw[at : at + 1] in (b"\t", b"\n", b"\v", b"\f") else raw[at : at + 1]
        at += 1
    return out.decode("utf-8", "surrogateescape")


def parse(data: bytes) -> Element:
    """The tree; the parser stops after the root element."""
    if b"<" not in data:
        raise Unreadable("root tag missing")
    at, stack = data.index(b"<"), list[Element]()
    while at < len(data):
        if data[at : at + 4] == b"<!--":
            end = data.find(b"-->", at)
            if end < 0:
                raise Unreadable("unclosed <!--")
            at = end + 3
        elif data[at : at + 9] == b"<![CDATA[":
            end = data.find(b"]]>", at)
            if end < 0:
                raise Unreadable("unclosed <![CDATA[")
            if stack:
                stack[-1].text += data[at + 9 : end].decode("utf-8", "surrogateescape")
            at = end + 3
        elif data[at : at + 2] == b"</":
            end = data.find(b">", at)
            if end < 0:
                raise Unreadable("missing >")
            name = data[at + 2 : end].strip(_SPACE).decode()
            if not stack or stack[-1].name != name:
                raise Unreadable(f"unexpected closing tag </{name}>")
            closed = stack.pop()
            if not stack:
                return closed
            at = end + 1
        elif data[at + 1 : at + 2].isalpha() or data[at + 1 : at + 2] in (b"_", b":") or data[at + 1] > 0x7F:
            element, at, closes = _open(data, at + 1)
            if stack:
                stack[-1].children.append(element)
            if closes and not stack:
                return element
            if not closes:
                stack.append(element)
        else:
            raise Unreadable("unexpected <")
        end = data.find(b"<", at)
        if end < 0:
            break
        if stack and end > at:
            stack[-1].text += decode(data[at:end], attribute=False)
        at = end
    raise Unreadable("unclosed tag")


def _open(data: bytes, at: int) -> tuple[Element, int, bool]:
    start = at
    at = _until(data, at, _SPACE + b"/>")
    element = Element(data[start:at].decode(), {})
    while True:
        at = _skip(data, at)
        if data[at : at + 1] == b"/":
            if data[at + 1 : at + 2] != b">":
                raise Unreadable("missing >")
            return element, at + 2, True
        if data[at : at + 1] == b">":
            return element, at + 1, False
        if at >= len(data):
            raise Unreadable("missing >")
        start = at
        at = _until(data, at, _SPACE + b"=/>")
        name = data[start:at].decode()
        at = _skip(data, at, b"=")
        quote = data[at : at + 1]
        value = b""
        if quote in (b'"', b"'"):
            end = data.find(quote, at + 1)
            if end < 0:
                raise Unreadable("missing quote")
            value, at = data[at + 1 : end], end + 1
        element.attributes.setdefault(name, decode(value, attribute=True))


def _until(data: bytes, at: int, stops: bytes) -> int:
    while at < len(data) and data[at] not in stops:
        at += 1
    return at


def _skip(data: bytes, at: int, more: bytes = b"") -> int:
    while at < len(data) and data[at] in _SPACE + more:
        at += 1
    return at


def copied(element: Element) -> Element:
    """The element after the switch wrote and read it again, as it does with users it merges or caches."""
    return parse(_written(element))


def _written(element: Element) -> bytes:
    attributes = "".join(f' {name}="{_ampencode(value, True)}"' for name, value in element.attributes.items())
    inside = "".join(_written(child).decode("utf-8", "surrogateescape") for child in element.children)
    text = f"<{element.name}{attributes}>{_ampencode(element.text, False)}{inside}</{element.name}>"
    return text.encode("utf-8", "surrogateescape")


def _ampencode(text: str, attribute: bool) -> str:
    """Escaping stops for the rest of the text at `<!`."""
    plain, mark, immune = text.partition("<!")
    plain = plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#xD;")
    if attribute:
        plain = plain.replace('"', "&quot;").replace("\n", "&#xA;").replace("\t", "&#x9;")
    return plain + mark + immune
