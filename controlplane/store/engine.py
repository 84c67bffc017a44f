"""The database, open: engines, sessions, and the threads in which statements run."""

import asyncio
import json
import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.orm import Session

from controlplane.store.failures import mapped
from controlplane.store.locks import WRITER_LOCK, FileLock, SessionLock, daemon_lock
from controlplane.store.urls import Database

T = TypeVar("T")

READERS = 4
BUSY_TIMEOUT_MS = 10_000
CONNECT_TIMEOUT_S = 5


class Store:
    """The database of one daemon.

    Invariant: every write goes through `writing`, whose transaction no other one overlaps, in
    this process or another: what it read is still so when it commits. Blocking calls belong
    into `write` and `read`, which run them off the event loop: writes one after the other in
    a thread of their own, in the order in which they were asked for.
    """

    def __init__(self, database: Database, writer: Engine, reader: Engine) -> None:
        self.database = database
        self.writer = writer
        self.reader = reader
        self._writes = ThreadPoolExecutor(1, thread_name_prefix="store-writer", initializer=_yield_to_lookups)
        self._reads = ThreadPoolExecutor(
            READERS, thread_name_prefix="store-reader", initializer=_yield_to_lookups
        )
        self._daemon_lock: FileLock | SessionLock | None = None

    @classmethod
    def open(cls, url: str, *, data_dir: Path | None = None) -> "Store":
        """Open a database whose schema is up to date (`migrate.upgrade`); blocks.

        `data_dir`: where a SQLite file named by a relative path lies. Raises DatabaseRefused or
        DatabaseUnreachable.
        """
        database = Database.parse(url, data_dir)
        database.make()
        store = cls(database, *_engines(database))
        try:
            with store.writing():
                pass
            with store.reading():
                pass
        except BaseException:
            store.close()
            raise
        return store

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Give a session in the one write transaction; commits at the end, rolls back on an error."""
        with self._session(self.writer) as session:
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Give a session that reads one moment's state and can write nothing."""
        with self._session(self.reader) as session:
            yield session

    async def write(self, work: Callable[[Session], T]) -> T:
        """Run `work(session)` in the writer thread, in a transaction of its own."""
        return await asyncio.get_running_loop().run_in_executor(self._writes, self._wrote, work)

    async def read(self, work: Callable[[Session], T]) -> T:
        """Run `work(session)` in a reader thread."""
        return await asyncio.get_running_loop().run_in_executor(self._reads, self._read, work)

    async def in_writer(self, work: Callable[[], T]) -> T:
        """Run `work()`, which opens its own transactions, in the writer thread."""
        return await asyncio.get_running_loop().run_in_executor(self._writes, work)

    def hold_daemon_lock(self) -> None:
        """Make this the database's only daemon until `close`; raises StoreBusy. Blocks."""
        lock = daemon_lock(self.database)
        lock.take()
        self._daemon_lock = lock

    def close(self) -> None:
        """Let the threads finish, close every connection and give the daemon's lock back. Blocks."""
        self._writes.shutdown(wait=True)
        self._reads.shutdown(wait=True)
        if self._daemon_lock is not None:
            self._daemon_lock.release()
            self._daemon_lock = None
        self.writer.dispose()
        self.reader.dispose()

    @contextmanager
    def _session(self, engine: Engine) -> Iterator[Session]:
        with mapped(self.database), Session(engine, expire_on_commit=False) as session, session.begin():
            # Else the transaction would begin with the first statement, and the turn to write be taken then.
            session.connection()
            yield session

    def _wrote(self, work: Callable[[Session], T]) -> T:
        with self.writing() as session:
            return work(session)

    def _read(self, work: Callable[[Session], T]) -> T:
        with self.reading() as session:
            return work(session)


def ping(session: Session) -> None:
    """Ask the database something."""
    session.execute(text("SELECT 1"))


def _yield_to_lookups() -> None:
    """Have the event loop's thread go first: with both cores busy the slowest lookups took a third less so.

    On Linux alone a priority is a thread's own (setpriority(2), "C library/kernel differences").
    """
    if sys.platform == "linux":
        loop = os.getpriority(os.PRIO_PROCESS, os.getpid())
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), min(19, loop + 10))


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _engines(database: Database) -> tuple[Engine, Engine]:
    """The engine for writes and the one for reads."""
    common: dict[str, Any] = {"json_serializer": _compact, "hide_parameters": True}
    if database.file is not None:
        common["connect_args"] = {"timeout": BUSY_TIMEOUT_MS / 1000}
        writer = create_engine(database.url, **common)
        reader = create_engine(database.url, pool_size=READERS, max_overflow=READERS, **common)
        _prepare_sqlite(writer, begin="BEGIN IMMEDIATE", query_only=False)
        _prepare_sqlite(reader, begin="BEGIN", query_only=True)
        return writer, reader
    common["connect_args"] = {"connect_timeout": CONNECT_TIMEOUT_S, "application_name": "controlplane"}
    common["pool_pre_ping"] = True
    writer = create_engine(database.url, **common)
    reader = create_engine(
        database.url,
        pool_size=READERS,
        max_overflow=READERS,
        isolation_level="REPEATABLE READ",
        **common,
    )

    @event.listens_for(writer, "begin")
    def _take_turns(connection: Connection) -> None:
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITER_LOCK})")

    @event.listens_for(reader, "begin")
    def _read_only(connection: Connection) -> None:
        connection.exec_driver_sql("SET TRANSACTION READ ONLY")

    return writer, reader


def _prepare_sqlite(engine: Engine, *, begin: str, query_only: bool) -> None:
    @event.listens_for(engine, "connect")
    def _set_up(connection: Any, _record: Any) -> None:
        # The driver's own transactions begin too late to keep a read-modify-write whole.
        connection.isolation_level = None
        for pragma in (
            f"busy_timeout={BUSY_TIMEOUT_MS}",
            "journal_mode=WAL",
            # What was acknowledged must outlive a power cut, not only the process.
            "synchronous=FULL",
            "foreign_keys=ON",
            f"query_only={'ON' if query_only else 'OFF'}",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)
