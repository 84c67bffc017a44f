"""From freeswitch.xml and all it includes to one text, by the rules of FreeSWITCH's preprocessor.

The rules are those of switch_xml.c (preprocess): line by line, knowing nothing of XML. Differences,
all on purpose: `$${name}` is kept where the variable has one value throughout (it is expanded in
directives, whose file names must be known); `exec` and its kin are never run, but told of; a file
that includes itself is refused at once and not read a hundred times.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from controlplane.exchange.errors import Place, Refused
from controlplane.exchange.files import Folder
from controlplane.exchange.variables import LARGEST_TEXT, Variables, replaced

ROOT = "freeswitch.xml"
LARGEST_VALUE = 65_536
_DEEPEST = 100  # switch_xml.c, preprocess: deeper includes are not read

_DIRECTIVE = re.compile("x-pre-process", re.IGNORECASE)
# What the switch finds out for itself when it reads the line.
_AT_RUN_TIME = ("exec", "exec-set", "stun-set", "env-set")
_LINE = re.compile("[^\r\n]*(?:\r|\n|$)")
_NOTHING = re.compile(r"\s|</?include>|<\?[^>]*\?>|<!--.*?-->")


@dataclass(frozen=True, slots=True)
class Note:
    """Something in the files that no row says, and why. `lost`: FreeSWITCH would have read it."""

    place: Place
    reason: str
    lost: bool = False


@dataclass(slots=True)
class Source:
    """What the parser is to read. `places[n]` is where line n+1 of `text` comes from."""

    text: str
    places: list[Place]
    variables: dict[str, str]
    """The global variables that the files set and whose `$${name}` stands in the text as it was."""
    values: Mapping[str, str]
    """Every variable set or given, expanded."""
    variable_places: dict[str, Place]
    """Where each is set that the files set."""
    notes: list[Note]
    files: list[str]

    def place(self, line: int | None) -> Place | None:
        """Say where a line of the text (from 1) comes from."""
        if line is None or not self.places:
            return None
        return self.places[min(max(line, 1), len(self.places)) - 1]


def preprocess(folder: Folder, given: Mapping[str, str]) -> Source:
    """Read the folder's freeswitch.xml whole; raises Refused. `given`: variables that stand as said here."""
    # Twice: whether a variable ever changes is known only at the end.
    first = _Reader(folder, Variables(given), None)
    first.file(folder.root / ROOT, None, ())
    second = _Reader(Folder(folder.root), Variables(given), first.variables.steady())
    second.file(folder.root / ROOT, None, ())
    variables = second.variables
    return Source(
        "".join(second.out),
        second.places,
        variables.final(),
        variables.now,
        second.variable_places,
        second.notes,
        second.files,
    )


@dataclass(slots=True)
class _Reader:
    folder: Folder
    variables: Variables
    steady: frozenset[str] | None
    out: list[str] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    variable_places: dict[str, Place] = field(default_factory=dict)
    _size: int = 0
    _open_line: bool = False

    def file(self, path: Path, place: Place | None, above: tuple[Path, ...]) -> None:
        real = path.resolve()
        if real in above:
            raise Refused(place, f"{self.folder.name(path)} includes itself")
        if len(above) > _DEEPEST:
            raise Refused(place, f"includes more than {_DEEPEST} files deep")
        text = self.folder.read(path, place)
        name = self.folder.name(path)
        self.files.append(name)
        within, number, comment = (*above, real), 1, False
        # A carriage return ends a line too (switch_utils.c, switch_fp_read_dline).
        for match in _LINE.finditer(text):
            if match[0]:
                comment = self._line(match[0], Place(name, number), path.parent, within, comment)
                number += match[0].endswith("\n")

    def _line(self, line: str, place: Place, cwd: Path, within: tuple[Path, ...], comment: bool) -> bool:
        """Take one line; gives whether a `<!--#` comment is open after it."""
        if any(mark in line for mark in ("<include>", "</include>", "<?")):
            if not comment and _NOTHING.sub("", line):
                self.notes.append(Note(place, "FreeSWITCH drops this whole line, for it holds a mark", True))
            return comment
        if comment:
            _, end, line = line.partition("-->")
            if not end:
                return True
        found = _DIRECTIVE.search(line)
        if found is not None:
            if found.start() and line[found.start() - 1] == "<":
                self._directive(line[found.start() :], place, cwd, within)
            return False
        before, mark, rest = line.partition("<!--#")
        if not mark:
            self._write(line, place)
            return False
        self._write(before, place)
        said, end, after = rest.partition("-->")
        self._write(after, place)
        word, _, argument = said.rstrip("\r\n").partition(" ")
        quoted = argument.split('"')
        self._obey(word, quoted[1] if len(quoted) > 2 else argument, place, cwd, within)
        return not end

    def _directive(self, text: str, place: Place, cwd: Path, within: tuple[Path, ...]) -> None:
        """Take `<X-PRE-PROCESS cmd="..." data="..."/>`; what else stands on its line is dropped."""
        text, end, after = text.partition("/>")
        if end and _NOTHING.sub("", after):
            self.notes.append(Note(place, "what follows the directive on its line is dropped", True))
        found = re.search(r'cmd[^=]*=[^"]*"([^"]*)".*?data[^=]*=[^"]*"([^"]*)', text, re.I | re.S)
        if found is None:
            self.notes.append(Note(place, "a directive without cmd and data does nothing"))
        else:
            self._obey(found[1], found[2], place, cwd, within)

    def _obey(self, word: str, argument: str, place: Place, cwd: Path, within: tuple[Path, ...]) -> None:
        word = word.lower()
        if word == "set":
            name, said, value = argument.partition("=")
            if said:
                self._set(name.rstrip(" "), value.lstrip(" "), place)
        elif word == "include":
            for path in self.folder.matching(cwd, self.variables.expanded(argument, place), place):
                self.file(path, place, within)
        elif word in _AT_RUN_TIME:
            # Of a command its name alone: the rest may hold a password.
            what = argument.partition("=")[0] if word != "exec" else argument.partition(" ")[0]
            reason = f"{word} is never run here: {what!r} is the switch's to find out"
            self.notes.append(Note(place, reason, lost=word == "exec"))

    def _set(self, name: str, value: str, place: Place) -> None:
        self.variables.set(name, value, place)
        if len(self.variables.now[name]) > LARGEST_VALUE:
            raise Refused(place, f"the variable {name} grows longer than {LARGEST_VALUE} characters")
        self.variable_places[name] = place

    def _write(self, text: str, place: Place) -> None:
        # The parser counts line feeds alone.
        text = text.replace("\r", "")
        if not text:
            return
        if self.steady is not None and "$${" in text:
            text = self._kept(text, place)
        self._size += len(text)
        if self._size > LARGEST_TEXT:
            raise Refused(place, f"all that is included comes to more than {LARGEST_TEXT} characters")
        if not self._open_line:
            self.places.append(place)
        self.out.append(text)
        self._open_line = not text.endswith("\n")

    def _kept(self, text: str, place: Place) -> str:
        """Keep `$${name}` of what never changes and of what the switch alone knows."""
        steady = self.steady or frozenset()
        return replaced(text, lambda name: None if name in steady else self.variables.now.get(name), place)
