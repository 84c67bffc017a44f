"""Which of several rows of one name a node is told."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias, TypeVar

from controlplane.desired.values import Gateway, Node, Scope, Stored, Value

V = TypeVar("V", bound=Value)
Told: TypeAlias = Mapping[Any, Stored[Any]]


def rank(node: Node, scope: Scope) -> int | None:
    """Say how specific a scope is for a node, the least number first; None: not for it."""
    if scope.node is not None:
        return 0 if scope.node == node.name else None
    if not scope.groups:
        return len(node.groups) + 1
    return next((index for index, group in enumerate(node.groups, 1) if group in scope.groups), None)


def split(rows: Iterable[Stored[Any]]) -> tuple[list[Stored[Any]], dict[str, list[Stored[Any]]]]:
    """Give the rows that are for no node alone, and those that are, by the node's name."""
    common: list[Stored[Any]] = []
    own: dict[str, list[Stored[Any]]] = {}
    for row in rows:
        alone = row.value.key.scope.node
        if alone is None and isinstance(row.value, Gateway):
            alone = row.value.placed_on
        if alone is None:
            common.append(row)
        else:
            own.setdefault(alone, []).append(row)
    return common, {name: [row for row in rows if stands(row, name)] for name, rows in own.items()}


def stands(row: Stored[Any], node: str) -> bool:
    """Say whether a row's placement allows the node; only gateways are placed."""
    return not isinstance(row.value, Gateway) or row.value.placed_on in (None, node)


def on_profiles(profiles: Told, gateways: Told) -> Told:
    """Give those gateways whose profile the node has: as a rule all of them."""
    if all(row.value.profile in profiles for row in gateways.values()):
        return gateways
    return {name: row for name, row in gateways.items() if row.value.profile in profiles}


def best(node: Node, rows: Iterable[Stored[V]]) -> dict[str, Stored[V]]:
    """Give the most specific row of each name. No two are equally specific: such are refused."""
    found: dict[str, tuple[int, Stored[V]]] = {}
    for row in rows:
        key = row.value.key
        ranked = rank(node, key.scope)
        if ranked is not None and (key.name not in found or ranked < found[key.name][0]):
            found[key.name] = (ranked, row)
    return {name: row for name, (_, row) in found.items()}
