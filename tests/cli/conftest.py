from collections.abc import Iterator

import pytest

from tests.cli.program import Control, serving


@pytest.fixture(scope="module")
def control(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Control]:
    """A daemon for all tests of a module that leave nothing behind that others mind."""
    with serving(tmp_path_factory.mktemp("daemon")) as found:
        yield found
