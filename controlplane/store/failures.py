"""Foreign errors mapped to ours, in one place."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy.exc import DBAPIError

from controlplane.store.errors import DatabaseRefused, DatabaseUnreachable, StoreBusy, StoreError
from controlplane.store.urls import Database

_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_REFUSED = {
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_READONLY: "it cannot be written to",
    sqlite3.SQLITE_PERM: "access is denied",
    sqlite3.SQLITE_CANTOPEN: "the file cannot be opened",
    sqlite3.SQLITE_CORRUPT: "the file is damaged",
    sqlite3.SQLITE_NOTADB: "the file is not a SQLite database",
    sqlite3.SQLITE_IOERR: "the disk gave an error",
}

_REFUSED_WORDS = (
    "authentication failed",
    "does not exist",
    "no password supplied",
    "no pg_hba.conf entry",
    "permission denied",
)


@contextmanager
def mapped(database: Database) -> Iterator[None]:
    """Raise a StoreError in place of a driver's error that tells of the database, not of a statement."""
    try:
        yield
    except DBAPIError as error:
        told = _told(database, error)
        if told is None:
            raise
        raise told from error


def _told(database: Database, error: DBAPIError) -> StoreError | None:
    original = error.orig
    if isinstance(original, sqlite3.Error):
        # The lower eight bits are the primary code (sqlite.org/rescode.html).
        code = getattr(original, "sqlite_errorcode", 0) & 0xFF
        if code in _BUSY:
            return StoreBusy(f"the database {database} is held by someone else")
        if code in _REFUSED:
            return DatabaseRefused(f"the database {database} cannot be used: {_REFUSED[code]}")
        return None
    if isinstance(original, psycopg.Error):
        return _told_by_postgresql(database, original, lost=error.connection_invalidated)
    return None


def _told_by_postgresql(database: Database, original: psycopg.Error, *, lost: bool) -> StoreError | None:
    state = original.sqlstate or ""
    # PostgreSQL, appendix A: 28 is authorisation, 3D no such database, 55P03 a lock not had in time.
    if state.startswith(("28", "3D", "42501")):
        return DatabaseRefused(f"the database {database} refuses us: {_words(original)}")
    if state == "55P03":
        return StoreBusy(f"the database {database} is held by someone else")
    if isinstance(original, (psycopg.OperationalError, psycopg.InterfaceError)) or lost:
        words = _words(original)
        # A refused connection comes without a state, in words of the server's own.
        if not state and any(said in words for said in _REFUSED_WORDS):
            return DatabaseRefused(f"the database {database} refuses us: {words}")
        return DatabaseUnreachable(f"the database {database} does not answer: {words}")
    return None


def _words(error: psycopg.Error) -> str:
    """The driver's own words, on one line and bounded; libpq never puts the password into them."""
    return " ".join(str(error).split())[:300]
