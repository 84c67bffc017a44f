"""The dialplan section: a context, its extensions in order."""

from collections.abc import Iterable

from controlplane.answers.dialect import Escape, document, expanding, literal, rewritten
from controlplane.desired.values import Context, Extension


def context(value: Context, extensions: Iterable[Extension], text: Escape = expanding) -> bytes:
    """The context, be it empty: its absence would make the switch read its own files."""
    lines = [f'<context name="{literal(value.name)}">']
    for extension in sorted(extensions, key=lambda extension: (extension.position, extension.name)):
        lines += rewritten(extension.xml, {}, text=text)
    return document("dialplan", [*lines, "</context>"])
