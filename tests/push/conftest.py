"""A database for a whole world: SQLite, but for the tests that ask for each kind."""

from pathlib import Path

import pytest

from controlplane.store import upgrade


@pytest.fixture
def url(tmp_path: Path) -> str:
    """The URL of a new SQLite database with the schema."""
    made = f"sqlite:///{tmp_path}/controlplane.db"
    upgrade(made)
    return made
