"""What keeps a folder from being taken over.

ExchangeError
└── Refused      the folder, or a place in it: file, line and reason
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A line of a file; the file's path is relative to the folder's root, lines count from 1."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class ExchangeError(Exception):
    """The root of this room's errors."""


class Refused(ExchangeError):  # noqa: N818  # named for what happened
    """The folder cannot be taken over as it is; nothing was written. `place` is where, if it is anywhere."""

    def __init__(self, place: Place | None, reason: str) -> None:
        super().__init__(reason if place is None else f"{place}: {reason}")
        self.place = place
        self.reason = reason
