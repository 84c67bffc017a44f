"""Which node is asking: its credentials, two passwords valid at once while one is being rotated.

What is kept in memory of a password is a digest of its Basic header, so that one dictionary look-up
answers for a request, and the HA1 of each kind of Digest that the node may use, which is as good as
the password to whoever asks by Digest. No password stands in clear for longer than that takes.
"""

import asyncio
import base64
import hashlib
import logging
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from api.digest import Proof, ha1, proves
from api.sources import Networks
from controlplane.desired import reader
from controlplane.desired.catalog import Catalog
from controlplane.desired.revisions import Revision
from controlplane.desired.values import Node, Noun, Scheme, SecretRef, Text
from controlplane.store.engine import Store
from controlplane.store.errors import DatabaseUnreachable, StoreBusy
from controlplane.store.vault import Vault

log = logging.getLogger(__name__)

RETRY_SECONDS = 1.0

_NOBODY: Sequence[tuple[str, None]] = [("", None)]

OpenSecrets = Callable[[Collection[SecretRef]], Awaitable[Mapping[SecretRef, str]]]


@dataclass(frozen=True, slots=True)
class Caller:
    """A node that has shown who it is. `switchname`: what its lookups must say as `hostname`.

    `bound`: it must also ask from one of `networks`, or with the certificate of a subject.
    """

    name: str
    switchname: str
    bound: bool = False
    networks: Networks | None = None
    certificate: str | None = None


@dataclass(frozen=True, slots=True)
class _Credential:
    """What stands for one password; `basic` None when the node may not use Basic."""

    basic: bytes | None
    secrets: Mapping[Scheme, str]


_Wanted = tuple[str, tuple[Scheme, ...], Text]


class NodeAuth:
    """The lookup credentials of every node of the desired state; used from the event loop's thread.

    After a change, what was withdrawn is refused at once; what is new is taken as soon as its
    secrets have been opened, which `settled` waits for.
    """

    def __init__(self, open_secrets: OpenSecrets) -> None:
        self._open = open_secrets
        self._nodes: tuple[Node, ...] = ()
        self._known: dict[_Wanted, _Credential] = {}
        self._callers: dict[bytes, Caller] = {}
        self._by_secret: dict[tuple[str, Scheme], list[tuple[str, Caller]]] = {}
        self._by_certificate: dict[str, Caller] = {}
        self.offered: frozenset[Scheme] = frozenset(Scheme)
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
        """Whose credentials a Basic Authorization header holds; None: nobody's."""
        if authorization[:6].lower() != b"basic ":
            return None
        return self._callers.get(_digest(authorization[6:].strip()))

    def proving(self, proof: Proof, method: str) -> Caller | None:
        """Who has made a Digest's proof; whether its nonce may be taken is for others to say."""
        stored = self._by_secret.get((proof.username, proof.scheme), [])
        # An unknown name costs as much as a known one.
        found = [caller for secret, caller in stored or _NOBODY if proves(proof, secret, method)]
        return found[0] if found and stored else None

    def certified(self, subject: str | None) -> Caller | None:
        """The node for which the certificate alone is enough."""
        return self._by_certificate.get(subject) if subject is not None else None

    def follow(self, catalog: Catalog) -> None:
        """Take the nodes of this state; new passwords are opened in the background."""
        self._nodes = tuple(row.value for row in catalog.nodes.values())
        wanted = {one for node in self._nodes for one in _wanted(node)}
        for gone in self._known.keys() - wanted:
            del self._known[gone]
        for one in wanted - self._known.keys():
            if isinstance(one[2], str):
                self._known[one] = _credential(one, one[2])
        self._rebuild()
        missing = wanted - self._known.keys()
        if missing and self._opening is None:
            self._opening = asyncio.create_task(self._learn(), name="open lookup passwords")
            self._opening.add_done_callback(self._learned)

    async def _learn(self) -> None:
        try:
            while missing := self._missing():
                try:
                    opened = await self._open(set(missing.values()))
                except (DatabaseUnreachable, StoreBusy) as error:
                    log.warning("new lookup passwords are not known yet: %s", error)
                    await asyncio.sleep(RETRY_SECONDS)
                    continue
                for one in missing.keys() & self._missing().keys():
                    self._known[one] = _credential(one, opened[missing[one]])
                self._rebuild()
        finally:
            # Here, for a task that has ended is waited for without letting go of the loop: whoever came
            # before its callbacks ran would wait for ever.
            self._opening = None

    def _learned(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("new lookup passwords are not taken: %s", error)

    def _missing(self) -> dict[_Wanted, SecretRef]:
        return {
            one: one[2]
            for node in self._nodes
            for one in _wanted(node)
            if isinstance(one[2], SecretRef) and one not in self._known
        }

    def _rebuild(self) -> None:
        callers = {node.name: _caller(node) for node in self._nodes}
        self._callers = {}
        self._by_secret = {}
        for (name, _, _), known in self._known.items():
            if known.basic is not None:
                self._callers[known.basic] = callers[name]
            for scheme, secret in known.secrets.items():
                self._by_secret.setdefault((name, scheme), []).append((secret, callers[name]))
        self._by_certificate = {
            node.lookup_certificate: callers[node.name]
            for node in self._nodes
            if node.lookup_certificate is not None and not node.lookup_schemes
        }
        used = {scheme for node in self._nodes for scheme in node.lookup_schemes}
        self.offered = frozenset(used or Scheme)


def _caller(node: Node) -> Caller:
    return Caller(
        node.name,
        node.switchname,
        bound=bool(node.lookup_networks) or node.lookup_certificate is not None,
        networks=Networks(node.lookup_networks) if node.lookup_networks else None,
        certificate=node.lookup_certificate,
    )


def _wanted(node: Node) -> Iterator[_Wanted]:
    if node.lookup_schemes:
        for password in node.lookup_passwords:
            yield node.name, node.lookup_schemes, password


def _credential(wanted: _Wanted, password: str) -> _Credential:
    name, schemes, _ = wanted
    return _Credential(
        _digest(base64.b64encode(f"{name}:{password}".encode())) if Scheme.BASIC in schemes else None,
        {scheme: ha1(scheme, name, password) for scheme in schemes if scheme is not Scheme.BASIC},
    )


def _digest(token: bytes) -> bytes:
    return hashlib.blake2b(token, digest_size=16).digest()
