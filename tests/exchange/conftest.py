import pytest

from controlplane.store import Store, Vault
from tests.answers.living import Ground


@pytest.fixture
def ground(store: Store, vault: Vault) -> Ground:
    """A new database, of each kind."""
    return Ground(store, vault)
