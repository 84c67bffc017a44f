"""FreeSWITCH's preprocessor, which reads every answer line by line before the XML parser does.

The rules are those of ``preprocess`` and ``expand_vars`` (switch_xml.c:1511 ff). Nothing is executed
here: what FreeSWITCH would run or include is told in ``Preprocessed.acts``.
"""

import re
from collections.abc import MutableMapping
from dataclasses import dataclass

_VARIABLE = re.compile(r"\$\$\{([^}]*)\}")
_ATTRIBUTE = re.compile(r"""(cmd|data)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_COMMENT = re.compile(r"<!--#([\w-]+)\s*(.*?)(?:-->|$)")


@dataclass(frozen=True, slots=True)
class Preprocessed:
    """What the XML parser gets, and the directives met: (command, data)."""

    text: str
    acts: tuple[tuple[str, str], ...]


def preprocess(text: str, variables: MutableMapping[str, str]) -> Preprocessed:
    """Drops and expands as FreeSWITCH does; ``set`` directives change ``variables``."""
    kept: list[str] = []
    acts: list[tuple[str, str]] = []
    for raw in text.split("\n"):
        line = _VARIABLE.sub(lambda found: variables.get(found[1], ""), raw)
        if "<?" in line or "<include>" in line or "</include>" in line:
            continue
        if "x-pre-process" in line.lower():
            found = {name: double or single for name, double, single in _ATTRIBUTE.findall(line)}
            _act(found.get("cmd", ""), found.get("data", ""), acts, variables)
            continue
        if comment := _COMMENT.search(line):
            _act(comment[1], comment[2].strip().strip("\"'"), acts, variables)
            continue
        kept.append(line)
    return Preprocessed("\n".join(kept), tuple(acts))


def _act(command: str, data: str, acts: list[tuple[str, str]], variables: MutableMapping[str, str]) -> None:
    acts.append((command, data))
    name, given, value = data.partition("=")
    if command == "set" and given:
        variables[name] = value
