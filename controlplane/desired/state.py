"""The desired state of the daemon: its one writer, and the catalog that all read."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from typing import TypeAlias

from sqlalchemy.orm import Session

from controlplane.desired.apply import apply, head
from controlplane.desired.catalog import Catalog
from controlplane.desired.commit import planned
from controlplane.desired.directives import NONE, Allowed
from controlplane.desired.loading import check_vault, load
from controlplane.desired.revisions import Author, ChangeSet, Effects, Revision
from controlplane.desired.rollback import restoring, undoing
from controlplane.desired.writing import Write
from controlplane.store.engine import Store
from controlplane.store.vault import Vault

Listener: TypeAlias = Callable[[Revision, Catalog], None]
Plan: TypeAlias = Callable[[Session, Catalog], list[Write]]

log = logging.getLogger(__name__)


class Desired:
    """Commits change sets and keeps the catalog that follows from them.

    Invariant: `catalog` is the state after a committed revision, and moves in commit order, in the
    event loop's thread, before the `commit` that made it returns, be its caller cancelled or not.
    """

    def __init__(
        self, store: Store, vault: Vault, effects: Effects, catalog: Catalog, allowed: Allowed = NONE
    ) -> None:
        self.catalog = catalog
        self._store = store
        self._vault = vault
        self._effects = effects
        self._allowed = allowed
        self._listeners: list[Listener] = []
        self._settled: Callable[[], Awaitable[None]] | None = None
        # What the writer thread has committed; the loop's thread may see it a moment later.
        self._written = catalog

    @classmethod
    def open(cls, store: Store, vault: Vault, effects: Effects, allowed: Allowed = NONE) -> "Desired":
        """Read the whole state; blocks. Raises KeyFileError when another key file sealed it.

        `allowed`: which of FreeSWITCH's directives documents may hold.
        """
        with store.reading() as session:
            check_vault(session, vault)
            catalog = load(session)
        return cls(store, vault, effects, catalog, allowed)

    def listen(self, listener: Listener) -> None:
        """Have `listener(revision, catalog)` called after each commit, in the event loop's thread."""
        self._listeners.append(listener)

    def settle(self, settled: Callable[[], Awaitable[None]]) -> None:
        """Have `settled()` waited for before a writer is answered: till all who follow have the revision."""
        self._settled = settled

    async def commit(self, changeset: ChangeSet, author: Author) -> Revision | None:
        """Write a change set as one revision; None when everything stands as asked already.

        Raises Invalid, Conflict, NotFound, AlreadyExists, or a StoreError: then nothing is written.
        """
        return await self._write(
            lambda session, catalog: planned(session, self._vault, catalog, changeset, self._allowed), author
        )

    async def preview(self, changeset: ChangeSet, author: Author) -> Revision | None:
        """Say what `commit` would do now, with all that it checks; nothing is written.

        Raises what `commit` raises. The revision's number and the ids of new rows are nobody's yet.
        """
        return await self._store.in_writer(partial(self._preview, changeset, author))

    async def rollback(self, to: int, author: Author) -> Revision | None:
        """Bring every row, with its passwords, back to what it was at revision `to`, as a new revision.

        None when nothing differs. Raises NotFound when a revision after `to` is not kept any more, Invalid
        when something that stood then may stand no more.
        """
        return await self._write(partial(restoring, to=to, allowed=self._allowed), author)

    async def undo(self, number: int, author: Author) -> Revision | None:
        """Take back what revision `number` changed, passwords included, as a new revision.

        None when nothing differs. Raises Conflict when a row was changed again since, else as `rollback`.
        """
        return await self._write(partial(undoing, number=number, allowed=self._allowed), author)

    async def _write(self, plan: Plan, author: Author) -> Revision | None:
        loop = asyncio.get_running_loop()
        revision = await self._store.in_writer(partial(self._commit, plan, author, loop))
        if self._settled is not None:
            # Also for who changed nothing: the one who wrote it so may not have been answered yet.
            await self._settled()
        return revision

    def _commit(self, plan: Plan, author: Author, loop: asyncio.AbstractEventLoop) -> Revision | None:
        """Runs in the writer thread."""
        with self._store.writing() as session:
            made = self._made(session, plan, author)
        if made is None:
            return None
        revision, after = made
        self._written = after
        loop.call_soon_threadsafe(self._publish, revision, after)
        return revision

    def _preview(self, changeset: ChangeSet, author: Author) -> Revision | None:
        """Runs in the writer thread."""
        try:
            with self._store.writing() as session:
                made = self._made(
                    session,
                    lambda given, catalog: planned(given, self._vault, catalog, changeset, self._allowed),
                    author,
                )
                raise _Undone(None if made is None else made[0])
        except _Undone as undone:
            return undone.revision

    def _made(self, session: Session, plan: Plan, author: Author) -> tuple[Revision, Catalog] | None:
        """Write in the session; whether it stands is the caller's to say."""
        last = head(session)
        # Another process may have written: several daemons may share a PostgreSQL.
        catalog = self._written if last.number == self._written.revision else load(session)
        writes = plan(session, catalog)
        if not writes:
            return None
        return apply(session, last, catalog, writes, author, self._effects, datetime.now(UTC))

    def _publish(self, revision: Revision, catalog: Catalog) -> None:
        self.catalog = catalog
        what = {"revision": revision.number, "request": revision.author.request_id}
        changes, nodes = len(revision.changes), len(revision.nodes)
        log.info(
            "%s changed %d rows, to be pushed to %d nodes", revision.author.actor, changes, nodes, extra=what
        )
        for listener in self._listeners:
            try:
                listener(revision, catalog)
            except Exception:
                # One that fails must not keep the others, or the writer, from what is committed.
                log.exception("a listener failed on revision %d", revision.number)


class _Undone(Exception):  # noqa: N818 - what happened, not what it is
    """Takes a preview's writes back."""

    def __init__(self, revision: Revision | None) -> None:
        super().__init__()
        self.revision = revision
