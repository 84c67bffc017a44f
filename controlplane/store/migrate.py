"""Brings a database's schema up to date, at start, one process at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, NullPool, create_engine, event, inspect, text

from controlplane.store.backup import copy_file
from controlplane.store.errors import DatabaseRefused, DatabaseTooNew
from controlplane.store.failures import mapped
from controlplane.store.locks import MIGRATION_LOCK, FileLock
from controlplane.store.urls import Database

_LOCK_TIMEOUT_S = 60


def upgrade(url: str, *, data_dir: Path | None = None) -> Path | None:
    """Apply every migration that is missing; blocks.

    A SQLite file with a schema is copied beside itself first; the copy's path is given back.
    Raises DatabaseTooNew for a schema this program does not know, StoreBusy when another
    process migrates, DatabaseRefused for a database with tables that are not ours.
    """
    database = Database.parse(url, data_dir)
    database.make()
    with _connected(database) as connection, mapped(database):
        config = configuration(connection)
        scripts = ScriptDirectory.from_config(config)
        stands = _stands(database, connection)
        head = scripts.get_current_head()
        if stands == head:
            return None
        if stands is not None and stands not in {script.revision for script in scripts.walk_revisions()}:
            raise DatabaseTooNew(
                f"the database {database} was made by a later version of this program (schema {stands}; "
                f"this version knows {head}): run that version, or restore the copy made before its migration"
            )
        copied = None
        if stands is not None and database.file is not None:
            copied = copy_file(database.file, f"before-{head}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
        command.upgrade(config, "head")
        return copied


def configuration(connection: Connection) -> Config:
    """Give Alembic's configuration; needs no file, so that it works from an installed package."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _stands(database: Database, connection: Connection) -> str | None:
    """The schema's revision, or None in an empty database."""
    context = MigrationContext.configure(connection)
    heads = context.get_current_heads()
    if len(heads) == 1:
        return heads[0]
    if heads:
        raise DatabaseTooNew(f"the database {database} has a schema of several branches: {', '.join(heads)}")
    if inspect(connection).get_table_names():
        raise DatabaseRefused(f"the database {database} holds tables that are not ours: give us an empty one")
    return None


@contextmanager
def _connected(database: Database) -> Iterator[Connection]:
    """A connection in one transaction under the migration lock."""
    file = database.file
    held = f"another process brings the database {database} up to date"
    lock = FileLock(file.with_name(file.name + ".migration-lock"), held) if file else None
    engine = create_engine(database.url, poolclass=NullPool, hide_parameters=True)
    if file is not None:

        @event.listens_for(engine, "connect")
        def _set_up(connection: object, _record: object) -> None:
            connection.isolation_level = None  # type: ignore[attr-defined]

        @event.listens_for(engine, "begin")
        def _begin(connection: Connection) -> None:
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    if lock is not None:
        lock.take()
    try:
        with mapped(database), engine.begin() as connection:
            if file is None:
                connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT_S}s'")
                connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": MIGRATION_LOCK})
            yield connection
    finally:
        if lock is not None:
            lock.release()
        engine.dispose()
