"""The catalog read from the database, and the key file checked against it."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from controlplane.desired.apply import head
from controlplane.desired.catalog import Catalog, catalog_of
from controlplane.desired.rows import selected, stored
from controlplane.desired.values import Noun, SecretRef, Stored
from controlplane.store import tables
from controlplane.store.errors import KeyFileError, SealBroken
from controlplane.store.vault import Vault

_SECRETS = tables.table(tables.SecretRow)


def load(session: Session) -> Catalog:
    """Read every row but users and extensions."""
    rows: list[Stored[Any]] = []
    for noun in Noun:
        if noun not in (Noun.USER, Noun.EXTENSION):
            rows += [stored(noun, row) for row in session.execute(selected(noun)).mappings()]
    return catalog_of(head(session).number, rows)


def check_vault(session: Session, vault: Vault) -> None:
    """Raise KeyFileError when the secrets were sealed with another key file."""
    one = session.execute(select(_SECRETS).order_by(_SECRETS.c.id.desc()).limit(1)).first()
    if one is not None:
        try:
            vault.open(one.sealed, str(SecretRef(one.id, one.version)))
        except SealBroken:
            raise KeyFileError(
                "the key file is not the one that this database was sealed with: put that one back"
            ) from None
