"""Fills a database for a benchmark, as one change set, before the daemon opens it."""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from sqlalchemy.orm import Session

from controlplane.desired.catalog import Catalog
from controlplane.desired.revisions import Author, ChangeSet, Put
from controlplane.desired.state import Desired
from controlplane.desired.values import Key, Noun
from controlplane.settings import Settings, load
from controlplane.store.engine import Store
from controlplane.store.migrate import upgrade
from controlplane.store.vault import Vault
from controlplane.tenants import Role
from controlplane.tokens import Grant, mint

LOOKUP_PASSWORD = "bench-lookups"
EVENT_SOCKET_PASSWORD = "ClueCon"
DOMAIN = "bench.example"
PROFILE = "external"
AT_ONCE = 20_000


def seed(settings: Settings, puts: Sequence[Put]) -> str:
    """Write the rows into a new database, and give an operator's token for it."""
    upgrade(settings.database_url, data_dir=settings.data_dir)
    store = Store.open(settings.database_url, data_dir=settings.data_dir)
    try:
        vault = Vault.load(settings.key_path)
        desired = Desired.open(store, vault, _no_pushes)
        asyncio.run(_commit(desired, puts))
        with store.writing() as session:
            return mint(session, vault, Grant("bench", Role.ADMIN), Author("bench")).text
    finally:
        store.close()


def nodes(ports: Iterable[int]) -> list[Put]:
    """Managed nodes fs1, fs2, ... on loopback, one for each port."""
    return [
        Put(
            Key(Noun.NODE, f"fs{number}"),
            {
                "switchname": f"fs{number}",
                "host": "127.0.0.1",
                "port": port,
                "groups": ["bench"],
                "mode": "managed",
                "event_socket_password": EVENT_SOCKET_PASSWORD,
                "lookup_passwords": [LOOKUP_PASSWORD],
            },
        )
        for number, port in enumerate(ports, 1)
    ]


def users(count: int) -> list[Put]:
    """A domain with so many users, each with a password."""
    return [
        Put(Key(Noun.DOMAIN, DOMAIN), {"params": {"dial-string": "${sofia_contact(*/${dialed_user})}"}}),
        *(_user(number) for number in range(1, count + 1)),
    ]


def more_users(settings: Settings, count: int) -> None:
    """Give the domain of an open database so many users, in revisions of `AT_ONCE`."""
    store = Store.open(settings.database_url, data_dir=settings.data_dir)
    try:
        desired = Desired.open(store, Vault.load(settings.key_path), _no_pushes)
        for first in range(1, count + 1, AT_ONCE):
            some = range(first, min(first + AT_ONCE, count + 1))
            asyncio.run(_commit(desired, [_user(number) for number in some]))
    finally:
        store.close()


def _user(number: int) -> Put:
    return Put(
        Key(Noun.USER, str(number), DOMAIN),
        {
            "params": {"password": f"secret-{number}", "vm-password": str(number)},
            "variables": {"user_context": "default", "toll_allow": "domestic,local"},
        },
    )


def profile() -> Put:
    """A SIP profile for gateways to stand on."""
    params = {"sip-ip": "127.0.0.1", "rtp-ip": "127.0.0.1", "sip-port": "5080", "context": "public"}
    return Put(Key(Noun.PROFILE, PROFILE), {"params": params})


def gateway(name: str, *, register: bool = False, password: str = "secret") -> Put:
    """A gateway on that profile, on every node."""
    params = {
        "username": name,
        "password": password,
        "proxy": "127.0.0.1:5099",
        "register": "true" if register else "false",
    }
    return Put(Key(Noun.GATEWAY, name), {"profile": PROFILE, "params": params})


def _no_pushes(
    session: Session, revision: int, changes: object, before: Catalog, after: Catalog, author: Author
) -> Collection[str]:
    return ()


async def _commit(desired: Desired, puts: Sequence[Put]) -> None:
    await desired.commit(ChangeSet(tuple(puts)), Author("bench", reason="benchmark"))


def without_cache(config: Path) -> None:
    """Make the cache too small for anything: every lookup of the next daemon reads the database."""
    config.write_text(config.read_text().replace("[lookups]", "[lookups]\ncache_bytes = 0"))


def settings_for(folder: Path, operators: int, lookups: int) -> tuple[Path, Settings]:
    """Write a configuration file into the folder, and read it back."""
    config = folder / "config.toml"
    config.write_text(
        f'data_dir = "{folder}"\n[operators]\nport = {operators}\n[lookups]\nport = {lookups}\n'
        '[log]\nformat = "json"\nlevel = "warning"\n'
    )
    return config, load(config)
