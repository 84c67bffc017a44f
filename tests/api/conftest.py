from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.living import Operator, living


@pytest.fixture
def operator(tmp_path: Path) -> Iterator[Operator]:
    """A daemon of this test's own."""
    with living(tmp_path) as found:
        yield found


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    """A daemon for all tests of a module that leave nothing behind that others mind."""
    with living(tmp_path_factory.mktemp("daemon")) as found:
        yield found
