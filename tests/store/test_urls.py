"""Which database is meant."""

from pathlib import Path

import pytest

from controlplane.store import DatabaseRefused
from controlplane.store.urls import Database


def test_a_relative_path_lies_in_the_data_folder(tmp_path: Path) -> None:
    assert Database.parse("sqlite:///x.db", tmp_path).file == tmp_path / "x.db"
    assert Database.parse("sqlite:////var/x.db", tmp_path).file == Path("/var/x.db")


@pytest.mark.parametrize(
    "text",
    [
        *("", "nonsense", "sqlite://", "sqlite:///:memory:", "sqlite:///file:x?mode=memory"),
        *("mysql://h/d", "postgresql+asyncpg://h/d", "postgresql://h:port/d"),
    ],
)
def test_other_urls_are_refused(text: str) -> None:
    with pytest.raises(DatabaseRefused):
        Database.parse(text)


def test_a_refusal_shows_no_password() -> None:
    with pytest.raises(DatabaseRefused) as caught:
        Database.parse("mysql://me:hush@h/d")
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://me:hush@h/d",
        "postgres://me:hush@h/d",
        "postgresql://me@h/d?password=hush&sslmode=require",
    ],
)
def test_a_password_is_never_shown(text: str) -> None:
    database = Database.parse(text)
    assert database.url.drivername == "postgresql+psycopg"
    assert "hush" not in str(database)
    assert "hush" not in repr(database)
    assert str(database).startswith("postgresql://me")
