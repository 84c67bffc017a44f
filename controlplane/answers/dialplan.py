"""The dialplan section: a context, its extensions in order."""

from collections.abc import Iterable

from controlplane.answers.dialect import Escape, document, expanding, literal, rewritten
from controlplane.desired.values import Context, Extension


def context(value: Context, extensions: Iterable[Extension], text: Escape = expanding) -> bytes:
    """The context, be it empty: its absence would make the switch read its own files."""
    return document("dialplan", _context(value, extensions, text))


def contexts(values: Iterable[tuple[Context, Iterable[Extension]]], text: Escape = expanding) -> bytes:
    """Several, each with its extensions."""
    return document("dialplan", [line for value, held in values for line in _context(value, held, text)])


def _context(value: Context, extensions: Iterable[Extension], text: Escape) -> list[str]:
    lines = [f'<context name="{literal(value.name)}">']
    for extension in sorted(extensions, key=lambda extension: (extension.position, extension.name)):
        lines += rewritten(extension.xml, {}, text=text)
    return [*lines, "</context>"]
