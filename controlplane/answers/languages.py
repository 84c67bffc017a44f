"""The sections `languages` and `phrases`: phrase macros.

FreeSWITCH asks `languages` first, and `phrases`, which holds the same in its older form, when that is not
found (switch_xml.c, switch_xml_locate_language_ex). A macro that calls another is asked for anew, so that
the one asked for is enough (switch_ivr_play_say.c, switch_ivr_phrase_macro_event).
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache

from lxml import etree

from controlplane.answers.dialect import Escape, document, expanding, rewritten
from controlplane.desired.values import Language
from controlplane.desired.variables import refers


def languages(values: Iterable[Language], section: str, macro: str, text: Escape = expanding) -> bytes:
    """The languages, with only the macros of that name (in lower case), or all when it is empty."""
    trees = [_narrowed(etree.fromstring(value.xml), macro) for value in values]
    if section == "languages":
        return document(section, [line for tree in trees for line in _lines(tree, text)])
    lines = [line for tree in trees for line in _lines(_phrases(tree), text)]
    return document(section, ["<macros>", *lines, "</macros>"])


@lru_cache(maxsize=64)
def names(xml: str) -> frozenset[str]:
    """The names of a stored language's macros, in lower case."""
    return frozenset(_name(macro) for macro in _macros(etree.fromstring(xml)))


def _macros(tree: etree._Element) -> Iterator[etree._Element]:
    for group in tree.iterfind("phrases/macros"):
        yield from group.iterchildren("macro")


def _name(macro: etree._Element) -> str:
    return macro.get("name", "").lower()


def _narrowed(tree: etree._Element, name: str) -> etree._Element:
    """The groups stay, with what they say of sounds; FreeSWITCH looks for them, too.

    So does a macro whose name a variable makes up.
    """
    for macro in list(_macros(tree)) if name else ():
        group = macro.getparent()
        if _name(macro) != name and not refers(_name(macro)) and group is not None:
            group.remove(macro)
    return tree


def _phrases(tree: etree._Element) -> etree._Element:
    """The older form: the macros of the first group right under the language."""
    older = etree.Element("language", {str(name): str(value) for name, value in tree.attrib.items()})
    group = tree.find("phrases/macros")
    older.extend(list(group.iterchildren("macro")) if group is not None else [])
    return older


def _lines(tree: etree._Element, text: Escape) -> list[str]:
    return rewritten(etree.tostring(tree, encoding="unicode"), {}, text=text)
