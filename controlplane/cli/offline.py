"""Settings and database as a command on the machine itself uses them, beside a daemon or without one."""

import os
import pwd
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

from controlplane.cli.client import Json
from controlplane.cli.failure import Failure
from controlplane.desired.revisions import Author
from controlplane.settings import Settings, SettingsError, load
from controlplane.store import Store, StoreBusy, StoreError, Vault, upgrade
from controlplane.tenants import Role, Tenant
from controlplane.tokens import Grant, Minted, TokensError
from controlplane.tokens import mint as minting


@contextmanager
def failures(*more: type[Exception]) -> Iterator[None]:
    """Raise a Failure for what an operator can mend: settings, database, key, and `more`."""
    expected: tuple[type[Exception], ...] = (SettingsError, StoreError, TokensError, *more)
    try:
        yield
    except expected as error:
        raise Failure(str(error)) from error


def settings(path: Path) -> Settings:
    """Read the settings; raises Failure."""
    with failures():
        return load(path)


def granted(asked: Json) -> Grant:
    """Read what the API would be asked for."""
    ends = datetime.fromisoformat(asked["expires_at"]) if asked["expires_at"] is not None else None
    domains, contexts = tuple(asked["domains"]), tuple(asked["contexts"])
    tenant = Tenant(domains, contexts) if domains or contexts else None
    return Grant(asked["name"], Role(asked["role"]), tenant, tuple(asked["networks"]), ends)


def mint(chosen: Settings, grant: Grant) -> Minted:
    """Make an operator's token, and the database and the key when there are none; raises Failure."""
    try:
        chosen.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Failure(f"the data folder cannot be made: {error}") from error
    with failures():
        vault = Vault.load(chosen.key_path)
        with closing(Store.open(chosen.database_url, data_dir=chosen.data_dir)) as store:
            _bring_up_to_date(store, chosen)
            with store.writing() as session:
                return minting(session, vault, grant, _author())


def _author() -> Author:
    """Whoever may read the settings and the key is an administrator; by what name, the system says."""
    user = os.getuid()
    try:
        name = pwd.getpwuid(user).pw_name
    except KeyError:  # a container knows numbers alone
        name = str(user)
    return Author(actor=name, source="the machine itself")


def _bring_up_to_date(store: Store, chosen: Settings) -> None:
    try:
        store.hold_daemon_lock()
    except StoreBusy:
        # A daemon runs and knows this schema; a newer one must not be put under it.
        return
    upgrade(chosen.database_url, data_dir=chosen.data_dir)
