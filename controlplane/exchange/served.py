"""All that a node is served of one section, rendered at once: for its disk, and for who asks for it whole."""

from collections.abc import Callable, Iterator

from controlplane.answers.configuration import ACL, SOFIA
from controlplane.answers.question import Question
from controlplane.answers.reading import StoreReader
from controlplane.answers.render import render
from controlplane.answers.routes import ProbeKey, Routes, UserKey
from controlplane.exchange.domains import domain_lines

Part = tuple[str, str]
"""A name, and the lines of its element."""


def configuration(routes: Routes, reader: StoreReader) -> Iterator[Part]:
    """Every configuration document of the node, by name."""
    view = routes.view
    names = set(view.documents) - {SOFIA, ACL}
    if view.profiles or SOFIA in view.documents:
        names.add(SOFIA)
    if view.acls:
        names.add(ACL)
    for name in sorted(names):
        yield name, _answer(routes, reader, _asking("configuration", name))


def dialplan(routes: Routes, reader: StoreReader) -> Iterator[Part]:
    """Every context, whole."""
    for name in sorted(routes.view.contexts):
        yield name, _answer(routes, reader, _asking("dialplan", "")._replace(context=name))


def chatplan(routes: Routes, reader: StoreReader) -> Iterator[Part]:
    """Every context of the chatplan."""
    for name in sorted(routes.view.chatplans):
        yield name, _answer(routes, reader, _asking("chatplan", "")._replace(context=name))


def languages(routes: Routes, reader: StoreReader) -> Iterator[Part]:
    """Every language with all its macros."""
    for name in sorted(routes.view.languages):
        yield name, _answer(routes, reader, _asking("languages", "")._replace(lang=name))


def directory(routes: Routes, reader: StoreReader) -> Iterator[Part]:
    """Every domain with its groups and users."""
    for name, row in sorted(routes.view.domains.items()):
        lines = domain_lines(row.value, routes.groups(row.id), reader.everybody(row.id), reader)
        yield name, "\n".join(lines)


SECTIONS: dict[str, Callable[[Routes, StoreReader], Iterator[Part]]] = {
    "configuration": configuration,
    "dialplan": dialplan,
    "chatplan": chatplan,
    "directory": directory,
    "languages": languages,
}


def section(name: str, routes: Routes, reader: StoreReader) -> bytes:
    """One `<section>` element with all that the node is served in it."""
    parts = [text for _, text in SECTIONS[name](routes, reader)]
    return "\n".join((f'<section name="{name}">', *parts, "</section>", "")).encode()


def _asking(section_name: str, name: str) -> Question:
    return Question("", section_name, section_name, "name", name)


def _answer(routes: Routes, reader: StoreReader, question: Question) -> str:
    """What stands within `<document>` and `<section>`, each of which has a line of its own."""
    key = routes.key(question, lambda _: False)
    assert key is not None and not isinstance(key, (ProbeKey, UserKey))  # noqa: S101, PT018 - it is the view's
    lines = render(routes, key, reader).body.decode().split("\n")
    return "\n".join(lines[2:-3])
