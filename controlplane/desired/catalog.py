"""The desired state in memory: every noun but users and extensions, at one revision.

Frozen: a change makes a new catalog that copies only the nouns it touches. What a node is
told follows from it alone (`view`), so that two nodes with the same groups see the same
rows unless one of them has rows of its own.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, TypeVar, cast

from controlplane.desired.values import (
    Acl,
    Context,
    Document,
    Domain,
    Gateway,
    Group,
    Key,
    Node,
    Noun,
    Profile,
    Scope,
    Stored,
    Value,
)

V = TypeVar("V", bound=Value)
Rows = Mapping[Key, Stored[V]]

_EMPTY: Mapping[Any, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class NodeView:
    """What one node is told: for each name, the row that is most specific for it."""

    node: Stored[Node]
    domains: Mapping[str, Stored[Domain]]
    groups: Mapping[tuple[str, str], Stored[Group]]
    """By domain and group; of those domains' rows that the node is told."""
    profiles: Mapping[str, Stored[Profile]]
    gateways: Mapping[str, Stored[Gateway]]
    """Those that stand on this node, on a profile that it has."""
    acls: Mapping[str, Stored[Acl]]
    contexts: Mapping[str, Stored[Context]]
    documents: Mapping[str, Stored[Document]]


@dataclass(frozen=True, slots=True, eq=False)
class Catalog:
    """Every row that lookups and pushes need at hand, at revision `revision`."""

    revision: int = 0
    nodes: Rows[Node] = field(default_factory=lambda: _EMPTY)
    domains: Rows[Domain] = field(default_factory=lambda: _EMPTY)
    groups: Rows[Group] = field(default_factory=lambda: _EMPTY)
    profiles: Rows[Profile] = field(default_factory=lambda: _EMPTY)
    gateways: Rows[Gateway] = field(default_factory=lambda: _EMPTY)
    acls: Rows[Acl] = field(default_factory=lambda: _EMPTY)
    contexts: Rows[Context] = field(default_factory=lambda: _EMPTY)
    documents: Rows[Document] = field(default_factory=lambda: _EMPTY)
    _views: dict[str, NodeView] = field(default_factory=dict, repr=False)

    def rows(self, noun: Noun) -> Rows[Any]:
        """Give every row of a noun; raises KeyError for users and extensions."""
        return cast(Rows[Any], getattr(self, _FIELDS[noun]))

    def named(self, noun: Noun, name: str, parent: str = "") -> tuple[Stored[Any], ...]:
        """Give the rows of that name, whatever their scope, in the order of their scopes."""
        found = [row for key, row in self.rows(noun).items() if key.name == name and key.parent == parent]
        return tuple(sorted(found, key=lambda row: str(row.value.key.scope)))

    def node(self, name: str) -> Stored[Node] | None:
        """Give a node by its name."""
        return self.nodes.get(Key(Noun.NODE, name))

    def groups_of(self, domain: Key) -> tuple[Stored[Group], ...]:
        """Give the groups of a domain's row, by name."""
        found = [
            row for key, row in self.groups.items() if (key.parent, key.scope) == (domain.name, domain.scope)
        ]
        return tuple(sorted(found, key=lambda row: row.value.name))

    def scoped(self, scope: Scope) -> tuple[Key, ...]:
        """Give the keys of all rows of exactly that scope."""
        return tuple(key for name in _FIELDS.values() for key in getattr(self, name) if key.scope == scope)

    def view(self, name: str) -> NodeView:
        """Say what a node is told; made once for each catalog. Raises KeyError for an unknown node."""
        found = self._views.get(name)
        if found is None:
            found = self._views[name] = self._view(self.nodes[Key(Noun.NODE, name)])
        return found

    def with_changes(self, revision: int, rows: Mapping[Key, Stored[Any] | None]) -> "Catalog":
        """Give the catalog in which these rows stand (None: are gone). Other nouns' rows are passed over."""
        touched: dict[str, dict[Key, Stored[Any]]] = {}
        for key, row in rows.items():
            name = _FIELDS.get(key.noun)
            if name is None:
                continue
            held = touched.setdefault(name, dict(getattr(self, name)))
            if row is None:
                held.pop(key, None)
            else:
                held[key] = row
        changed: dict[str, Any] = {name: MappingProxyType(held) for name, held in touched.items()}
        return replace(self, revision=revision, _views={} if changed else self._views, **changed)

    def _view(self, node: Stored[Node]) -> NodeView:
        domains = _best(node.value, self.domains.values())
        profiles = _best(node.value, self.profiles.values())
        standing = (row for row in self.gateways.values() if row.value.placed_on in (None, node.value.name))
        gateways = _best(node.value, standing)
        return NodeView(
            node=node,
            domains=domains,
            groups={
                (row.value.domain, row.value.name): row
                for row in self.groups.values()
                if row.value.domain in domains and domains[row.value.domain].value.scope == row.value.scope
            },
            profiles=profiles,
            gateways={name: row for name, row in gateways.items() if row.value.profile in profiles},
            acls=_best(node.value, self.acls.values()),
            contexts=_best(node.value, self.contexts.values()),
            documents=_best(node.value, self.documents.values()),
        )


_FIELDS = {
    Noun.NODE: "nodes",
    Noun.DOMAIN: "domains",
    Noun.GROUP: "groups",
    Noun.PROFILE: "profiles",
    Noun.GATEWAY: "gateways",
    Noun.ACL: "acls",
    Noun.CONTEXT: "contexts",
    Noun.DOCUMENT: "documents",
}


def catalog_of(revision: int, rows: Iterable[Stored[Any]]) -> Catalog:
    """Build a catalog from every row."""
    return Catalog().with_changes(revision, {row.value.key: row for row in rows})


def rank(node: Node, scope: Scope) -> int | None:
    """Say how specific a scope is for a node, the least number first; None: not for it."""
    if scope.node is not None:
        return 0 if scope.node == node.name else None
    if not scope.groups:
        return len(node.groups) + 1
    return next((index for index, group in enumerate(node.groups, 1) if group in scope.groups), None)


def _best(node: Node, rows: Iterable[Stored[V]]) -> dict[str, Stored[V]]:
    best: dict[str, tuple[int, Stored[V]]] = {}
    for row in rows:
        key = row.value.key
        ranked = rank(node, key.scope)
        if ranked is not None and (key.name not in best or ranked < best[key.name][0]):
            best[key.name] = (ranked, row)
    return {name: row for name, (_, row) in best.items()}
