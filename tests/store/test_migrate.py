"""The schema: made, kept equal to the tables, copied before a change, refused when it is too new."""

import shutil
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect

import controlplane
from controlplane.store import DatabaseRefused, DatabaseTooNew, Store, StoreBusy, migrate, upgrade
from controlplane.store.locks import MIGRATION_LOCK
from controlplane.store.tables import METADATA
from tests.postgres import PostgresServer

NOT_IN_TABLES = {"alembic_version"}


def test_the_migrations_make_the_tables(store: Store) -> None:
    with store.reader.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []


def test_names_and_conditions_of_indexes_are_those_of_the_tables(store: Store) -> None:
    """Alembic compares neither the conditions of partial indexes nor, on SQLite, keys' names."""
    fresh = create_engine("sqlite://") if store.database.file else None
    with store.reader.connect() as connection:
        made = inspect(connection)
        assert set(made.get_table_names()) - NOT_IN_TABLES == set(METADATA.tables)
        for name, table in METADATA.tables.items():
            assert {index["name"] for index in made.get_indexes(name)} >= {
                str(index.name) for index in table.indexes
            }
            assert {key["name"] for key in made.get_foreign_keys(name)} == {
                str(key.name) for key in table.foreign_key_constraints
            }
            assert {key["name"] for key in made.get_unique_constraints(name)} == {
                str(key.name) for key in table.constraints if key.__visit_name__ == "unique_constraint"
            }
    if fresh is None:
        return
    with fresh.connect() as connection, store.reader.connect() as ours:
        METADATA.create_all(connection)
        wanted = "SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'alembic%' AND sql IS NOT NULL"
        expected = {name: _plain(sql) for name, sql in connection.exec_driver_sql(wanted)}
        found = {name: _plain(sql) for name, sql in ours.exec_driver_sql(wanted)}
        assert found == expected
    fresh.dispose()


def _plain(sql: str) -> list[str]:
    """Its parts, in whatever order the constraints come."""
    return sorted(" ".join(sql.split()).removesuffix(" )").split(", CONSTRAINT "))


def test_a_second_time_changes_nothing(database_url: str) -> None:
    assert upgrade(database_url) is None


@pytest.fixture
def longer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The migrations and one more, which adds a table."""
    folder = tmp_path / "more" / "migrations"
    shutil.copytree(Path(migrate.__file__).with_name("migrations"), folder)
    (folder / "versions" / "second.py").write_text(
        'import sqlalchemy as sa\nfrom alembic import op\nrevision = "0002"\ndown_revision = "0001"\n'
        "def upgrade():\n    op.create_table('later', sa.Column('id', sa.Integer(), primary_key=True))\n"
    )
    return folder


def _use(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrate, "__file__", str(folder.parent / "migrate.py"))


def test_a_newer_database_is_refused(
    database_url: str, longer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        _use(longer, patch)
        upgrade(database_url)
    with pytest.raises(DatabaseTooNew, match=r"schema 0002; this version knows 0001"):
        upgrade(database_url)


def test_a_sqlite_file_is_copied_before_it_is_changed(
    tmp_path: Path, longer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "sqlite:///x.db"
    assert upgrade(url, data_dir=tmp_path) is None
    with sqlite3.connect(tmp_path / "x.db") as connection:
        connection.execute("INSERT INTO counters VALUES ('test', 7)")
    connection.close()
    _use(longer, monkeypatch)
    copied = upgrade(url, data_dir=tmp_path)
    assert copied is not None
    assert copied.parent == tmp_path
    assert copied.name.startswith("x.db.before-0002-")
    assert copied.stat().st_mode & 0o077 == 0
    with sqlite3.connect(copied) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        assert connection.execute("SELECT next FROM counters").fetchone() == (7,)
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == ("0001",)
    connection.close()
    assert "later" not in tables
    assert upgrade(url, data_dir=tmp_path) is None


def test_a_migration_that_fails_changes_nothing(
    database_url: str, longer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (longer / "versions" / "second.py").open("a") as script:
        script.write("    raise LookupError\n")
    with monkeypatch.context() as patch:
        _use(longer, patch)
        with pytest.raises(LookupError):
            upgrade(database_url)
    store = Store.open(database_url)
    with store.reader.connect() as connection:
        assert "later" not in inspect(connection).get_table_names()
    store.close()
    assert upgrade(database_url) is None


def test_only_one_migrates(tmp_path: Path) -> None:
    url = "sqlite:///x.db"
    results: list[object] = []

    def work() -> None:
        try:
            results.append(upgrade(url, data_dir=tmp_path))
        except StoreBusy as error:
            results.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results.count(None) >= 1
    assert all(result is None or "brings the database" in str(result) for result in results)
    assert upgrade(url, data_dir=tmp_path) is None


@pytest.mark.postgresql
def test_only_one_migrates_a_postgresql(
    postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "_LOCK_TIMEOUT_S", 0.05)
    with postgres_server.database() as url, psycopg.connect(url) as holder:
        holder.execute("SELECT pg_advisory_xact_lock(%s)", [MIGRATION_LOCK])
        with pytest.raises(StoreBusy, match="held by someone else"):
            upgrade(url)
        holder.rollback()
        upgrade(url)


def test_a_database_of_someone_else_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "x.db") as connection:
        connection.execute("CREATE TABLE theirs (id INTEGER)")
    connection.close()
    with pytest.raises(DatabaseRefused, match="tables that are not ours"):
        upgrade("sqlite:///x.db", data_dir=tmp_path)


def test_there_is_one_line_of_migrations() -> None:
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        scripts = ScriptDirectory.from_config(migrate.configuration(connection))
        assert len(scripts.get_heads()) == 1
        assert len(scripts.get_bases()) == 1
    engine.dispose()


def test_an_installed_package_can_migrate(tmp_path: Path) -> None:
    """Built as a wheel and used from elsewhere, it finds its migrations."""
    root = Path(controlplane.__file__).parents[1]
    source = tmp_path / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        if (root / name).exists():
            shutil.copy(root / name, source)
    (source / "README.md").touch()
    for package in ("api", "controlplane", "esl"):
        shutil.copytree(root / package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    options = ["--no-index", "--disable-pip-version-check", "--wheel-dir", str(tmp_path), str(source)]
    subprocess.run([*build, *options], check=True, cwd=tmp_path)
    [wheel] = tmp_path.glob("*.whl")
    installed = tmp_path / "installed"
    shutil.unpack_archive(wheel, installed, "zip")
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from controlplane.store import upgrade, migrate\n"
        "assert migrate.__file__.startswith(sys.argv[1]), migrate.__file__\n"
        "upgrade(sys.argv[2])\n"
    )
    url = f"sqlite:///{tmp_path}/x.db"
    subprocess.run(
        [sys.executable, "-P", "-c", code, str(installed), url], check=True, cwd=tmp_path, env={"PATH": ""}
    )
    assert upgrade(url) is None
