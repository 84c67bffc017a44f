"""The house whose nodes can be made to fail."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.backstage import Backstage
from tests.faults.house import FragileHouse


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FragileHouse]:
    """Built once: what takes long is kept for every test to begin with."""
    backstage = Backstage()
    house = FragileHouse(Path(tmp_path_factory.mktemp("faults")), backstage)
    try:
        house.furnish()
        yield house
    finally:
        house.close()
        backstage.close()
