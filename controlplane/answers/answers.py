"""Answers to lookups: from the cache when they stand there, else rendered off the event loop.

A hit costs the dictionary look-ups of `Routes.key` and `Cache.get`: no query, no lock, no other thread.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Hashable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple, TypeAlias, TypeVar, overload

from controlplane.answers import configuration
from controlplane.answers.answer import Answer, Explanation, Names
from controlplane.answers.cache import Cache
from controlplane.answers.changes import Stale, stale
from controlplane.answers.dialect import NOT_FOUND
from controlplane.answers.errors import Unanswerable
from controlplane.answers.expansion import Chosen, Expansion, chosen
from controlplane.answers.fingerprint import secrets_of
from controlplane.answers.ledger import Ledger
from controlplane.answers.names import NO_SUCH_USER, NOT_OURS, REASONS, asking_for, told, told_nothing
from controlplane.answers.narrowing import Index, Indexes
from controlplane.answers.question import Question
from controlplane.answers.reading import Readable, Source, StoreReader
from controlplane.answers.render import LONGEST_CACHE_MS, Reader, Rendered, guards, render, render_user
from controlplane.answers.routes import (
    ContextKey,
    DomainKey,
    ExtensionsKey,
    Login,
    ProbeKey,
    Routes,
    SharedKey,
    UserKey,
    login_of,
)
from controlplane.answers.under_way import UnderWay
from controlplane.desired.catalog import Catalog
from controlplane.desired.revisions import Revision
from controlplane.desired.values import Gateway, SecretRef, Stored
from controlplane.desired.variables import Variables, referred, texts_of
from controlplane.store.vault import Vault

T = TypeVar("T")
Flight: TypeAlias = tuple[SharedKey, tuple[int, ...], Chosen]

CACHE_BYTES = 64 * 1024 * 1024


class Answers:
    """What every node is told. Called from the event loop's thread only.

    `may_cache(node)`: whether a live connection to the node stands now, over which a user that it is
    allowed to cache could be flushed. `cacheable_max`: for how many ms at most; 0: not at all.
    `ledger`, `under_way`: where it is noted what was told, when others than these want to know.
    """

    def __init__(
        self,
        store: Readable,
        vault: Vault,
        may_cache: Callable[[str], bool],
        *,
        cache_bytes: int = CACHE_BYTES,
        cacheable_max: int = LONGEST_CACHE_MS,
        clock: Callable[[], float] = time.monotonic,
        ledger: Ledger | None = None,
        under_way: UnderWay | None = None,
    ) -> None:
        self.ledger = ledger or Ledger()
        self._source = Source(store, vault)
        self._may_cache = may_cache
        self._longest = cacheable_max
        self.under_way = under_way or UnderWay(clock)
        self.cache = Cache(cache_bytes)
        self._indexes = Indexes(lambda context: self.cache.generations(guards(ContextKey(context))))
        self._reading: dict[tuple[int, tuple[int, ...]], asyncio.Task[Index]] = {}
        self._catalog: Catalog = Catalog()
        self._routes: dict[str, Routes] = {}
        self._flights: dict[Flight, asyncio.Task[Answer]] = {}
        self._probes: dict[str, str] = {}
        self._fingerprints: dict[int, _Marked] = {}

    def start(self, catalog: Catalog) -> None:
        """Answer from this state on."""
        self._catalog = catalog
        self._routes.clear()

    def changed(self, revision: Revision, catalog: Catalog) -> None:
        """Answer from the new state; what the revision made stale is dropped, and nothing else."""
        self.follow(stale(revision.changes, (self._catalog, catalog)), catalog)

    def follow(self, gone: Stale, catalog: Catalog) -> None:
        """Answer from the new state; `gone`: what is stale since the one before."""
        self._catalog = catalog
        if gone.routes:
            self._routes.clear()
        for node in gone.nodes:
            self.ledger.forget(node)
            self._probes.pop(node, None)
            self.under_way.forget(node)
        for gateway in gone.gateways:
            self._fingerprints.pop(gateway, None)
        for token in gone.sources:
            self.cache.changed(token)
        for token in gone.users:
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
            kept = self._kept(routes, key)
            if kept is None or (kept.by_login and not login_of(question)[1]):
                return None
            answer = kept
        if answer.what is not None:
            self.ledger.note(node, answer.what, self._catalog.revision)
        if answer.cacheable:
            self.under_way.note(node, self._catalog.revision)
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
        if answer.cacheable:
            self.under_way.note(node, answer.revision)
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
            making = partial(render_user, routes, key, login_of(question)[0], self._longest)
            made = await self._source.run(making, masked=True)
            if made is not None:
                return Explanation(made.body.decode(), reason, True, revision, made.rows)
            reason, found = NO_SUCH_USER, False
            key = DomainKey(key.domain)
        shared = await self._source.run(partial(render, routes, key), masked=True)
        return Explanation(shared.body.decode(), reason, found, revision, shared.rows)

    async def fingerprints(self, node: str, names: Collection[str] | None = None) -> dict[str, str]:
        """The fingerprints that the node's gateways should carry, by name; `names`: of these alone."""
        view = self._route(node).view
        wanted = {name: row for name, row in view.gateways.items() if names is None or name in names}
        found = {name: self._known(row, view.variables) for name, row in wanted.items()}
        missing = [row for name, row in wanted.items() if found[name] is None]
        if missing:
            made = await self._source.run(partial(_marks, missing, view.variables))
            for row in missing:
                names_put, mark = made[row.id]
                if (known := self._fingerprints.get(row.id)) is None or known.version != row.version:
                    known = self._fingerprints[row.id] = _Marked(row.version, names_put, {})
                known.marks[chosen(names_put, view.variables)] = mark
                found[row.value.name] = mark
        return {name: mark for name, mark in found.items() if mark is not None}

    async def settled(self) -> None:
        """Return at once: what is told follows each revision as it is committed."""

    async def set_probe(self, node: str, nonce: str | None) -> None:
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
        answer = await self._rendered_for(node, question, self._may_cache)
        if answer.cacheable and (answer.revision != self._catalog.revision or not self._may_cache(node)):
            # A flush may have gone by while it was made, or none can go now: the switch must not keep it.
            return await self._rendered_for(node, question, _never)
        return answer

    async def _rendered_for(self, node: str, question: Question, may_cache: Callable[[str], bool]) -> Answer:
        try:
            routes = self._route(node)
        except KeyError:
            raise Unanswerable(f"the node {node} is no more") from None
        key = routes.key(question, may_cache)
        if key is None:
            return self._not_found(question)
        if isinstance(key, ProbeKey):
            return self._probe(node)
        if isinstance(key, UserKey):
            answer = await self._user(routes, key, *login_of(question))
            if answer is not None:
                return answer
            if self._routes.get(node) is not routes:
                # The domain may be another by now: what was known of it is neither told nor kept.
                return await self._rendered_for(node, question, may_cache)
            return replace(await self._shared(routes, DomainKey(key.domain)), found=False)
        if isinstance(key, ContextKey) and question.number:
            return await self._extensions(routes, key, question.number)
        return await self._shared(routes, key)

    async def _extensions(self, routes: Routes, key: ContextKey, number: str) -> Answer:
        try:
            return await self._shared(routes, _narrowed(key, await self._index(key.context), number))
        except Unanswerable:
            # The whole context says all that a part of it does.
            kept = self._kept(routes, key)
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

    async def _user(self, routes: Routes, key: UserKey, login: Login, usual: bool) -> Answer | None:
        """None for a user whom the domain does not have."""
        making = partial(render_user, routes, key, login, self._longest)
        try:
            return await self._fill(routes, key, None, making, self._since(key), usual=usual)
        except Unanswerable:
            # What any node may be told is good for one that may cache too.
            kept = self._kept(routes, key._replace(caches=False))
            if kept is None or (kept.by_login and not usual):
                raise
            return kept

    def _kept(self, routes: Routes, key: UserKey | SharedKey) -> Answer | None:
        kept = self.cache.get(key)
        if type(kept) is not Names:
            return kept
        found = self.cache.get((key, chosen(kept.names, routes.view.variables)))
        return found if type(found) is Answer else None

    async def _shared(self, routes: Routes, key: SharedKey) -> Answer:
        kept = self._kept(routes, key)
        if kept is not None:
            return kept
        since = self._since(key)
        flight = (key, since.generations, routes.chosen)
        task = self._flights.get(flight)
        if task is None:
            # From here on, for a change may go by before the task begins.
            filling = self._fill(routes, key, told(routes, key), partial(render, routes, key), since)
            task = self._flights[flight] = asyncio.create_task(filling, name=f"render {key.kind}")
            task.add_done_callback(partial(self._landed, flight))
        return await asyncio.shield(task)

    def _landed(self, flight: Flight, task: asyncio.Task[Answer]) -> None:
        del self._flights[flight]
        if not task.cancelled():
            task.exception()  # whoever waited has it; when nobody did, nobody needs it

    @overload
    async def _fill(
        self,
        routes: Routes,
        key: UserKey,
        what: None,
        making: Callable[[Reader], Rendered | None],
        since: "_Since",
        *,
        usual: bool,
    ) -> Answer | None: ...
    @overload
    async def _fill(
        self,
        routes: Routes,
        key: SharedKey,
        what: str | None,
        making: Callable[[Reader], Rendered],
        since: "_Since",
    ) -> Answer: ...
    async def _fill(
        self,
        routes: Routes,
        key: UserKey | SharedKey,
        what: str | None,
        making: Callable[[Reader], Rendered | None],
        since: "_Since",
        *,
        usual: bool = True,
    ) -> Answer | None:
        """Render, and keep it if its sources stand as they did `since`; None for a user that is none.

        `usual`: the login that was asked with goes without saying.
        """
        made = await self._source.run(making)
        if made is None:
            return None
        answer = Answer(
            made.body, what, since.revision, made.rows, cacheable=made.cacheable, by_login=made.by_login
        )
        if not made.lasting or (made.by_login and not usual):
            return answer
        place: Hashable = key
        watched, then = guards(key), since.generations
        if made.names:
            # Nodes that choose the same values for these names share the answer.
            names = Names(tuple(sorted(made.names)))
            self.cache.put(key, names, guards=watched, since=then, tokens=made.tokens)
            place = (key, chosen(names.names, routes.view.variables))
        self.cache.put(place, answer, guards=watched, since=then, tokens=made.tokens)
        return answer

    def _since(self, key: UserKey | SharedKey) -> "_Since":
        return _Since(self._catalog.revision, self.cache.generations(guards(key)))

    def _known(self, row: Stored[Gateway], variables: Variables) -> str | None:
        known = self._fingerprints.get(row.id)
        if known is None or known.version != row.version:
            return None
        return known.marks.get(chosen(known.names, variables))


def _narrowed(key: ContextKey, index: Index, number: str) -> ContextKey | ExtensionsKey:
    reached = index.reached(number)
    return key if reached is None else ExtensionsKey(key.context, reached)


def _never(_: str) -> bool:
    return False


class _Since(NamedTuple):
    """When an answer began to be made: at which revision, and how often its sources had changed."""

    revision: int
    generations: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Marked:
    """The fingerprints of one version of a gateway, by the values that are put into it."""

    version: int
    names: frozenset[str]
    marks: dict[Chosen, str]


def _marks(
    rows: Iterable[Stored[Gateway]], variables: Variables, reader: Reader
) -> dict[int, tuple[frozenset[str], str]]:
    rows = list(rows)
    needed = {ref for row in rows for ref in secrets_of(row.value)}
    texts = (text for row in rows for text in texts_of(row.value.params, row.value.variables))
    put = [variables[name].value.value for name in referred(texts) if name in variables]
    needed |= {value for value in put if isinstance(value, SecretRef)}
    opened = reader.opened(needed)
    found = {}
    for row in rows:
        text = Expansion(variables, opened)
        mark = reader.mark(row.value, opened, text)
        found[row.id] = (frozenset(text.names), mark)
    return found
