"""Which nodes an operator means: by name, by group, or all."""

from typing import Annotated

from pydantic import Field

from api.problems import FieldProblem, invalid
from api.resources.shapes import Name, Shape
from controlplane.desired.catalog import Catalog


class Selection(Shape):
    """Nodes by name and by group, together; `all` for every node. Nothing chosen is a mistake."""

    nodes: Annotated[list[Name], Field(max_length=10_000)] = Field(default_factory=list)
    groups: Annotated[list[Name], Field(max_length=1000)] = Field(default_factory=list)
    all: bool = False

    def those(self, catalog: Catalog) -> list[str]:
        """As `chosen`, but all of a fleet that has no nodes are none: for what only asks."""
        return self.chosen(catalog) if catalog.nodes or not self.all else []

    def chosen(self, catalog: Catalog) -> list[str]:
        """Give the names of the nodes that are meant, sorted; raises `Problem` 422."""
        known = {row.value.name: row.value for row in catalog.nodes.values()}
        if self.all:
            if self.nodes or self.groups:
                raise invalid([FieldProblem("all", "stands alone: leave out nodes and groups")])
            found = set(known)
        else:
            found = set(self.nodes)
            found.update(name for name, node in known.items() if set(node.groups) & set(self.groups))
        wrong = [
            FieldProblem(f"nodes[{place}]", f"there is no node {name!r}")
            for place, name in enumerate(self.nodes)
            if name not in known
        ]
        groups = {group for node in known.values() for group in node.groups}
        wrong += [
            FieldProblem(f"groups[{place}]", f"no node is in a group {name!r}")
            for place, name in enumerate(self.groups)
            if name not in groups
        ]
        if wrong:
            raise invalid(wrong)
        if not found:
            raise invalid([FieldProblem("nodes", "no node is chosen: name nodes or groups, or say all")])
        return sorted(found)
