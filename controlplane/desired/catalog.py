"""The desired state in memory: every noun but users and extensions, at one revision.

Frozen: a change makes a new catalog that copies only the nouns it touches. What a node is
told follows from it alone (`view`), so that two nodes with the same groups see the same
rows unless one of them has rows of its own.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, TypeAlias, TypeVar, cast

from controlplane.desired import variables as expansion
from controlplane.desired.precedence import Told, best, on_profiles, rank, split, stands
from controlplane.desired.values import (
    Acl,
    Chatplan,
    Context,
    Document,
    Domain,
    Gateway,
    Group,
    Key,
    Language,
    Node,
    Noun,
    Profile,
    Scope,
    Stored,
    Value,
    Variable,
)

V = TypeVar("V", bound=Value)
Rows = Mapping[Key, Stored[V]]

__all__ = ["Catalog", "NodeView", "Rows", "catalog_of", "rank"]


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
    written_acls: Mapping[str, Stored[Acl]]
    """The same, with no variables put in."""
    contexts: Mapping[str, Stored[Context]]
    documents: Mapping[str, Stored[Document]]
    languages: Mapping[str, Stored[Language]]
    chatplans: Mapping[str, Stored[Chatplan]]
    variables: Mapping[str, Stored[Variable]]


Names: TypeAlias = dict[tuple[str, str], tuple[Stored[Any], ...]]
"""The rows of a noun by parent and name."""


@dataclass(slots=True)
class _Found:
    """What was worked out of one noun's rows; another catalog with the same rows shares it.

    Only ever filled with what follows from the rows, so that it does not matter who fills it.
    """

    names: Names | None = None
    own: dict[str, list[Stored[Any]]] | None = None
    """The rows for one node alone, by the node's name."""
    common: list[Stored[Any]] = field(default_factory=list)
    by_groups: dict[tuple[str, ...], Told] = field(default_factory=dict)
    """What nodes of these groups are told of the rows that are for no node alone."""
    by_node: dict[str, Told] = field(default_factory=dict)
    referring: frozenset[str] | None = None
    """Of ACL lists: the names of those that refer to variables."""


@dataclass(frozen=True, slots=True, eq=False)
class Catalog:
    """Every row that lookups and pushes need at hand, at revision `revision`."""

    revision: int = 0
    nodes: Rows[Node] = field(default_factory=dict)
    domains: Rows[Domain] = field(default_factory=dict)
    groups: Rows[Group] = field(default_factory=dict)
    profiles: Rows[Profile] = field(default_factory=dict)
    gateways: Rows[Gateway] = field(default_factory=dict)
    acls: Rows[Acl] = field(default_factory=dict)
    contexts: Rows[Context] = field(default_factory=dict)
    documents: Rows[Document] = field(default_factory=dict)
    languages: Rows[Language] = field(default_factory=dict)
    chatplans: Rows[Chatplan] = field(default_factory=dict)
    variables: Rows[Variable] = field(default_factory=dict)
    _views: dict[str, NodeView] = field(default_factory=dict, repr=False)
    _found: dict[Noun, _Found] = field(default_factory=dict, repr=False)

    def rows(self, noun: Noun) -> Rows[Any]:
        """Give every row of a noun; raises KeyError for users and extensions."""
        return cast(Rows[Any], getattr(self, _FIELDS[noun]))

    def named(self, noun: Noun, name: str, parent: str = "") -> tuple[Stored[Any], ...]:
        """Give the rows of that name, whatever their scope, in the order of their scopes."""
        return self._names(noun).get((parent, name), ())

    def node(self, name: str) -> Stored[Node] | None:
        """Give a node by its name."""
        return self.nodes.get(Key(Noun.NODE, name))

    def groups_of(self, domain: Key) -> tuple[Stored[Group], ...]:
        """Give the groups of a domain's row, by name."""
        return tuple(
            row
            for (parent, _), rows in sorted(self._names(Noun.GROUP).items())
            if parent == domain.name
            for row in rows
            if row.value.scope == domain.scope
        )

    def scoped(self, scope: Scope) -> tuple[Key, ...]:
        """Give the keys of all rows of exactly that scope."""
        return tuple(key for name in _FIELDS.values() for key in getattr(self, name) if key.scope == scope)

    def told(self, node: Node, noun: Noun, name: str) -> Stored[Any] | None:
        """Give the row of that name that a node is told (a gateway: whether or not its profile stands)."""
        return best(node, (row for row in self.named(noun, name) if stands(row, node.name))).get(name)

    def view(self, name: str) -> NodeView:
        """Say what a node is told; made once for each catalog. Raises KeyError for an unknown node."""
        found = self._views.get(name)
        if found is None:
            found = self._views[name] = self._view(self.nodes[Key(Noun.NODE, name)])
        return found

    def with_changes(self, revision: int, rows: Mapping[Key, Stored[Any] | None]) -> "Catalog":
        """Give the catalog in which these rows stand (None: are gone). Other nouns' rows are passed over."""
        held: dict[Noun, dict[Key, Stored[Any]]] = {}
        for key, row in rows.items():
            if key.noun not in _FIELDS:
                continue
            if key.noun not in held:
                held[key.noun] = dict(self.rows(key.noun))
            if row is None:
                held[key.noun].pop(key, None)
            else:
                held[key.noun][key] = row
        changed: dict[str, Any] = {_FIELDS[noun]: MappingProxyType(held[noun]) for noun in held}
        return replace(
            self,
            revision=revision,
            _views={} if changed else self._views,
            _found=self._kept({key for key in rows if key.noun in held}),
            **changed,
        )

    def _kept(self, changed: Iterable[Key]) -> dict[Noun, _Found]:
        """What stays true of what was worked out, when the rows of these keys change."""
        nouns = {key.noun for key in changed}
        # Copied first: another thread may fill it meanwhile.
        stale = nouns | {noun for noun, needs in _NEEDS.items() if nouns & needs}
        kept = {noun: found for noun, found in list(self._found.items()) if noun not in stale}
        nodes = {key.name for key in changed if key.noun is Noun.NODE}
        if nodes:
            kept = {
                noun: replace(
                    found,
                    by_node={name: told for name, told in list(found.by_node.items()) if name not in nodes},
                )
                for noun, found in kept.items()
            }
        return kept

    def _of(self, noun: Noun) -> _Found:
        return self._found.setdefault(noun, _Found())

    def _names(self, noun: Noun) -> Names:
        found = self._of(noun)
        if found.names is None:
            lists: dict[tuple[str, str], list[Stored[Any]]] = {}
            for key, row in self.rows(noun).items():
                lists.setdefault((key.parent, key.name), []).append(row)
            found.names = {
                name: tuple(sorted(rows, key=lambda row: str(row.value.key.scope)))
                for name, rows in lists.items()
            }
        return found.names

    def _view(self, node: Stored[Node]) -> NodeView:
        told = {noun: self._told(noun, node.value) for noun in _BY_SCOPE}
        return NodeView(
            node=node,
            domains=told[Noun.DOMAIN],
            groups=self._groups(node.value, told[Noun.DOMAIN]),
            profiles=told[Noun.PROFILE],
            gateways=on_profiles(told[Noun.PROFILE], told[Noun.GATEWAY]),
            acls=self._acls(told[Noun.ACL], told[Noun.VARIABLE]),
            written_acls=told[Noun.ACL],
            contexts=told[Noun.CONTEXT],
            documents=told[Noun.DOCUMENT],
            languages=told[Noun.LANGUAGE],
            chatplans=told[Noun.CHATPLAN],
            variables=told[Noun.VARIABLE],
        )

    def variables_of(self, node: Node) -> Mapping[str, Stored[Variable]]:
        """Give the variables of a node, be it one of the catalog's or not."""
        return self._told(Noun.VARIABLE, node) if self.variables else {}

    def _acls(self, told: Told, variables: Told) -> Told:
        """The lists with variables put in; as a rule there is nothing to put."""
        found = self._of(Noun.ACL)
        if found.referring is None:
            found.referring = frozenset(
                row.value.name
                for row in self.acls.values()
                if any(map(expansion.refers, expansion.texts_of_acl(row.value)))
            )
        if not (variables and found.referring):
            return told
        return MappingProxyType(
            {
                name: replace(row, value=expansion.acl_with(row.value, variables))
                if name in found.referring
                else row
                for name, row in told.items()
            }
        )

    def _told(self, noun: Noun, node: Node) -> Told:
        """What the node is told of one noun. Nodes of the same groups share it, unless they have own rows."""
        found = self._of(noun)
        if node.name not in found.by_node:
            if found.own is None:
                found.common, found.own = split(self.rows(noun).values())
            own = found.own.get(node.name, ())
            if own:
                found.by_node[node.name] = MappingProxyType(best(node, (*found.common, *own)))
            else:
                if node.groups not in found.by_groups:
                    found.by_groups[node.groups] = MappingProxyType(best(node, found.common))
                found.by_node[node.name] = found.by_groups[node.groups]
        return found.by_node[node.name]

    def _groups(self, node: Node, domains: Told) -> Told:
        found = self._of(Noun.GROUP)
        alone = self._of(Noun.DOMAIN).own or {}
        where = (f"node:{node.name}",) if node.name in alone else node.groups
        if where not in found.by_groups:
            found.by_groups[where] = MappingProxyType(
                {
                    (row.value.domain, row.value.name): row
                    for row in self.groups.values()
                    if (domain := domains.get(row.value.domain)) is not None
                    and domain.value.scope == row.value.scope
                }
            )
        return found.by_groups[where]


_FIELDS = {
    Noun.NODE: "nodes",
    Noun.DOMAIN: "domains",
    Noun.GROUP: "groups",
    Noun.PROFILE: "profiles",
    Noun.GATEWAY: "gateways",
    Noun.ACL: "acls",
    Noun.CONTEXT: "contexts",
    Noun.DOCUMENT: "documents",
    Noun.LANGUAGE: "languages",
    Noun.CHATPLAN: "chatplans",
    Noun.VARIABLE: "variables",
}

_BY_SCOPE = tuple(noun for noun in _FIELDS if noun not in (Noun.NODE, Noun.GROUP))

_NEEDS: Mapping[Noun, frozenset[Noun]] = {Noun.GROUP: frozenset({Noun.DOMAIN, Noun.NODE})}
"""Of which other nouns' rows it depends what a node is told of a noun, but for the node's own."""


def catalog_of(revision: int, rows: Iterable[Stored[Any]]) -> Catalog:
    """Build a catalog from every row."""
    return Catalog().with_changes(revision, {row.value.key: row for row in rows})
