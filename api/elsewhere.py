"""The process that answers lookups, as the daemon sees it."""

import asyncio
import logging
import multiprocessing
import socket
import time
from collections.abc import Iterable
from typing import Any, Self

from api import answering
from api.lately import Lately
from api.pipe import Pipe, PipeClosed
from api.tls import Tls
from controlplane.answers.changes import stale
from controlplane.answers.ledger import Ledger
from controlplane.answers.under_way import UnderWay
from controlplane.daemon import Daemon
from controlplane.desired.catalog import Catalog
from controlplane.desired.revisions import Revision
from controlplane.desired.values import Noun
from controlplane.push.errors import NotAnswering
from controlplane.settings import Settings

log = logging.getLogger(__name__)

# Seconds over the grace of lookups under way.
_PATIENCE = 1.0


class Elsewhere:
    """Begun before the event loop and any thread, for it is a fork of this process; see `begun`."""

    def __init__(self, process: Any, one: socket.socket) -> None:
        self._process = process
        self._socket = one
        self._news, self._heard = 0, 0
        self.ledger = Ledger(lambda: self._pipe.catch_up())
        self.under_way = UnderWay(time.monotonic, catch_up=lambda: self._pipe.catch_up())
        self.lately = Lately(self._ask)

    @classmethod
    def begun(cls, settings: Settings, sockets: list[socket.socket], tls: Tls | None) -> Self:
        """Begin the process. It answers nothing before `start`; `sockets` are its own from then on."""
        ours, theirs = socket.socketpair()
        # A fork shares the memory of all that is loaded.
        process = multiprocessing.get_context("fork").Process(
            target=_run, args=(ours, theirs, sockets, tls, settings), name="lookups"
        )
        process.start()
        theirs.close()
        for each in sockets:
            each.close()
        return cls(process, ours)

    def attach(self, daemon: Daemon) -> None:
        """Take up the pipe in the running loop, for this daemon."""
        self._daemon = daemon
        refused = daemon.refusals.note
        self._pipe = Pipe(self._socket, {"told": self._told, "given": self._given, "refused": refused})

    async def gone(self) -> None:
        """Return once it has ended, or we have let go of it."""
        await self._pipe.closed.wait()

    async def start(self) -> None:
        """Have lookups answered from what is committed now; raises a StoreError when they cannot be."""
        self._catalog = self._daemon.catalog
        await self._pipe.call("start")

    def changed(self, revision: Revision, catalog: Catalog) -> None:
        """A revision was committed; `catalog` is the state after it."""
        before, self._catalog = self._catalog, catalog
        try:
            # Not the revision itself: it may hold all there is of a hundred thousand users, and to take
            # that in would keep lookups waiting for seconds.
            gone = stale(revision.changes, (before, catalog))
            rows = {
                change.key: catalog.rows(change.key.noun).get(change.key)
                for change in revision.changes
                if change.key.noun not in (Noun.USER, Noun.EXTENSION)
            }
            self._tell("revision", revision.number, rows, gone)
        except BaseException:
            # It would go on telling what is no more: better nothing is answered, and all begins anew.
            self._pipe.close()
            raise

    def may_cache(self, node: str, so: bool) -> None:
        """Whether the node may keep users from now on."""
        self._tell("may_cache", node, so)

    async def settled(self) -> None:
        """Return once lookups are answered by all that was told before."""
        news = self._news
        if self._heard >= news:
            return
        try:
            await self._pipe.call("settled")
        except PipeClosed:
            # Who is no more tells nobody anything old; and the daemon ends for it.
            return
        self._heard = max(self._heard, news)

    async def set_probe(self, node: str, nonce: str | None) -> None:
        """Hold a nonce in the node's probe document; raises NotAnswering."""
        if nonce is None:
            self._pipe.tell("probe", node, None)
        else:
            try:
                await self._pipe.call("probe", node, nonce)
            except PipeClosed as error:
                raise NotAnswering("lookups are answered no more: we are stopping") from error

    async def render_ahead(self, node: str, whats: Iterable[str]) -> None:
        """Render what the node will ask for; raises AnswerError, and PipeClosed."""
        await self._pipe.call("render_ahead", node, list(whats))

    def renew(self) -> None:
        """Have the certificates read again."""
        self._pipe.tell("renew")

    async def stop(self) -> None:
        """Have lookups under way answered, and the process end; one that does not is ended."""
        self._pipe.tell("stop")
        try:
            async with asyncio.timeout(answering.GRACE + _PATIENCE):
                await self.gone()
        except TimeoutError:
            log.error("the process that answers lookups did not end in time, and is killed")
            self._process.kill()
        self._pipe.close()

    def end(self) -> None:
        """See the process end, which it does once its pipe is closed. Blocks for that moment."""
        self._socket.close()
        self._process.join(_PATIENCE)
        if self._process.exitcode is None:
            self._process.kill()
            self._process.join()

    async def _ask(self, name: str, *args: Any) -> Any:
        return await self._pipe.call("asked", name, *args)

    def _tell(self, name: str, *args: Any) -> None:
        self._news += 1
        self._pipe.tell(name, *args)

    def _told(self, node: str, what: str, revision: int, at: int) -> None:
        # One that is no more has been forgotten.
        if self._daemon.catalog.node(node) is not None:
            self.ledger.note(node, what, revision, at)

    def _given(self, node: str, revision: int, at: float) -> None:
        if self._daemon.catalog.node(node) is not None:
            self.under_way.note(node, revision, at)


def _run(
    ours: socket.socket,
    theirs: socket.socket,
    sockets: list[socket.socket],
    tls: Tls | None,
    settings: Settings,
) -> None:
    # Else we would hold the pipe open ourselves when the daemon is gone.
    ours.close()
    answering.run(theirs, sockets, tls, settings)
