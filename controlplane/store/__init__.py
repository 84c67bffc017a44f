"""Engines, sessions, tables, migrations and sealed secrets."""

from controlplane.store.engine import Store, ping
from controlplane.store.errors import (
    DatabaseRefused,
    DatabaseTooNew,
    DatabaseUnreachable,
    KeyFileError,
    SealBroken,
    StoreBusy,
    StoreError,
)
from controlplane.store.migrate import upgrade
from controlplane.store.retention import Keep, Pruned, prune
from controlplane.store.vault import Vault

__all__ = [
    "DatabaseRefused",
    "DatabaseTooNew",
    "DatabaseUnreachable",
    "Keep",
    "KeyFileError",
    "Pruned",
    "SealBroken",
    "Store",
    "StoreBusy",
    "StoreError",
    "Vault",
    "ping",
    "prune",
    "upgrade",
]
