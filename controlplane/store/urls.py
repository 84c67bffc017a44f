"""Which database is meant: an URL read once, strictly, and shown without its password."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from controlplane.store.errors import DatabaseRefused

_EXAMPLES = "write sqlite:///PATH or postgresql://USER@HOST/NAME"


@dataclass(frozen=True, slots=True)
class Database:
    """A database: `file` for SQLite, None for PostgreSQL. `str()` gives the URL without its password."""

    url: URL = field(repr=False)
    file: Path | None

    @classmethod
    def parse(cls, text: str, data_dir: Path | None = None) -> "Database":
        """Read a URL as operators write it, a relative path below `data_dir`; raises DatabaseRefused."""
        try:
            url = make_url(text)
        except (ArgumentError, ValueError):
            raise DatabaseRefused(f"the database URL cannot be read: {_EXAMPLES}") from None
        match url.drivername:
            case "sqlite":
                if url.database in (None, "", ":memory:") or str(url.database).startswith("file:"):
                    raise DatabaseRefused("a SQLite database must be a file: write sqlite:///PATH")
                file = (Path(data_dir or "") / str(url.database)).absolute()
                return cls(url.set(database=str(file)), file)
            case "postgresql" | "postgres" | "postgresql+psycopg":
                return cls(url.set(drivername="postgresql+psycopg"), None)
            case other:
                raise DatabaseRefused(f"{other!r} is no database that is known here: {_EXAMPLES}")

    def make(self) -> None:
        """Make a SQLite file that does not exist yet, for our eyes only; raises DatabaseRefused."""
        if self.file is None:
            return
        try:
            # One that exists is not touched: closing it here would drop SQLite's locks on it in this process.
            os.close(os.open(self.file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        except FileExistsError:
            return
        except OSError as error:
            raise DatabaseRefused(f"the database {self.file} cannot be opened: {error.strerror}") from error

    def __str__(self) -> str:
        shown = self.url if self.file else self.url.set(drivername="postgresql")
        # A password may also come as ?password=..., which SQLAlchemy does not hide.
        kept = {name: value for name, value in shown.query.items() if "pass" not in name.lower()}
        return shown.set(query=kept).render_as_string(hide_password=True)
