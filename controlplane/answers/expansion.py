"""What becomes of `$${name}` in one rendering: a node's value, or left for FreeSWITCH."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from controlplane.answers.dialect import expanding, literal
from controlplane.answers.params import Opened, clear
from controlplane.desired.values import Stored, Variable
from controlplane.desired.variables import REFERENCE, refers


@dataclass(slots=True)
class Expansion:
    """An `Escape` for what operators write, with one node's variables.

    `names`: every name that was referred to so far, defined on this node or not.
    """

    variables: Mapping[str, Stored[Variable]] = field(default_factory=dict)
    opened: Opened = field(default_factory=dict)
    names: set[str] = field(default_factory=set)

    def __call__(self, text: str) -> str:
        """`text` with defined references replaced by their literal values; raises Unwritable."""
        if not refers(text):
            return expanding(text)
        parts: list[str] = []
        fixed, end = "", 0
        for match in REFERENCE.finditer(text):
            self.names.add(match[1])
            row = self.variables.get(match[1])
            fixed += text[end : match.start()]
            end = match.end()
            if row is not None:
                # Escaped together with what stands around it: nothing may arise where they meet.
                fixed += clear(row.value.value, self.opened)
            else:
                parts += (literal(fixed), match[0])
                fixed = ""
        return "".join((*parts, literal(fixed + text[end:])))


Chosen = tuple[tuple[int, int], ...]
"""The rows, by id and version, that names stand for on a node."""


def chosen(names: Iterable[str], variables: Mapping[str, Stored[Variable]]) -> Chosen:
    """Say which values a rendering that refers to `names` takes up."""
    return tuple((row.id, row.version) for name in sorted(names) if (row := variables.get(name)) is not None)
