"""Transactions on both databases: nothing lost, nothing torn, foreign errors told as ours."""

import asyncio
import sqlite3
import threading
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import insert, text
from sqlalchemy.exc import DBAPIError, StatementError
from sqlalchemy.orm import Session

from controlplane.store import (
    DatabaseRefused,
    DatabaseUnreachable,
    Store,
    StoreBusy,
    StoreError,
    upgrade,
)
from controlplane.store.tables import AuditRow, CounterRow, DomainRow, GroupRow, table
from tests.postgres import PostgresServer


def _add_one(session: Session) -> None:
    row = session.get_one(CounterRow, "test")
    row.next = row.next + 1


def _count(store: Store) -> int:
    with store.reading() as session:
        return session.get_one(CounterRow, "test").next


def _begin_counting(store: Store) -> None:
    with store.writing() as session:
        session.add(CounterRow(name="test", next=0))


def test_no_read_modify_write_is_lost_among_threads(store: Store) -> None:
    _begin_counting(store)

    def work() -> None:
        for _ in range(10):
            with store.writing() as session:
                _add_one(session)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert _count(store) == 80


def test_no_read_modify_write_is_lost_among_processes_of_their_own(store: Store, database_url: str) -> None:
    """Two stores share nothing but the database, as two daemons or a daemon and the command line do."""
    _begin_counting(store)
    other = Store.open(database_url)

    async def run() -> None:
        await asyncio.gather(*(one.write(_add_one) for _ in range(20) for one in (store, other)))

    try:
        asyncio.run(run())
    finally:
        other.close()
    assert _count(store) == 40


def test_a_failed_write_leaves_nothing(store: Store) -> None:
    def fail(session: Session) -> None:
        session.add(CounterRow(name="test", next=1))
        session.flush()
        raise LookupError

    with pytest.raises(LookupError):
        asyncio.run(store.write(fail))
    with store.reading() as session:
        assert session.get(CounterRow, "test") is None


def test_a_reading_sees_one_moment(store: Store) -> None:
    _begin_counting(store)
    with store.reading() as session:
        before = session.scalar(text("SELECT next FROM counters WHERE name = 'test'"))
        with store.writing() as other:
            _add_one(other)
        assert session.scalar(text("SELECT next FROM counters WHERE name = 'test'")) == before
    assert _count(store) == before + 1


def test_a_reading_cannot_write(store: Store) -> None:
    with pytest.raises((DBAPIError, StoreError)), store.reading() as session:
        session.execute(insert(table(CounterRow)).values(name="test", next=1))


def test_foreign_keys_are_kept(store: Store) -> None:
    with pytest.raises(DBAPIError, match=r"(?i)foreign key"), store.writing() as session:
        session.add(GroupRow(version=1, revision=1, domain_id=99, name="sales"))


def test_no_id_is_given_twice(store: Store) -> None:
    ids = []
    for _ in range(2):
        with store.writing() as session:
            row = DomainRow(version=1, revision=1, name="a.example", scope="global")
            session.add(row)
            session.flush()
            ids.append(row.id)
            session.delete(row)
    assert ids[0] != ids[1]


def test_times_come_back_as_aware_utc(store: Store) -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=timezone(timedelta(hours=5)))
    with store.writing() as session:
        session.add(AuditRow(at=at, actor="me", action="test"))
    with store.reading() as session:
        found = session.query(AuditRow).one().at
    assert found == at
    assert found.tzinfo is UTC


def test_a_naive_time_is_refused(store: Store) -> None:
    with pytest.raises(StatementError, match="without a time zone"), store.writing() as session:
        session.add(AuditRow(at=datetime(2026, 1, 2), actor="me", action="test"))  # noqa: DTZ001


def test_values_stay_out_of_error_messages(store: Store) -> None:
    def twice(session: Session) -> None:
        for _ in range(2):
            session.execute(
                text("INSERT INTO counters (name, next) VALUES (:name, :next)"), {"name": "hush", "next": 1}
            )

    with pytest.raises(DBAPIError) as caught:
        asyncio.run(store.write(twice))
    assert "[SQL parameters hidden" in str(caught.value)


def test_one_daemon_only(store: Store, database_url: str) -> None:
    store.hold_daemon_lock()
    other = Store.open(database_url)
    try:
        with pytest.raises(StoreBusy, match="another daemon"):
            other.hold_daemon_lock()
        store.close()
        other.hold_daemon_lock()
    finally:
        other.close()


def test_sqlite_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    upgrade("sqlite:///x.db", data_dir=tmp_path)
    store = Store.open("sqlite:///x.db", data_dir=tmp_path)
    with store.writing() as session:
        session.add(CounterRow(name="test", next=1))
    assert {entry.stat().st_mode & 0o077 for entry in tmp_path.iterdir()} == {0}
    assert (tmp_path / "x.db-wal").exists()
    store.close()


def test_a_write_that_another_holds_up_too_long_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controlplane.store.engine.BUSY_TIMEOUT_MS", 20)
    upgrade("sqlite:///x.db", data_dir=tmp_path)
    store = Store.open("sqlite:///x.db", data_dir=tmp_path)
    holder = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(StoreBusy, match=r"x\.db is held by someone else"):
            asyncio.run(store.write(lambda session: None))
    finally:
        holder.close()
        store.close()


def test_a_folder_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(DatabaseRefused, match="cannot be opened: No such file"):
        Store.open("sqlite:///x.db", data_dir=tmp_path / "nowhere")


def test_a_file_that_is_no_database_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_bytes(b"this is a text and not a database, whatever its name says" * 20)
    with pytest.raises(DatabaseRefused, match="not a SQLite database"):
        Store.open("sqlite:///x.db", data_dir=tmp_path)
    with pytest.raises(DatabaseRefused, match="not a SQLite database"):
        upgrade("sqlite:///x.db", data_dir=tmp_path)


def test_postgresql_that_does_not_answer_is_one_sentence(tmp_path: Path) -> None:
    url = f"postgresql://me:hush@/nothing?host={tmp_path}"
    for use in (Store.open, upgrade):
        with pytest.raises(DatabaseUnreachable, match="does not answer") as caught:
            use(url)
        assert "hush" not in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.postgresql
def test_postgresql_that_refuses_us_is_one_sentence(postgres_server: PostgresServer) -> None:
    with pytest.raises(DatabaseRefused, match='database "nowhere" does not exist'):
        Store.open(postgres_server.url("nowhere"))


@pytest.mark.postgresql
def test_a_lost_connection_is_told_and_the_next_one_works(
    postgres_server: PostgresServer, postgres_template: str
) -> None:
    with postgres_server.database(postgres_template) as url:
        store = Store.open(url)
        try:
            with pytest.raises(DatabaseUnreachable), store.writing() as session:
                _end_connection_and_write(session, postgres_server)
            with store.writing() as session:
                assert session.get(CounterRow, "test") is None
        finally:
            store.close()


def _end_connection_and_write(session: Session, server: PostgresServer) -> None:
    ours = session.scalar(text("SELECT pg_backend_pid()"))
    with psycopg.connect(server.url("postgres"), autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [ours])
    session.execute(insert(table(CounterRow)).values(name="test", next=1))


def test_writes_run_in_the_order_in_which_they_were_asked_for(store: Store) -> None:
    seen: list[int] = []

    def see(number: int, _session: Session) -> None:
        seen.append(number)

    async def run() -> None:
        await asyncio.gather(*(store.write(partial(see, number)) for number in range(50)))

    asyncio.run(run())
    assert seen == list(range(50))
