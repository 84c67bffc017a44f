"""Which node is asking: HTTP Basic, two passwords valid at once while one is being rotated.

What is kept in memory of a credential is a digest of its header, so that one dictionary look-up
answers for a request, and no password stands in clear for longer than it takes to digest it.
"""

import asyncio
import base64
import hashlib
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial

from controlplane.desired import reader
from controlplane.desired.catalog import Catalog
from controlplane.desired.revisions import Revision
from controlplane.desired.values import Node, Noun, SecretRef, Text
from controlplane.store.engine import Store
from controlplane.store.errors import DatabaseUnreachable, StoreBusy
from controlplane.store.vault import Vault

log = logging.getLogger(__name__)

RETRY_SECONDS = 1.0

OpenSecrets = Callable[[Collection[SecretRef]], Awaitable[Mapping[SecretRef, str]]]


@dataclass(frozen=True, slots=True)
class Caller:
    """A node that has shown who it is. `switchname`: what its lookups must say as `hostname`."""

    name: str
    switchname: str


class NodeAuth:
    """The lookup credentials of every node of the desired state; used from the event loop's thread.

    After a change, what was withdrawn is refused at once; what is new is taken as soon as its
    secrets have been opened, which `settled` waits for.
    """

    def __init__(self, open_secrets: OpenSecrets) -> None:
        self._open = open_secrets
        self._nodes: tuple[Node, ...] = ()
        self._digests: dict[tuple[str, Text], bytes] = {}
        self._callers: dict[bytes, Caller] = {}
        self._opening: asyncio.Task[None] | None = None

    @classmethod
    def over(cls, store: Store, vault: Vault) -> "NodeAuth":
        """Open secrets through the store's reader threads."""
        return cls(
            lambda refs: store.read(partial(reader.secrets, vault=vault, refs=refs)),
        )

    async def start(self, catalog: Catalog) -> None:
        """Take the nodes of this state, and know them all on return."""
        self.follow(catalog)
        await self.settled()

    def changed(self, revision: Revision, catalog: Catalog) -> None:
        """Follow a revision; the digests of new passwords are made in the background."""
        if any(change.key.noun is Noun.NODE for change in revision.changes):
            self.follow(catalog)

    async def settled(self) -> None:
        """Wait till every password of the newest state is known; raises what kept one from being opened."""
        while self._opening is not None:
            await asyncio.shield(self._opening)

    def caller(self, authorization: bytes) -> Caller | None:
        """Whose credentials an Authorization header holds; None: nobody's."""
        if authorization[:6].lower() != b"basic ":
            return None
        return self._callers.get(_digest(authorization[6:].strip()))

    def follow(self, catalog: Catalog) -> None:
        """Take the nodes of this state; new passwords are opened in the background."""
        self._nodes = tuple(row.value for row in catalog.nodes.values())
        wanted = {(node.name, password) for node in self._nodes for password in node.lookup_passwords}
        for gone in self._digests.keys() - wanted:
            del self._digests[gone]
        for name, password in wanted - self._digests.keys():
            if isinstance(password, str):
                self._digests[name, password] = _digest_of(name, password)
        self._rebuild()
        missing = wanted - self._digests.keys()
        if missing and self._opening is None:
            self._opening = asyncio.create_task(self._learn(), name="open lookup passwords")
            self._opening.add_done_callback(self._learned)

    async def _learn(self) -> None:
        while missing := self._missing():
            try:
                opened = await self._open({password for _, password in missing})
            except (DatabaseUnreachable, StoreBusy) as error:
                log.warning("new lookup passwords are not known yet: %s", error)
                await asyncio.sleep(RETRY_SECONDS)
                continue
            still = self._missing()
            for name, password in missing & still:
                self._digests[name, password] = _digest_of(name, opened[password])
            self._rebuild()

    def _learned(self, task: asyncio.Task[None]) -> None:
        self._opening = None
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("new lookup passwords are not taken: %s", error)

    def _missing(self) -> set[tuple[str, SecretRef]]:
        return {
            (node.name, password)
            for node in self._nodes
            for password in node.lookup_passwords
            if isinstance(password, SecretRef) and (node.name, password) not in self._digests
        }

    def _rebuild(self) -> None:
        callers = {node.name: Caller(node.name, node.switchname) for node in self._nodes}
        self._callers = {digest: callers[name] for (name, _), digest in self._digests.items()}


def _digest_of(name: str, password: str) -> bytes:
    return _digest(base64.b64encode(f"{name}:{password}".encode()))


def _digest(token: bytes) -> bytes:
    return hashlib.blake2b(token, digest_size=16).digest()
