"""What became of a folder: rows to be written, each with the place it comes from, and notes."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from controlplane.exchange.errors import Place
from controlplane.exchange.preprocess import Note

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """A row: noun and names as in a `desired.values.Key` without its scope; `spec` as `codec` reads it.

    `if_missing`: only to be written where there is no such row yet.
    """

    noun: str
    name: str
    parent: str
    spec: Json
    place: Place
    if_missing: bool = False

    def __str__(self) -> str:
        path = f"{self.parent}/{self.name}" if self.parent else self.name
        return f"{self.noun}/{path}"

    def to_json(self, scope: str) -> Json:
        """Write the row for the API; passwords stand in clear."""
        said: Json = {"noun": self.noun, "name": self.name, "scope": scope, "spec": self.spec}
        if self.parent:
            said["parent"] = self.parent
        if self.if_missing:
            said["if_missing"] = True
        return said


@dataclass(frozen=True, slots=True)
class Imported:
    """A folder read whole. `files`: every file read, in the order of reading, again when read again."""

    rows: tuple[Row, ...]
    notes: tuple[Note, ...]
    files: tuple[str, ...]

    @property
    def lost(self) -> tuple[Note, ...]:
        """The notes on what FreeSWITCH would have read and no row says."""
        return tuple(note for note in self.notes if note.lost)

    def by_file(self) -> Mapping[str, Counter[str]]:
        """Count the rows of each noun that come from each file; every file read is there."""
        found: dict[str, Counter[str]] = {name: Counter() for name in self.files}
        for row in self.rows:
            found.setdefault(row.place.file, Counter())[row.noun] += 1
        return found
