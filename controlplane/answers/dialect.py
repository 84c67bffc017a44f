"""XML as FreeSWITCH reads it: first a preprocessor line by line, then a small parser.

Every answer passes through `preprocess` (switch_xml.c:1511 ff) before it is parsed. A line that holds
`<?`, `<include>` or `</include>` is dropped, `$${name}` becomes a core variable, and a line that holds
`X-PRE-PROCESS` in any case, or `<!--#`, is dropped or *executed*. XML's own escaping does not help,
for the preprocessor knows nothing of XML; numeric character references do, for it does not know
them either and the parser decodes them (switch_xml_decode).

Two kinds of text exist:

- `literal`: arrives in the switch exactly as typed. Users and what they hold, groups, domains, sealed
  values and every name: what tenants can influence.
- `expanding`: the same, but a well-formed `$${name}` is left for FreeSWITCH to expand (or is replaced before,
  by `expansion`). SIP profiles, their gateways, ACL entries, documents and dialplan extensions: only
  operators write them, and FreeSWITCH's own samples use `$${local_ip_v4}` and the like there.

Neither can carry `<!`: when FreeSWITCH copies a user, its own writer stops escaping there
(switch_xml_ampencode), so that the rest of the value could become markup.
"""

import re
from collections.abc import Callable, Iterator, Mapping

from lxml import etree

from controlplane.answers.errors import Unwritable
from controlplane.desired.directives import directive
from controlplane.desired.values import SecretRef

Escape = Callable[[str], str]

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|<!")
_DIRECTIVE = "[xX](?=-[pP][rR][eE]-[pP][rR][oO][cC][eE][sS][sS])"
_LITERAL = re.compile(rf"[$?<>&\"'\n\t\r]|{_DIRECTIVE}")
_EXPANDING = re.compile(rf"[?<>&\"'\n\t\r]|\$(?=\$\{{)(?!\$\{{[\w.\-]+\}})|{_DIRECTIVE}", re.ASCII)
_SEALED = re.compile(r"sealed:([0-9]+)@([0-9]+)")


def _reference(match: re.Match[str]) -> str:
    return f"&#{ord(match[0])};"


def check(text: str) -> None:
    """Raise Unwritable when no XML can carry `text` into the switch."""
    bad = _NO_XML.search(text)
    if bad is not None:
        raise Unwritable(f"{bad[0]!r} cannot be given to FreeSWITCH")


def literal(text: str) -> str:
    """`text` for an attribute or element, to arrive as typed; raises Unwritable."""
    check(text)
    return _LITERAL.sub(_reference, text)


def expanding(text: str) -> str:
    """Like `literal`, but FreeSWITCH expands `$${name}`."""
    check(text)
    return _EXPANDING.sub(_reference, text)


def document(section: str, lines: list[str]) -> bytes:
    """A whole answer: `lines` within the named section, one element a line, no XML declaration."""
    head = f'<document type="freeswitch/xml">\n<section name="{literal(section)}">\n'
    return "".join((head, "\n".join(lines), "\n</section>\n</document>\n")).encode()


NOT_FOUND = (
    b'<document type="freeswitch/xml">\n<section name="result">\n'
    b'<result status="not found"/>\n</section>\n</document>\n'
)
"""Makes the switch try its next binding, then its files (switch_xml.c:1843-1871)."""


def rewritten(
    xml: str,
    opened: Mapping[SecretRef, str],
    *,
    name: str | None = None,
    inner: bool = False,
    text: Escape = expanding,
    cut: Callable[[etree._Element], object] | None = None,
) -> list[str]:
    """A checked element, written anew in the dialect: one element a line. `text`: how it is told.

    `opened` gives the texts of `sealed:ID@VERSION` attributes, which are written literally. `name`
    replaces the root's `name` attribute. `inner`: only what is inside the root. `text` writes every other
    value. `cut` may take elements out of the root first. Comments are dropped.
    Raises Unwritable for what the preprocessor would take as its own.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True)
    try:
        root = etree.fromstring(xml, parser)
    except etree.XMLSyntaxError as error:
        raise Unwritable(f"a stored element is not XML: {error}") from error
    if cut is not None:
        cut(root)
    if name is not None:
        root.set("name", name)
    if inner:
        return [line for child in root for line in _element(child, opened, text)]
    return list(_element(root, opened, text))


def _element(element: etree._Element, opened: Mapping[SecretRef, str], escape: Escape) -> Iterator[str]:
    if _is_directive(element):
        yield _directive(element)
        return
    tag = _name(element.tag)
    start = f"<{tag}" + "".join(
        f' {_name(key)}="{_attribute(value, opened, escape)}"' for key, value in element.attrib.items()
    )
    children = list(element)
    text = element.text
    if not children:
        # White space counts here: an action's text goes before its `data` (mod_dialplan_xml.c, parse_exten).
        yield f"{start}>{escape(text)}</{tag}>" if text else f"{start}/>"
        return
    text = text if text and not text.isspace() else None
    yield f"{start}>{escape(text)}" if text else f"{start}>"
    for child in children:
        yield from _element(child, opened, escape)
        if child.tail and not child.tail.isspace():
            yield escape(child.tail)
    yield f"</{tag}>"


def _is_directive(element: etree._Element) -> bool:
    return str(element.tag).lower() == "x-pre-process"


def _directive(element: etree._Element) -> str:
    """What a setting allowed an operator to write, on a line of its own; nothing decodes it, so nothing is
    escaped (checked when it was written: `desired.directives`)."""
    found = directive(element)
    return f'<X-PRE-PROCESS cmd="{found.command}" data="{found.data}"/>'


def _name(name: object) -> str:
    """A tag's or attribute's name; raises Unwritable for what the preprocessor or parser would not take."""
    if not isinstance(name, str) or "{" in name:
        raise Unwritable("processing instructions, entities and namespaces do not reach FreeSWITCH")
    if name == "include" or "x-pre-process" in name.lower():
        raise Unwritable(f"FreeSWITCH's preprocessor would take <{name}> for its own")
    return name


def _attribute(value: str | bytes, opened: Mapping[SecretRef, str], escape: Escape) -> str:
    value = value if isinstance(value, str) else value.decode()
    sealed = _SEALED.fullmatch(value)
    if sealed is None:
        return escape(value)
    ref = SecretRef(int(sealed[1]), int(sealed[2]))
    return literal(opened[ref]) if ref in opened else escape(value)
