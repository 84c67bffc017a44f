"""What a command prints: tables and lines for people, the API's own JSON for programs.

Colour and progress are for terminals only. Texts come from tenants and nodes, so nothing in them
can be markup or steer the terminal.
"""

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

Json = dict[str, Any]

# Words that mean the same wherever they stand.
_GOOD = {"up", "healthy", "yes", "applied", "managed", "ok", "REGED", "NOREG", "done", "found"}
_BAD = {
    *("down", "unreachable", "no", "stalled", "stopped", "failed", "missing", "extra", "error", "wrong"),
    *("FAILED", "FAIL_WAIT", "not found"),
}
_SOON = {
    *("connecting", "degraded", "waiting", "running", "held", "warning", "observing", "unknown"),
    *("paused", "settling", "rolling_back", "skipped", "not checked"),
}
TRUTH = {True: "yes", False: "no", None: "unknown"}
# Control characters (lines and tabs aside), and those that turn the direction of writing.
_STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
# A pipe has no width: nothing that is read by a program is cut or wrapped.
_ENDLESS = 100_000


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table. `value`: a path into the item (`link.state`), or what gives the cell."""

    title: str
    value: str | Callable[[Json], Any]

    def cell(self, item: Json) -> Text:
        """Write the item's cell."""
        found: Any = item
        if callable(self.value):
            found = self.value(item)
        else:
            for part in self.value.split("."):
                found = found.get(part) if isinstance(found, dict) else None
        return found if isinstance(found, Text) else word(_words(found))


class Output:
    """Prints the outcome of one command; `as_json`: as the API gave it."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        width = None if sys.stdout.isatty() else _ENDLESS
        self._console = Console(highlight=False, markup=False, emoji=False, width=width)

    @property
    def interactive(self) -> bool:
        """Whether somebody looks at it as it is printed."""
        return self._console.is_terminal and not self.as_json

    def document(self, value: Any) -> None:
        """Print JSON: one document."""
        sys.stdout.write(_json(value, indent=2 if sys.stdout.isatty() else None) + "\n")

    def item(self, value: Json) -> None:
        """Print JSON: one line of a stream, at once."""
        sys.stdout.write(_json(value) + "\n")
        sys.stdout.flush()

    def say(self, *parts: str | Text) -> None:
        """Print a line."""
        self._console.print(Text.assemble(*(_safe(part) for part in parts)), soft_wrap=True)

    def text(self, text: str) -> None:
        """Print a text of several lines; a file or a pipe gets it byte for byte."""
        if self._console.is_terminal:
            self._console.print(_safe(text.rstrip("\n")), soft_wrap=True)
        else:
            sys.stdout.write(text.rstrip("\n") + "\n")

    def table(self, columns: Sequence[Column], items: Iterable[Json], empty: str = "none") -> None:
        """Print a table, or say that there is nothing in it."""
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        for column in columns:
            table.add_column(_safe(column.title), overflow="fold")
        for item in items:
            table.add_row(*(_safe(column.cell(item)) for column in columns))
        if table.row_count:
            self._console.print(table)
        else:
            self.say(empty)

    @contextmanager
    def progress(self, what: str) -> Iterator[Callable[[str], None]]:
        """Show on a terminal that something is under way; gives a function that says how far."""
        if not self.interactive:
            yield lambda _: None
            return
        with self._console.status(_safe(what)) as status:
            yield lambda said: status.update(_safe(f"{what}: {said}"))


def complain(sentence: str) -> None:
    """Tell on standard error what went wrong, or what to beware of."""
    console = Console(stderr=True, highlight=False, markup=False, emoji=False)
    console.print(_safe(f"controlplane: {sentence}"), soft_wrap=True)


def word(text: str) -> Text:
    """Colour a word that says how something is."""
    style = "green" if text in _GOOD else "red" if text in _BAD else "yellow" if text in _SOON else ""
    return Text(text, style)


def moment(text: str | None) -> str:
    """Write a moment of the API (RFC 3339, UTC) to the second."""
    return "" if text is None else text[:19].replace("T", " ")


def _words(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(map(_words, value))
        case dict():
            return json.dumps(value, ensure_ascii=False)
        case _:
            return str(value)


def _json(value: Any, indent: int | None = None) -> str:
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return _STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _safe(part: str | Text) -> Text:
    """Leave no character that a terminal would obey; lines and tabs stay."""
    text = part if isinstance(part, Text) else Text(part)
    if _STEERING.search(text.plain) is None:
        return text
    return Text(_STEERING.sub("\ufffd", text.plain), text.style)
