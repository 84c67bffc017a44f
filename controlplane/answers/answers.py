"""Answers to lookups: from the cache when they stand there, else rendered off the event loop.

A hit costs the dictionary look-ups of `Routes.key` and `Cache.get`: no query, no lock, no other thread.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from functools import partial
from typing import TypeAlias, TypeVar, overload

from controlplane.answers import configuration
from controlplane.answers.answer import Answer, Explanation
from controlplane.answers.cache import Cache
from controlplane.answers.changes import sources, users
from controlplane.answers.dialect import NOT_FOUND
from controlplane.answers.errors import Unanswerable
from controlplane.answers.fingerprint import secrets_of
from controlplane.answers.ledger import Ledger
from controlplane.answers.names import NO_SUCH_USER, NOT_OURS, REASONS, asking_for, told, told_nothing
from controlplane.answers.narrowing import Index, Indexes
from controlplane.answers.question import Question
from controlplane.answers.reading import Readable, Source, StoreReader
from controlplane.answers.render import Reader, Rendered, guards, render, render_user
from controlplane.answers.routes import (
    ContextKey,
    DomainKey,
    ExtensionsKey,
    ProbeKey,
    Routes,
    SharedKey,
    UserKey,
)
from controlplane.desired.catalog import Catalog
from controlplane.desired.revisions import Revision
from controlplane.desired.values import Gateway, Noun, Stored
from controlplane.store.vault import Vault

T = TypeVar("T")
Flight: TypeAlias = tuple[SharedKey, tuple[int, ...]]

CACHE_BYTES = 64 * 1024 * 1024


class Answers:
    """What every node is told. Called from the event loop's thread only.

    `may_cache(node)`: whether a live connection to the node stands now, over which a user that it is
    allowed to cache could be flushed.
    """

    def __init__(
        self,
        store: Readable,
        vault: Vault,
        may_cache: Callable[[str], bool],
        *,
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        self.ledger = Ledger()
        self._source = Source(store, vault)
        self._may_cache = may_cache
        self.cache = Cache(cache_bytes)
        self._indexes = Indexes(lambda context: self.cache.generations(guards(ContextKey(context))))
        self._reading: dict[tuple[int, tuple[int, ...]], asyncio.Task[Index]] = {}
        self._catalog: Catalog = Catalog()
        self._routes: dict[str, Routes] = {}
        self._flights: dict[Flight, asyncio.Task[Answer]] = {}
        self._probes: dict[str, str] = {}
        self._fingerprints: dict[int, tuple[int, str]] = {}

    def start(self, catalog: Catalog) -> None:
        """Answer from this state on."""
        self._catalog = catalog
        self._routes.clear()

    def changed(self, revision: Revision, catalog: Catalog) -> None:
        """Answer from the new state; what the revision made stale is dropped, and nothing else."""
        catalogs = (self._catalog, catalog)
        self._catalog = catalog
        for change in revision.changes:
            if change.key.noun not in (Noun.USER, Noun.EXTENSION):
                self._routes.clear()
            if change.key.noun is Noun.NODE and change.after is None:
                self.ledger.forget(change.key.name)
                self._probes.pop(change.key.name, None)
            if change.key.noun is Noun.GATEWAY and change.after is None:
                self._fingerprints.pop(change.row_id, None)
            for token in sources(change, catalogs):
                self.cache.changed(token)
            for token in users(change, catalogs):
                self.cache.drop(token)

    def cached(self, node: str, question: Question) -> Answer | None:
        """The answer at once, noted as given, or None: then `answer` it is. Never blocks.

        `node` is one of the catalog's; KeyError otherwise.
        """
        routes = self._routes.get(node)
        if routes is None:
            routes = self._route(node)
        key = routes.key(question, self._may_cache)
        if key is None:
            answer = self._not_found(question)
        elif type(key) is ProbeKey:
            answer = self._probe(node)
        else:
            if type(key) is ContextKey and question.number:
                index = self._indexes.get(key.context)
                if index is None:
                    return None
                key = _narrowed(key, index, question.number)
            kept = self.cache.get(key)
            if kept is None:
                return None
            answer = kept
        if answer.what is not None:
            self.ledger.note(node, answer.what, self._catalog.revision)
        return answer

    async def answer(self, node: str, question: Question) -> Answer:
        """The answer, noted as given: rendered when it must be.

        Raises Unanswerable when the desired state cannot be read and no answer that is still valid is
        kept, Unwritable when a stored value cannot be given to FreeSWITCH.
        """
        answer = self.cached(node, question)
        if answer is not None:
            return answer
        answer = await self._rendered(node, question)
        if answer.what is not None:
            self.ledger.note(node, answer.what, answer.revision)
        return answer

    async def render_ahead(self, node: str, whats: Iterable[str]) -> None:
        """Render what the node will ask for next, named as in the ledger, so that it need not wait.

        Raises what `answer` raises, BadLookup for a name that is none; notes nothing.
        """
        for what in whats:
            await self._rendered(node, asking_for(what))

    async def whole(self, node: str, work: Callable[[Routes, StoreReader], T]) -> tuple[T, int]:
        """What `work` makes of all that the node is told, and the revision at which; notes and keeps nothing.

        Raises Unanswerable when the desired state cannot be read, KeyError for an unknown node.
        """
        routes, revision = self._route(node), self._catalog.revision
        return await self._source.run(lambda reader: work(routes, reader)), revision

    async def explain(self, node: str, question: Question) -> Explanation:
        """What the node would be told, from which rows, with every secret masked; notes nothing."""
        routes = self._route(node)
        key = routes.key(question, self._may_cache)
        revision = self._catalog.revision
        if key is None:
            return Explanation(NOT_FOUND.decode(), NOT_OURS, False, revision, ())
        if isinstance(key, ProbeKey):
            xml = configuration.probe(self._probes.get(node)).decode()
            return Explanation(xml, REASONS[key.kind], True, revision, ())
        reason, found = REASONS[key.kind], True
        if isinstance(key, ContextKey) and question.number:
            key = _narrowed(key, await self._index(key.context), question.number)
            reason = REASONS[key.kind]
        if isinstance(key, UserKey):
            made = await self._source.run(partial(render_user, routes, key), masked=True)
            if made is not None:
                return Explanation(made.body.decode(), reason, True, revision, made.rows)
            reason, found = NO_SUCH_USER, False
            key = DomainKey(key.domain)
        shared = await self._source.run(partial(render, routes, key), masked=True)
        return Explanation(shared.body.decode(), reason, found, revision, shared.rows)

    async def fingerprints(self, node: str, names: Collection[str] | None = None) -> dict[str, str]:
        """The fingerprints that the node's gateways should carry, by name; `names`: of these alone."""
        wanted = {
            name: row
            for name, row in self._route(node).view.gateways.items()
            if names is None or name in names
        }
        missing = [row for row in wanted.values() if self._known(row) is None]
        if missing:
            made = await self._source.run(partial(_marks, missing))
            for row in missing:
                self._fingerprints[row.id] = (row.version, made[row.id])
        return {name: self._fingerprints[row.id][1] for name, row in wanted.items()}

    def set_probe(self, node: str, nonce: str | None) -> None:
        """Hold `nonce` in the node's probe document from now on; None: no longer."""
        if nonce is None:
            self._probes.pop(node, None)
        else:
            self._probes[node] = nonce

    def _route(self, node: str) -> Routes:
        routes = self._routes.get(node)
        if routes is None:
            routes = self._routes[node] = Routes(node, self._catalog.view(node))
        return routes

    def _probe(self, node: str) -> Answer:
        nonce = self._probes.get(node)
        return Answer(configuration.probe(nonce), f"probe/{nonce}" if nonce else None, self._catalog.revision)

    def _not_found(self, question: Question) -> Answer:
        return Answer(NOT_FOUND, told_nothing(question), self._catalog.revision, found=False)

    async def _rendered(self, node: str, question: Question) -> Answer:
        """Rendered now, or by whoever is at it already, from sources that have not changed since."""
        routes = self._route(node)
        key = routes.key(question, self._may_cache)
        if key is None:
            return self._not_found(question)
        if isinstance(key, ProbeKey):
            return self._probe(node)
        if isinstance(key, UserKey):
            return await self._user(routes, key)
        if isinstance(key, ContextKey) and question.number:
            return await self._extensions(routes, key, question.number)
        return await self._shared(routes, key)

    async def _extensions(self, routes: Routes, key: ContextKey, number: str) -> Answer:
        try:
            return await self._shared(routes, _narrowed(key, await self._index(key.context), number))
        except Unanswerable:
            # The whole context says all that a part of it does.
            kept = self.cache.get(key)
            if kept is None:
                raise
            return kept

    async def _index(self, context: int) -> Index:
        """The context's index, read once for all who ask for it meanwhile."""
        index = self._indexes.get(context)
        if index is not None:
            return index
        reading = (context, self.cache.generations(guards(ContextKey(context))))
        task = self._reading.get(reading)
        if task is None:
            task = self._reading[reading] = asyncio.create_task(self._read_index(*reading), name="read index")
            task.add_done_callback(partial(self._index_read, reading))
        return await asyncio.shield(task)

    async def _read_index(self, context: int, since: tuple[int, ...]) -> Index:
        index = await self._source.run(lambda reader: Index(reader.reaches(context)))
        self._indexes.put(context, index, since)
        return index

    def _index_read(self, reading: tuple[int, tuple[int, ...]], task: asyncio.Task[Index]) -> None:
        del self._reading[reading]
        if not task.cancelled():
            task.exception()  # as in `_landed`

    async def _user(self, routes: Routes, key: UserKey) -> Answer:
        try:
            answer = await self._fill(key, None, partial(render_user, routes, key))
        except Unanswerable:
            # What any node may be told is good for one that may cache too.
            kept = self.cache.get(key._replace(caches=False))
            if kept is None:
                raise
            return kept
        if answer is not None:
            return answer
        return replace(await self._shared(routes, DomainKey(key.domain)), found=False)

    async def _shared(self, routes: Routes, key: SharedKey) -> Answer:
        kept = self.cache.get(key)
        if kept is not None:
            return kept
        flight = (key, self.cache.generations(guards(key)))
        task = self._flights.get(flight)
        if task is None:
            filling = self._fill(key, told(routes, key), partial(render, routes, key))
            task = self._flights[flight] = asyncio.create_task(filling, name=f"render {key.kind}")
            task.add_done_callback(partial(self._landed, flight))
        return await asyncio.shield(task)

    def _landed(self, flight: Flight, task: asyncio.Task[Answer]) -> None:
        del self._flights[flight]
        if not task.cancelled():
            task.exception()  # whoever waited has it; when nobody did, nobody needs it

    @overload
    async def _fill(
        self, key: UserKey, what: None, making: Callable[[Reader], Rendered | None]
    ) -> Answer | None: ...
    @overload
    async def _fill(
        self, key: SharedKey, what: str | None, making: Callable[[Reader], Rendered]
    ) -> Answer: ...
    async def _fill(
        self, key: UserKey | SharedKey, what: str | None, making: Callable[[Reader], Rendered | None]
    ) -> Answer | None:
        """Render, and keep it if its sources still stand; None for a user that is none."""
        revision, watched = self._catalog.revision, guards(key)
        since = self.cache.generations(watched)
        made = await self._source.run(making)
        if made is None:
            return None
        answer = Answer(made.body, what, revision, made.rows)
        self.cache.put(key, answer, guards=watched, since=since, tokens=made.tokens)
        return answer

    def _known(self, row: Stored[Gateway]) -> str | None:
        version, mark = self._fingerprints.get(row.id, (0, ""))
        return mark if version == row.version else None


def _narrowed(key: ContextKey, index: Index, number: str) -> ContextKey | ExtensionsKey:
    reached = index.reached(number)
    return key if reached is None else ExtensionsKey(key.context, reached)


def _marks(rows: Iterable[Stored[Gateway]], reader: Reader) -> dict[int, str]:
    rows = list(rows)
    opened = reader.opened({ref for row in rows for ref in secrets_of(row.value)})
    return {row.id: reader.mark(row.value, opened) for row in rows}
