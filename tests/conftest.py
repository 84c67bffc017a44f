"""Fixtures that every room's tests share: a database of each kind, open."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from controlplane.store import Store, Vault, upgrade
from tests import postgres


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.PostgresServer]:
    """A PostgreSQL server, started for the first test that needs it."""
    yield from postgres.serve()


@pytest.fixture(scope="session")
def postgres_template(postgres_server: postgres.PostgresServer) -> str:
    """The name of a database with the schema, to be copied."""
    postgres_server.run("CREATE DATABASE with_schema")
    upgrade(postgres_server.url("with_schema"))
    return "with_schema"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a new database with the schema, of each kind."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/controlplane.db"
        upgrade(url)
        yield url
        return
    server: postgres.PostgresServer = request.getfixturevalue("postgres_server")
    with server.database(request.getfixturevalue("postgres_template")) as url:
        yield url


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """A new database, open."""
    opened = Store.open(database_url)
    yield opened
    opened.close()


@pytest.fixture
def vault() -> Vault:
    """A vault with a key of its own."""
    return Vault(secrets.token_bytes(32))
