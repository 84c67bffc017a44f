"""Copies of a SQLite database, whole even while it is written to."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from controlplane.store.errors import DatabaseRefused


def copy_file(file: Path, suffix: str) -> Path:
    """Copy a database to FILE.SUFFIX with SQLite's backup interface; raises DatabaseRefused."""
    target = file.with_name(f"{file.name}.{suffix}")
    part = target.with_name(target.name + ".part")
    try:
        # Sealed or not, a copy is for nobody else's eyes.
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(part)) as copy:
            source.backup(copy)
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.replace(target)
    except (OSError, sqlite3.Error) as error:
        part.unlink(missing_ok=True)
        raise DatabaseRefused(f"the database cannot be copied to {target}: {error}") from error
    return target
