"""A desired state on each database."""

import pytest

from controlplane.store import Store, Vault
from tests.desired.house import House


@pytest.fixture
def house(store: Store, vault: Vault) -> House:
    """An empty desired state."""
    return House(store, vault)
