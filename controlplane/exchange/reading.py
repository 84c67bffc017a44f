"""A FreeSWITCH configuration folder read into rows."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from controlplane.exchange import configuration, directory, plans
from controlplane.exchange.errors import Place, Refused
from controlplane.exchange.files import Folder
from controlplane.exchange.imported import Imported, Row
from controlplane.exchange.preprocess import Note, Source, preprocess
from controlplane.exchange.tree import Element, Reading, parse

_SECTIONS: Mapping[str, Mapping[str, Callable[[Reading, Element], None]]] = {
    "configuration": {"configuration": configuration.configuration},
    "dialplan": {"context": plans.context},
    "chatplan": {"context": plans.chatplan},
    "directory": {"domain": directory.domain},
    "languages": {"language": plans.language},
    "phrases": {"macros": plans.phrases},
}


def read_folder(path: Path, given: Mapping[str, str] | None = None) -> Imported:
    """Read freeswitch.xml and all it includes; blocks. Nothing of what it says is run.

    `given`: variables that stand as said here, whatever the files set. Raises Refused, with the file and
    the line, for what cannot be read. What no row can say is told by notes.
    """
    folder = Folder(path)
    source = preprocess(folder, given or {})
    tree, dollar = parse(source)
    reading = Reading(source, dollar)
    if tree.tag != "document":
        raise Refused(reading.place(tree), f"must be one <document>, not <{tree.tag}>")
    seen: set[str] = set()
    newer = any(one.get("name", "").lower() == "languages" for one in tree.iterchildren("section"))

    def section(element: Element) -> None:
        name = element.get("name", "").lower()
        readers = _SECTIONS.get(name)
        if name in seen:
            reading.note(element, f"a second section {name}, which FreeSWITCH does not look into")
        elif name == "phrases" and newer:
            # switch_xml.c, switch_xml_locate_language_ex
            reading.note(element, "FreeSWITCH looks into phrases only where there is no section languages")
        elif readers is None:
            reading.lost(element, f"the section {name!r} is none that can be taken over")
        else:
            reading.children(element, **{tag: _with(reading, reader) for tag, reader in readers.items()})
        seen.add(name)

    reading.children(tree, section=section)
    _missing_domains(reading)
    rows = (*_variables(source), *(_with_dollars(row, reading.dollar) for row in reading.rows))
    notes = (*source.notes, *reading.notes, *_kept_on_nodes(source))
    return Imported(rows, notes, tuple(source.files))


def _with(reading: Reading, reader: Callable[[Reading, Element], None]) -> Callable[[Element], None]:
    return lambda element: reader(reading, element)


def _variables(source: Source) -> Iterator[Row]:
    for name, value in source.variables.items():
        yield Row("variable", name, "", {"value": value}, source.variable_places[name])


def _with_dollars(row: Row, dollar: str) -> Row:
    """Put `$` for what stood for one that begins no variable."""
    name, parent = (text.replace(dollar, "$") for text in (row.name, row.parent))
    return replace(row, name=name, parent=parent, spec=_in_all(row.spec, dollar))


def _in_all(value: Any, dollar: str) -> Any:
    if isinstance(value, str):
        return value.replace(dollar, "$")
    if isinstance(value, list):
        return [_in_all(one, dollar) for one in value]
    return {name: _in_all(one, dollar) for name, one in value.items()} if isinstance(value, dict) else value


def _kept_on_nodes(source: Source) -> Iterator[Note]:
    """Tell of the files that set global variables: calls read these on the node itself."""
    places: dict[str, Place] = {}
    for place in source.variable_places.values():
        places.setdefault(place.file, place)
    for file, place in places.items():
        count = sum(one.file == file for one in source.variable_places.values())
        reason = f"sets {count} global variables: leave it on the nodes, where calls read them as ${{NAME}}"
        yield Note(place, reason)


def _missing_domains(reading: Reading) -> None:
    """Make the domains that ACL lists name and the folder does not have: empty, as they are to the switch."""
    stand = {row.name for row in reading.rows if row.noun == "domain"}
    for row in [row for row in reading.rows if row.noun == "acl"]:
        for entry in row.spec["entries"]:
            name = entry.get("domain")
            if name is not None and name not in stand:
                stand.add(name)
                reading.rows.append(Row("domain", name, "", {}, row.place, if_missing=True))
