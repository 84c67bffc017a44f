"""What a node's own files say, as it read them last: of `xml_locate root`, only what is examined.

Passwords stand in it, too; they are not taken over.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lxml import etree

_TRUE = frozenset({"true", "yes", "on", "enabled", "active", "allow", "t"})
"""switch_utils.h, switch_true: or a number that is not 0."""


class Unreadable(ValueError):  # noqa: N818  # named for what happened
    """The text is no document of FreeSWITCH."""


@dataclass(frozen=True, slots=True)
class Binding:
    """A binding of xml_curl.conf. `sections`: empty for all; `timeout` in seconds, 0: for ever.

    `checks_certificate`, `checks_name`: of our certificate, whether it is checked at all, and its name.
    """

    name: str
    url: str
    sections: frozenset[str]
    timeout: int
    checks_certificate: bool
    checks_name: bool
    user: str
    max_bytes: int | None


@dataclass(frozen=True, slots=True)
class Disk:
    """`bindings` None: there is no xml_curl.conf. `guards`: what event_socket.conf lets in.

    `domains`: of the directory, and how many users each has. `contexts`: of the dialplan.
    """

    bindings: tuple[Binding, ...] | None
    guards: tuple[str, ...]
    domains: Mapping[str, int]
    contexts: tuple[str, ...]


def read(text: str) -> Disk:
    """Read the whole document; raises Unreadable, which shows nothing of it."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True)
    try:
        root = etree.fromstring(text.encode(), parser)
    except etree.XMLSyntaxError as error:
        raise Unreadable(f"no XML at line {error.lineno}") from None
    directory = {
        domain.get("name", ""): sum(1 for _ in domain.iter("user"))
        for section in _sections(root, "directory")
        for domain in section.iterfind("domain")
    }
    contexts = (
        context.get("name", "")
        for section in _sections(root, "dialplan")
        for context in section.iterfind("context")
    )
    curl, guard = _configuration(root, "xml_curl.conf"), _configuration(root, "event_socket.conf")
    return Disk(
        None if curl is None else tuple(_bindings(curl)),
        () if guard is None else tuple(_guards(guard)),
        directory,
        tuple(contexts),
    )


def _sections(root: etree._Element, name: str) -> Iterator[etree._Element]:
    return (section for section in root.iterfind("section") if section.get("name") == name)


def _configuration(root: etree._Element, name: str) -> etree._Element | None:
    """The first of that name, as FreeSWITCH takes (switch_xml_find_child)."""
    for section in _sections(root, "configuration"):
        for found in section.iterfind("configuration"):
            if found.get("name", "").lower() == name:
                return found
    return None


def _params(element: etree._Element, path: str) -> Iterator[tuple[str, str, etree._Element]]:
    for param in element.iterfind(path):
        yield param.get("name", "").lower(), param.get("value", ""), param


def _guards(element: etree._Element) -> Iterator[str]:
    for name, value, _ in _params(element, "settings/param"):
        if name == "apply-inbound-acl":
            yield value


def _bindings(element: etree._Element) -> Iterator[Binding]:
    for binding in element.iterfind("bindings/binding"):
        # The last of a name wins (mod_xml_curl.c, do_config).
        params = {name: (value, param) for name, value, param in _params(binding, "param")}
        values = {name: value for name, (value, _) in params.items()}
        if "gateway-url" not in params:
            continue
        sections = params["gateway-url"][1].get("bindings", "")
        yield Binding(
            name=binding.get("name", ""),
            url=values["gateway-url"],
            sections=frozenset(word.strip() for word in sections.split("|") if word.strip()),
            timeout=_number(values.get("timeout", "")) or 0,
            # Once "true" stays true: nothing sets it back.
            checks_certificate=_any_true(binding, "enable-cacert-check"),
            checks_name=_any_true(binding, "enable-ssl-verifyhost"),
            user=values.get("gateway-credentials", "").partition(":")[0],
            max_bytes=_number(values.get("response-max-bytes", "")),
        )


def _any_true(binding: etree._Element, wanted: str) -> bool:
    found = (value.lower() for name, value, _ in _params(binding, "param") if name == wanted)
    return any(value in _TRUE or _number(value) not in (None, 0) for value in found)


def _number(text: str) -> int | None:
    return int(text) if text.strip().isascii() and text.strip().isdecimal() else None
