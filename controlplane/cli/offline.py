"""Settings and database as a command on the machine itself uses them, beside a daemon or without one."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from controlplane.cli.failure import Failure
from controlplane.operators import Minted, OperatorsError
from controlplane.operators import mint as minting
from controlplane.settings import Settings, SettingsError, load
from controlplane.store import Store, StoreBusy, StoreError, Vault, upgrade


@contextmanager
def failures(*more: type[Exception]) -> Iterator[None]:
    """Raise a Failure for what an operator can mend: settings, database, key, and `more`."""
    expected: tuple[type[Exception], ...] = (SettingsError, StoreError, OperatorsError, *more)
    try:
        yield
    except expected as error:
        raise Failure(str(error)) from error


def settings(path: Path) -> Settings:
    """Read the settings; raises Failure."""
    with failures():
        return load(path)


def mint(chosen: Settings, name: str) -> Minted:
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
                return minting(session, vault, name)


def _bring_up_to_date(store: Store, chosen: Settings) -> None:
    try:
        store.hold_daemon_lock()
    except StoreBusy:
        # A daemon runs and knows this schema; a newer one must not be put under it.
        return
    upgrade(chosen.database_url, data_dir=chosen.data_dir)
