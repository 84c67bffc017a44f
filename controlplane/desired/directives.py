"""FreeSWITCH's own preprocessor directives in documents: refused, unless settings allow them.

Whatever stands in them acts on every node that reads the document (switch_xml.c, preprocess): `set`
changes a variable of the core, `include` reads any file, `exec` and `exec-set` run any command.
"""

from dataclasses import dataclass

from lxml import etree

_PLAIN = frozenset({"set", "env-set", "stun-set", "include"})
_RUNNING = frozenset({"exec", "exec-set"})
_UNFIT = frozenset('"<>&\n\r\t')


@dataclass(frozen=True, slots=True)
class Allowed:
    """What operators may write: `preprocessor` directives at all, and those that `exec` something."""

    preprocessor: bool = False
    exec: bool = False


NONE = Allowed()
ANY = Allowed(preprocessor=True, exec=True)


@dataclass(frozen=True, slots=True)
class Directive:
    """What FreeSWITCH would do, and with what."""

    command: str
    data: str


def directive(element: etree._Element) -> Directive:
    """Read an `<X-PRE-PROCESS>` element."""
    return Directive(element.get("cmd", "").lower(), element.get("data", ""))


def wrong_directive(element: etree._Element, allowed: Allowed) -> str | None:
    """Say why a directive may not stand, or None."""
    found = directive(element)
    if not allowed.preprocessor:
        return "holds X-PRE-PROCESS, which FreeSWITCH acts upon: allow_preprocessor in [documents] is off"
    if found.command in _RUNNING and not allowed.exec:
        return f"holds X-PRE-PROCESS {found.command}, which runs a command: allow_exec in [documents] is off"
    if found.command not in _PLAIN | _RUNNING:
        return f"holds X-PRE-PROCESS with an unknown cmd {found.command!r}"
    if not found.data or not _UNFIT.isdisjoint(found.data):
        return "holds X-PRE-PROCESS whose data is empty, or not to be written as it is on one line"
    if set(element.keys()) - {"cmd", "data"} or len(element) or (element.text or "").strip():
        return "holds X-PRE-PROCESS with more than cmd and data"
    return None
