"""Which nodes are sent nothing for now: rows, and a copy of them at hand."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from controlplane.desired.catalog import Catalog, rank
from controlplane.desired.values import Scope
from controlplane.store import tables
from controlplane.store.engine import Store

_SUSPENSIONS = tables.table(tables.SuspensionRow)


@dataclass(frozen=True, slots=True)
class Suspension:
    """Who suspended the nodes of a scope, when and why."""

    scope: Scope
    reason: str
    actor: str
    since: datetime

    def __str__(self) -> str:
        return (
            f"suspended ({self.scope}) since {self.since:%Y-%m-%d %H:%M} UTC by {self.actor}: {self.reason}"
        )


class Suspensions:
    """Suspends and resumes. A node that several suspensions cover goes on once the last is lifted.

    Belongs to the event loop's thread.
    """

    def __init__(self, store: Store, catalog: Callable[[], Catalog]) -> None:
        self._store = store
        self._catalog = catalog
        self._standing: dict[Scope, Suspension] = {}

    async def load(self) -> None:
        """Read what stands; raises StoreError."""
        self._standing = {each.scope: each for each in await self._store.read(_rows)}

    def __iter__(self) -> Iterator[Suspension]:
        return iter(sorted(self._standing.values(), key=lambda each: str(each.scope)))

    def of(self, node: str) -> Suspension | None:
        """The most specific suspension of a node, None when it has none."""
        row = self._catalog().node(node) if self._standing else None
        if row is None:
            return None
        ranked = [(rank(row.value, scope), each) for scope, each in self._standing.items()]
        covering = [(place, each) for place, each in ranked if place is not None]
        return min(covering, key=lambda pair: pair[0])[1] if covering else None

    def covered(self, scope: Scope) -> list[str]:
        """The nodes of a scope, by name."""
        nodes = (row.value for row in self._catalog().nodes.values())
        return sorted(node.name for node in nodes if rank(node, scope) is not None)

    async def add(self, scopes: Collection[Scope], reason: str, actor: str) -> None:
        """Suspend these; one that is suspended already gets the new reason. Raises StoreError."""
        now = datetime.now(UTC)
        made = [Suspension(scope, reason, actor, now) for scope in scopes]

        def work(session: Session) -> None:
            _delete(session, scopes)
            session.connection().execute(
                insert(_SUSPENSIONS),
                [{"scope": str(each.scope), "reason": reason, "actor": actor, "since": now} for each in made],
            )

        await self._store.write(work)
        self._standing |= {each.scope: each for each in made}

    async def lift(self, scopes: Collection[Scope]) -> list[Scope]:
        """Suspend these no more; gives those that were. Raises StoreError."""
        await self._store.write(lambda session: _delete(session, scopes))
        return [scope for scope in scopes if self._standing.pop(scope, None) is not None]

    def forget(self, node: str) -> None:
        """The node is no more, nor is the row of its suspension."""
        self._standing.pop(Scope(node=node), None)


def forget(session: Session, nodes: Collection[str]) -> None:
    """The nodes are no more: one that comes under the same name is not suspended."""
    _delete(session, [Scope(node=node) for node in nodes])


def _delete(session: Session, scopes: Collection[Scope]) -> None:
    session.execute(delete(_SUSPENSIONS).where(_SUSPENSIONS.c.scope.in_(sorted(map(str, scopes)))))


def _rows(session: Session) -> Sequence[Suspension]:
    return [
        Suspension(Scope.parse(row.scope), row.reason, row.actor, row.since)
        for row in session.execute(select(_SUSPENSIONS))
    ]
