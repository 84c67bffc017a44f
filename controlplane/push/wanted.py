"""What one node should run, put together from the catalog, the fingerprints and the users."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from sqlalchemy.orm import Session

from controlplane.answers.fingerprint import fingerprint, secrets_of
from controlplane.desired import reader
from controlplane.desired.catalog import Catalog, NodeView
from controlplane.desired.values import Document, Profile, ProfileDomain, Stored, User
from controlplane.desired.variables import Variables, referred, replaced, texts_of
from controlplane.observed.values import Wanted, WantedDocument, WantedGateway, WantedProfile
from controlplane.push import documents, modules
from controlplane.push.enqueue import EVENT_SOCKET, cidrs_of
from controlplane.push.errors import UnknownNode
from controlplane.push.touches import Touches
from controlplane.store.engine import Store
from controlplane.store.vault import Vault


class Fingerprints(Protocol):
    """Knows what gateways should carry."""

    async def fingerprints(self, node: str, names: Collection[str] | None = None) -> dict[str, str]:
        """Of the node's gateways, by name."""


@dataclass(frozen=True, slots=True)
class _Users:
    """What the users of a node's domains add to it."""

    gateways: Mapping[str, WantedGateway]
    cidrs: Mapping[str, tuple[str, ...]]


class Wants:
    """Tells what a node should run now. Users are read only where they matter."""

    def __init__(
        self, catalog: Callable[[], Catalog], fingerprints: Fingerprints, store: Store, vault: Vault
    ) -> None:
        self._catalog = catalog
        self._fingerprints = fingerprints
        self._store = store
        self._vault = vault
        self._documents: dict[int, tuple[int, str, WantedDocument]] = {}

    async def __call__(self, node: str, touches: Touches) -> Wanted:
        """What `touches` may be about, at one revision. Raises UnknownNode."""
        while True:
            catalog = self._catalog()
            if catalog.node(node) is None:
                raise UnknownNode(f"there is no node {node}")
            wanted = await self._at(catalog, node, touches)
            if self._catalog() is catalog:
                return wanted

    async def _at(self, catalog: Catalog, node: str, touches: Touches) -> Wanted:
        view = catalog.view(node)
        names = None if touches.everything or touches.profiles else touches.gateways
        marks = await self._fingerprints.fingerprints(node, names)
        parsing = _parsing(view)
        needs_gateways = bool(parsing) and (names is None or any(name not in view.gateways for name in names))
        needs_cidrs = bool(touches.acls or touches.everything) and any(
            entry.domain is not None for row in view.acls.values() for entry in row.value.entries
        )
        users = _Users({}, {})
        if needs_gateways or needs_cidrs:
            users = await self._store.read(
                lambda session: self._users(session, view, parsing if needs_gateways else {}, needs_cidrs)
            )
        guards = view.documents.get(EVENT_SOCKET)
        loads = modules.loaded_by(view)
        return Wanted(
            node,
            catalog.revision,
            gateways={
                **users.gateways,
                **{
                    name: WantedGateway(name, view.gateways[name].value.profile, mark)
                    for name, mark in marks.items()
                    if name in view.gateways
                },
            },
            profiles={name: _profile(row, view) for name, row in view.profiles.items()},
            acls={name: row.value for name, row in view.acls.items()},
            acl_revision=max((row.revision for row in view.acls.values()), default=0),
            cidrs=users.cidrs,
            documents={name: self._document(row, view.variables) for name, row in view.documents.items()},
            guards=documents.guards(guards.value, view.variables) if guards is not None else (),
            modules=loads or {},
            needed=modules.needed_by(view) if loads is None else {},
            # A sealed one is put in where it is used, and need not lie open on the node.
            variables={
                name: row.value.value
                for name, row in view.variables.items()
                if isinstance(row.value.value, str)
            },
        )

    def _users(self, session: Session, view: NodeView, parsing: Mapping[str, str], cidrs: bool) -> _Users:
        by_id = {view.domains[name].id: profile for name, profile in parsing.items()}
        users = reader.users_with_gateways(session, by_id) if by_id else ()
        refs = {ref for user in users for gateway in user.value.gateways for ref in secrets_of(gateway)}
        opened = reader.secrets(session, self._vault, refs) if refs else {}
        key = self._vault.fingerprint_key()
        named = {
            entry.domain
            for row in view.acls.values()
            for entry in row.value.entries
            if entry.domain is not None and cidrs
        }
        return _Users(
            {
                gateway.name: WantedGateway(
                    gateway.name, _taking(user, parsing), fingerprint(gateway, opened, key), by_user=True
                )
                for user in users
                for gateway in user.value.gateways
            },
            {domain: cidrs_of(session, view, domain) for domain in sorted(named)},
        )

    def _document(self, row: Stored[Document], variables: Variables) -> WantedDocument:
        xml = documents.put_in(row.value, variables)
        known = self._documents.get(row.id)
        if known is None or known[:2] != (row.version, xml):
            made = replace(documents.wanted(replace(row.value, xml=xml)), revision=row.revision)
            known = self._documents[row.id] = (row.version, xml, made)
        return known[2]


def _parsing(view: NodeView) -> dict[str, str]:
    """For each domain whose users' gateways a profile takes, that profile."""
    found: dict[str, str] = {}
    for name, row in sorted(view.profiles.items()):
        for each in _domains(row.value, view):
            if each.parse and each.name in view.domains:
                found.setdefault(each.name, name)
    return found


def _taking(user: Stored[User], parsing: Mapping[str, str]) -> str:
    return parsing[user.value.domain]


def _profile(row: Stored[Profile], view: NodeView) -> WantedProfile:
    value = row.value
    put = referred(texts_of(value.params)) & view.variables.keys()
    params = tuple(
        replace(param, value=replaced(param.value, view.variables)) if isinstance(param.value, str) else param
        for param in value.params
    )
    revision = max((row.revision, *(view.variables[name].revision for name in put))) if put else row.revision
    return WantedProfile(value.name, revision, params, value.aliases, _domains(value, view))


def _domains(profile: Profile, view: NodeView) -> tuple[ProfileDomain, ...]:
    """With `all` spelled out: a domain that comes later is an alias that the profile lacks."""
    found: list[ProfileDomain] = []
    for each in profile.domains:
        if each.name == "all":
            found += [replace(each, name=name) for name in sorted(view.domains)]
        else:
            found.append(each)
    return tuple(dict.fromkeys(found))
