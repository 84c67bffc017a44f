"""The process that answers lookups: it has an interpreter to itself, so that no lookup waits for other work.

It follows the daemon, which commits, and tells it of each revision before the writer is answered; what it
tells nodes it notes to the daemon before the answer is sent. It ends when the daemon does, or says so.
"""

import asyncio
import gc
import logging
import signal
import socket
import time
from collections.abc import Callable, Mapping
from typing import Any

import uvloop

from api import tls as certificates
from api.app import asked_of, lookups_app
from api.lately import handlers
from api.listeners import CannotListen, Listener
from api.node_auth import NodeAuth
from api.pipe import Pipe
from api.tls import Tls
from controlplane.answers.answers import Answers
from controlplane.answers.changes import Stale
from controlplane.answers.ledger import Ledger
from controlplane.answers.under_way import UnderWay
from controlplane.desired.catalog import Catalog
from controlplane.desired.loading import load
from controlplane.desired.values import Key, Noun, Stored
from controlplane.settings import Settings
from controlplane.store import Store, Vault, ping

log = logging.getLogger(__name__)

GRACE = 2
"""Seconds in which lookups under way are answered before it ends."""
GIVEN_FOR = 0.1


def run(pipe: socket.socket, sockets: list[socket.socket], tls: Tls | None, settings: Settings) -> None:
    """Answer lookups at these bound sockets till the daemon, at the other end of the pipe, is done."""
    # A terminal, and many a supervisor, tell every process; when we end is the daemon's to say.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(Answering(settings, sockets, tls).run(pipe))


class Answering:
    """Answers, the doors before them, and their listener, in the running loop."""

    store: Store
    answers: Answers
    nodes: NodeAuth

    def __init__(self, settings: Settings, sockets: list[socket.socket], tls: Tls | None) -> None:
        self.settings = settings
        self.started = False
        self.catalog = Catalog()
        self._sockets = sockets
        self._tls = tls
        self._may_cache: set[str] = set()
        self._renew = asyncio.Event()
        self._stop = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def run(self, one: socket.socket) -> None:
        """Do what comes through the pipe, until the daemon tells us to stop or is gone."""
        self._pipe = Pipe(
            one,
            {
                "start": self.start,
                "settled": _nothing,
                "revision": self._revision,
                "may_cache": self._caches,
                "probe": self._probe,
                "render_ahead": self._render_ahead,
                "asked": self._asked_for,
                "renew": self._renew.set,
                "stop": self._stop.set,
            },
        )
        stop = asyncio.create_task(self._stop.wait())
        gone = asyncio.create_task(self._pipe.closed.wait())
        await asyncio.wait({stop, gone}, return_when=asyncio.FIRST_COMPLETED)
        # Nobody could flush it there.
        self._may_cache.clear()
        if self.started:
            self._listener.close()
            await self._answering
            for task in self._tasks:
                task.cancel()
            await asyncio.to_thread(self.store.close)
        self._pipe.close()

    async def start(self) -> None:
        """Answer from what is committed now, and listen; raises StoreError, CannotListen."""
        settings = self.settings
        vault = await asyncio.to_thread(Vault.load, settings.key_path)
        self.store = await asyncio.to_thread(Store.open, settings.database_url, data_dir=settings.data_dir)
        self.catalog = await self.store.read(load)
        self.answers = Answers(
            self.store,
            vault,
            self._may_cache.__contains__,
            cache_bytes=settings.lookups.cache_bytes,
            cacheable_max=settings.lookups.cacheable_max,
            ledger=_Telling(self._pipe.tell),
            under_way=_Giving(self._pipe.tell),
        )
        self.answers.start(self.catalog)
        self.nodes = NodeAuth.over(self.store, vault)
        await self.nodes.start(self.catalog)
        asked = asked_of(self, lambda node, reason: self._pipe.tell("refused", node, reason))
        self._asked = handlers(asked, self.answers.cache)

        def late(number: int) -> None:
            asked.counts.late += number

        self._listener = Listener(
            lookups_app(self, self.nodes, asked),
            self._sockets,
            grace=GRACE,
            tls=self._tls,
            patience=settings.lookups.request_timeout,
            on_late=late,
        )
        self._tasks.append(asyncio.create_task(asked.run(), name="settle lookups"))
        if self._tls is not None:
            following = certificates.follow([self._tls], self._renew)
            self._tasks.append(asyncio.create_task(following, name="follow certificates"))
        self._answering = asyncio.create_task(self._listener.run_until_closed(), name="lookups listener")
        listening = asyncio.create_task(self._listener.listening.wait())
        await asyncio.wait({listening, self._answering}, return_when=asyncio.FIRST_COMPLETED)
        if not self._listener.listening.is_set():
            listening.cancel()
            error = self._answering.exception()
            raise CannotListen(f"lookups cannot be listened for: {error}") from error
        # One that ends by itself from now on is a defect: so do we, and with us the daemon.
        self._answering.add_done_callback(lambda _: self._stop.set())
        # What stands now stays; the collector would look through it again and again, and lookups wait for it.
        gc.collect()
        gc.freeze()
        self.started = True

    async def ping(self) -> None:
        """Ask the database something; raises StoreError."""
        await self.store.read(ping)

    def _revision(self, number: int, rows: Mapping[Key, Stored[Any] | None], gone: Stale) -> None:
        self.catalog = self.catalog.with_changes(number, rows)
        self.answers.follow(gone, self.catalog)
        if any(key.noun is Noun.NODE for key in rows):
            self.nodes.follow(self.catalog)

    def _caches(self, node: str, so: bool) -> None:
        if so:
            self._may_cache.add(node)
        else:
            self._may_cache.discard(node)

    async def _probe(self, node: str, nonce: str | None) -> None:
        await self.answers.set_probe(node, nonce)

    async def _render_ahead(self, node: str, whats: list[str]) -> None:
        await self.answers.render_ahead(node, whats)

    def _asked_for(self, name: str, *args: Any) -> Any:
        return self._asked[name](*args)


class _Telling(Ledger):
    """Notes what nodes are told where it is looked for: to the daemon."""

    def __init__(self, tell: Callable[..., None]) -> None:
        super().__init__()
        self._tell = tell

    def note(self, node: str, what: str, revision: int, at: int | None = None) -> None:
        self._tell("told", node, what, revision, time.monotonic_ns())


class _Giving(UnderWay):
    """The same of what they may keep, once in `GIVEN_FOR` seconds: many users are asked for in that time."""

    def __init__(self, tell: Callable[..., None]) -> None:
        super().__init__(time.monotonic)
        self._tell = tell
        self._given_at: dict[str, tuple[int, float]] = {}

    def note(self, node: str, revision: int, at: float | None = None) -> None:
        now = time.monotonic()
        last, told_at = self._given_at.get(node, (-1, 0.0))
        if revision != last or now >= told_at + GIVEN_FOR:
            self._given_at[node] = revision, now
            # Whatever is given until it is told again counts as given at the end of that time.
            self._tell("given", node, revision, now + GIVEN_FOR)

    def forget(self, node: str) -> None:
        self._given_at.pop(node, None)


def _nothing() -> None:
    """What came before it has been taken in."""
