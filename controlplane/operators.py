"""Who calls: the daemon's knowledge of the operators' tokens."""

import asyncio
import hmac
import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from controlplane import tokens
from controlplane.desired.revisions import Author
from controlplane.store.engine import Store
from controlplane.store.errors import StoreError
from controlplane.store.tokens import TokenRow
from controlplane.store.vault import Vault
from controlplane.tokens import Grant, Minted, Token

log = logging.getLogger(__name__)

# How long a row once read is believed. A revocation through this daemon is immediate; this
# bounds one made through another daemon on the same database.
BELIEVED = 5.0
# A token's last use is written at most this often.
USE_NOTED = timedelta(minutes=1)

_TOKEN = re.compile(r"cp_([0-9a-f]{12})\.([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True)
class _Believed:
    token: Token
    digest: str
    until: float


class Operators:
    """Knows the operators' tokens; a check of one seen lately asks no database."""

    def __init__(self, store: Store, vault: Vault, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._vault = vault
        self._pepper = vault.token_pepper()
        self._clock = clock
        self._believed: dict[str, _Believed] = {}
        self._revoked: set[str] = set()
        self._used: dict[str, datetime] = {}
        self._notes: set[asyncio.Task[None]] = set()

    async def stop(self) -> None:
        """Wait till what was noted is written."""
        await asyncio.gather(*self._notes)

    async def check(self, text: str) -> Token | None:
        """Tell whose token this is; None when it is nobody's, has ended or was revoked."""
        parts = _TOKEN.fullmatch(text)
        if parts is None or parts[1] in self._revoked:
            return None
        believed = self._believed.get(parts[1])
        if believed is None or self._clock() >= believed.until:
            believed = await self._read(parts[1])
        if believed is None or not hmac.compare_digest(
            believed.digest, tokens.digest(self._pepper, parts[2])
        ):
            return None
        # It may have been revoked while the row was read.
        if not believed.token.valid(datetime.now(UTC)) or parts[1] in self._revoked:
            return None
        return believed.token

    def used(self, token: Token) -> None:
        """Note that it was let in now; written aside, for no request waits for that."""
        now = datetime.now(UTC)
        last = self._used.get(token.id, token.last_used_at)
        if last is not None and now - last < USE_NOTED:
            return
        self._used[token.id] = now
        note = asyncio.create_task(self._note(token.id, now), name=f"note the use of token {token.id}")
        self._notes.add(note)
        note.add_done_callback(self._notes.discard)

    async def mint(self, grant: Grant, author: Author) -> Minted:
        """Make a token; raises BadGrant or NameTaken."""
        return await self._store.write(lambda session: tokens.mint(session, self._vault, grant, author))

    async def revoke(self, token_id: str, author: Author) -> Token | None:
        """End a token; from the moment this returns no request passes with it. None: there is none."""
        token = await self._store.write(lambda session: tokens.revoke(session, token_id, author))
        if token is not None:
            self._revoked.add(token_id)
            self._believed.pop(token_id, None)
        return token

    async def listed(self) -> tuple[Token, ...]:
        """Give every token, ended ones too, oldest first."""
        return await self._store.read(tokens.tokens)

    async def _read(self, token_id: str) -> _Believed | None:
        until = self._clock() + BELIEVED

        def work(session: Session) -> _Believed | None:
            row = session.get(TokenRow, token_id)
            return None if row is None else _Believed(tokens.token_of(row), row.digest, until)

        found = await self._store.read(work)
        if found is None:
            self._believed.pop(token_id, None)
        else:
            self._believed[token_id] = found
        return found

    async def _note(self, token_id: str, now: datetime) -> None:
        def work(session: Session) -> None:
            row = session.get(TokenRow, token_id)
            if row is not None:
                row.last_used_at = now

        try:
            await self._store.write(work)
        except StoreError as error:
            log.warning("that token %s was used could not be written down: %s", token_id, error)
