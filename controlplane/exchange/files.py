"""Reads the files of one folder, and nothing else, whatever the files say.

A configuration folder may come from anyone: a file is read only if it lies within the folder once all
symbolic links are followed, is a regular file, is not too large, and is UTF-8.
"""

import glob
import os
import stat
from pathlib import Path

from controlplane.exchange.errors import Place, Refused

LARGEST_FILE = 16 * 1024 * 1024
LARGEST_FOLDER = 128 * 1024 * 1024
"""Bytes read in all; a file included twice counts twice."""
MOST_FILES = 20_000


class Folder:
    """The files below one root. `read` counts: the bounds above hold for a folder's whole life."""

    def __init__(self, root: Path) -> None:
        """Raises Refused for a root that is no folder."""
        try:
            self.root = root.resolve(strict=True)
        except OSError as error:
            raise Refused(None, f"{root}: {error.strerror or error}") from None
        if not self.root.is_dir():
            raise Refused(None, f"{root}: is not a folder")
        self._bytes = 0
        self._files = 0

    def name(self, path: Path) -> str:
        """Give a file's path as reports show it: relative to the root."""
        return os.path.relpath(path, self.root)

    def matching(self, cwd: Path, pattern: str, place: Place) -> list[Path]:
        """Give the files that an include names, in glob(3)'s order; raises Refused for one outside.

        A pattern may match nothing, as FreeSWITCH allows (switch_xml.c, preprocess_glob); a plain name must
        be there, for it was meant.
        """
        if "\0" in pattern:
            raise Refused(place, "the name of the file to include holds a NUL")
        # pathlib's glob knows no absolute patterns and no `..`.
        found = sorted(glob.glob(str(cwd / pattern)), key=os.fsencode)  # noqa: PTH207
        if not found and not glob.has_magic(pattern):
            raise Refused(place, f"{pattern} is included but does not exist")
        paths = [Path(name) for name in found]
        for path in paths:
            if not path.resolve().is_relative_to(self.root):
                raise Refused(place, f"{pattern} leads out of the folder, to {path.resolve()}")
        return paths

    def read(self, path: Path, place: Place | None) -> str:
        """Read a file whole; `place` is the line that includes it. Raises Refused."""
        name = self.name(path)
        self._files += 1
        if self._files > MOST_FILES:
            raise Refused(place, f"more than {MOST_FILES} files are included")
        try:
            data = self._bytes_of(path, name, place)
        except OSError as error:
            raise Refused(place, f"{name}: {error.strerror or error}") from None
        self._bytes += len(data)
        if self._bytes > LARGEST_FOLDER:
            raise Refused(place, f"all that is included comes to more than {LARGEST_FOLDER} bytes")
        try:
            text = data.decode()
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise Refused(Place(name, line), "is not UTF-8") from None
        if "\0" in text:
            line = text.count("\n", 0, text.index("\0")) + 1
            raise Refused(Place(name, line), "holds a NUL, where FreeSWITCH stops reading the line")
        return text

    def _bytes_of(self, path: Path, name: str, place: Place | None) -> bytes:
        # Opened without waiting: a pipe in the folder would hold us up for ever.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                raise Refused(place, f"{name} is no regular file")
            data = file.read(LARGEST_FILE + 1)
        if len(data) > LARGEST_FILE:
            raise Refused(place, f"{name} is larger than {LARGEST_FILE} bytes")
        return data
