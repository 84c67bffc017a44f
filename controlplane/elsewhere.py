"""What the daemon needs of another process that answers lookups in its place."""

from typing import Protocol

from controlplane.answers.ledger import Ledger
from controlplane.answers.under_way import UnderWay
from controlplane.desired.catalog import Catalog
from controlplane.desired.revisions import Revision
from controlplane.push.ports import Answers


class Elsewhere(Answers, Protocol):
    """Tells what nodes are told, and is told what that follows from."""

    @property
    def ledger(self) -> Ledger:
        """What the nodes were told."""

    @property
    def under_way(self) -> UnderWay:
        """What of it they may keep, and may not have yet."""

    async def start(self) -> None:
        """Have lookups answered from what is committed now; raises a StoreError when they cannot be."""

    def changed(self, revision: Revision, catalog: Catalog) -> None:
        """A revision was committed; `catalog` is the state after it."""

    def may_cache(self, node: str, so: bool) -> None:
        """Whether the node may keep users from now on."""
