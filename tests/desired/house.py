"""A desired state for tests, driven without a daemon."""

import asyncio
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from controlplane.desired import Desired, reader
from controlplane.desired.catalog import Catalog
from controlplane.desired.revisions import Author, Changed, ChangeSet, Delete, Item, Put, Revision
from controlplane.desired.values import GLOBAL, Key, Noun, Scope, SecretRef
from controlplane.store import Store, Vault

AUTHOR = Author("me", "192.0.2.1", "request-1", "because", "token-1")


@dataclass
class Told:
    """Effects that remember what they were told, and push to the nodes that the test names."""

    nodes: Collection[str] = ()
    calls: list[tuple[int, Collection[Changed], Catalog, Catalog]] = field(default_factory=list)
    error: Exception | None = None
    called: threading.Event = field(default_factory=threading.Event)

    def __call__(
        self,
        session: Session,
        revision: int,
        changes: Collection[Changed],
        before: Catalog,
        after: Catalog,
        author: Author,
    ) -> Collection[str]:
        self.calls.append((revision, changes, before, after))
        self.called.set()
        if self.error is not None:
            raise self.error
        return self.nodes


class House:
    """A desired state and how a test writes to it; every call runs an event loop of its own."""

    def __init__(self, store: Store, vault: Vault) -> None:
        self.store = store
        self.vault = vault
        self.effects = Told()
        self.desired = Desired.open(store, vault, self.effects)

    def commit(self, *items: Item, author: Author = AUTHOR) -> Revision | None:
        return asyncio.run(self.desired.commit(ChangeSet(items), author))

    def put(
        self, noun: Noun, name: str, parent: str = "", scope: Scope = GLOBAL, **spec: Any
    ) -> Revision | None:
        return self.commit(put(noun, name, parent, scope, **spec))

    def delete(self, *keys: Key) -> Revision | None:
        return self.commit(*(Delete(key) for key in keys))

    def rollback(self, to: int) -> Revision | None:
        return asyncio.run(self.desired.rollback(to, AUTHOR))

    def opened(self, *refs: Any) -> list[str]:
        wanted: list[SecretRef] = [ref for ref in refs if isinstance(ref, SecretRef)]
        assert len(wanted) == len(refs)
        with self.store.reading() as session:
            texts = reader.secrets(session, self.vault, wanted)
        return [texts[ref] for ref in wanted]

    @property
    def catalog(self) -> Catalog:
        return self.desired.catalog


def key(noun: Noun, name: str, parent: str = "", scope: str = "global") -> Key:
    return Key(noun, name, parent, Scope.parse(scope))


def put(noun: Noun, name: str, parent: str = "", scope: Scope | str = GLOBAL, **spec: Any) -> Put:
    where = Scope.parse(scope) if isinstance(scope, str) else scope
    return Put(Key(noun, name, parent, where), spec)


def node(name: str, *groups: str, **spec: Any) -> Put:
    said: Mapping[str, Any] = {
        "host": "192.0.2.10",
        "event_socket_password": "ClueCon",
        "lookup_passwords": ["lookup"],
        "groups": list(groups),
        "mode": "managed",
    }
    return Put(Key(Noun.NODE, name), {**said, **spec})
