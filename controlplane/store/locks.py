"""What only one process may hold: files locked with flock, or PostgreSQL's advisory locks."""

import fcntl
import os
from pathlib import Path

from sqlalchemy import Connection, NullPool, create_engine, text

from controlplane.store.errors import DatabaseRefused, StoreBusy
from controlplane.store.failures import mapped
from controlplane.store.urls import Database

# Any fixed numbers serve; these spell "cp" and what is locked.
DAEMON_LOCK = 0x6370_0001
MIGRATION_LOCK = 0x6370_0002
WRITER_LOCK = 0x6370_0003


class FileLock:
    """An exclusive lock on a file, given back by the system when the process dies."""

    def __init__(self, path: Path, held: str) -> None:
        self._path = path
        self._held = held
        self._descriptor: int | None = None

    def take(self) -> None:
        """Take it at once; raises StoreBusy when another has it."""
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise DatabaseRefused(f"the lock file {self._path} cannot be opened: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise StoreBusy(self._held) from None
        self._descriptor = descriptor

    def release(self) -> None:
        """Give it back; the file stays, for removing it would let two hold it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class SessionLock:
    """An advisory lock of PostgreSQL, kept by a connection of its own."""

    def __init__(self, database: Database, number: int, held: str) -> None:
        self._database = database
        self._number = number
        self._held = held
        self._connection: Connection | None = None

    def take(self) -> None:
        """Take it at once; raises StoreBusy when another has it."""
        # Without a pool, closing the connection ends the session and with it the lock.
        engine = create_engine(
            self._database.url,
            poolclass=NullPool,
            isolation_level="AUTOCOMMIT",
            connect_args={"connect_timeout": 5},
        )
        with mapped(self._database):
            connection = engine.connect()
            taken = connection.scalar(text("SELECT pg_try_advisory_lock(:number)"), {"number": self._number})
        if not taken:
            connection.close()
            raise StoreBusy(self._held)
        self._connection = connection

    def release(self) -> None:
        """Give it back."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def daemon_lock(database: Database) -> FileLock | SessionLock:
    """Give the lock that makes one daemon of a database the only one."""
    held = f"another daemon runs on the database {database}"
    if database.file is not None:
        return FileLock(database.file.with_name(database.file.name + ".lock"), held)
    return SessionLock(database, DAEMON_LOCK, held)
