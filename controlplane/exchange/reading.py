"""A FreeSWITCH configuration folder read into rows."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

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
    tree = parse(source)
    reading = Reading(source)
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
    notes = (*source.notes, *reading.notes, *_variables(source))
    return Imported(tuple(reading.rows), notes, tuple(source.files))


def _with(reading: Reading, reader: Callable[[Reading, Element], None]) -> Callable[[Element], None]:
    return lambda element: reader(reading, element)


def _variables(source: Source) -> Iterator[Note]:
    """Tell of the global variables that each file sets: no row says them."""
    places: dict[str, Place] = {}
    for place in source.variable_places.values():
        places.setdefault(place.file, place)
    for file, place in places.items():
        count = sum(one.file == file for one in source.variable_places.values())
        yield Note(place, f"sets {count} global variables: leave them in the vars.xml of the nodes")


def _missing_domains(reading: Reading) -> None:
    """Make the domains that ACL lists name and the folder does not have: empty, as they are to the switch."""
    stand = {row.name for row in reading.rows if row.noun == "domain"}
    for row in [row for row in reading.rows if row.noun == "acl"]:
        for entry in row.spec["entries"]:
            name = entry.get("domain")
            if name is not None and name not in stand:
                stand.add(name)
                reading.rows.append(Row("domain", name, "", {}, row.place, if_missing=True))
