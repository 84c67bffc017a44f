"""Answers over a real database, with hands on the way between them."""

import asyncio
from collections.abc import Callable, Collection, Iterable
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import event
from sqlalchemy.orm import Session

from controlplane.answers.answer import Answer
from controlplane.answers.answers import Answers
from controlplane.answers.question import Question
from controlplane.desired import codec
from controlplane.desired.catalog import Catalog
from controlplane.desired.revisions import Author, Changed, ChangeSet, Delete, Put, Revision
from controlplane.desired.state import Desired
from controlplane.desired.values import Value
from controlplane.store.engine import Store
from controlplane.store.errors import DatabaseUnreachable
from controlplane.store.vault import Vault

T = TypeVar("T")
AUTHOR = Author("test")


class Way:
    """The store's `read`, which a test can hold up, cut, and count through."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.cut = False
        self.reads = 0
        self.queries = 0
        self.after_reading: list[asyncio.Event] = []
        self.reading = asyncio.Event()

        @event.listens_for(store.reader, "before_cursor_execute")
        def _count(_c: Any, _u: Any, statement: str, *_rest: Any) -> None:
            self.queries += statement.startswith("SELECT")

    async def read(self, work: Callable[[Session], T]) -> T:
        """Read, then wait for the events in `after_reading` before telling what was read."""
        self.reads += 1
        if self.cut:
            raise DatabaseUnreachable("the database does not answer")
        found = await self._store.read(work)
        self.reading.set()
        for hold in list(self.after_reading):
            await hold.wait()
        return found


class Living:
    """A desired state, and what answers from it."""

    def __init__(self, store: Store, vault: Vault, desired: Desired) -> None:
        self.way = Way(store)
        self.desired = desired
        self.may_cache: set[str] = set()
        self.answers = Answers(self.way, vault, self.may_cache.__contains__)
        self.answers.start(desired.catalog)
        desired.listen(self.answers.changed)

    async def put(self, *values: Value) -> Revision | None:
        return await self.write([Put(value.key, codec.fields_to_json(value)) for value in values])

    async def delete(self, *values: Value) -> Revision | None:
        return await self.write([Delete(value.key) for value in values])

    async def write(self, items: Iterable[Put | Delete]) -> Revision | None:
        return await self.desired.commit(ChangeSet(tuple(items)), AUTHOR)

    async def ask(self, question: Question, node: str = "fs1") -> Answer:
        return await self.answers.answer(node, question)

    async def queries(self, question: Question, node: str = "fs1") -> int:
        """How many queries an answer costs."""
        before = self.way.queries
        await self.ask(question, node)
        return self.way.queries - before


def no_effects(
    session: Session,
    revision: int,
    changes: Collection[Changed],
    before: Catalog,
    after: Catalog,
    author: Author,
) -> Collection[str]:
    return ()


class Ground(NamedTuple):
    """What answers stand on."""

    store: Store
    vault: Vault


async def living(ground: Ground, *values: Value) -> Living:
    """Answers over a new database that holds these rows."""
    state = Living(*ground, Desired.open(*ground, no_effects))
    await state.put(*values)
    return state
