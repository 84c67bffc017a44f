"""Operators' tokens: minted, checked, revoked.

A token is `cp_ID.SECRET`. Of the secret only an HMAC-SHA256 is kept, under a key that is not
in the database: it is random and long, so nothing slower is needed, and a check costs
microseconds. The functions that take a session are for the machine itself, where no
daemon need run; `Operators` is the daemon's.
"""

import hmac
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from sqlalchemy.orm import Session
from sqlmodel import col, select

from controlplane.store.engine import Store
from controlplane.store.tokens import TokenRow
from controlplane.store.vault import Vault

# How long a row once read is believed. A revocation through this daemon is immediate; this
# bounds one made beside it, by the command line on the machine itself.
BELIEVED = 5.0
# A token's last use is written at most this often.
USE_NOTED = timedelta(minutes=1)

_TOKEN = re.compile(r"cp_([0-9a-f]{12})\.([A-Za-z0-9_-]{43})")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")


class OperatorsError(Exception):
    """The root of this room's errors.

    OperatorsError
    ├── BadName     no name for a token
    └── NameTaken   another token has it
    """


class BadName(OperatorsError):  # noqa: N818 - what is wrong
    """A token's name is 1 to 64 letters, digits and `._@-`."""


class NameTaken(OperatorsError):  # noqa: N818 - what is wrong
    """Names are never given twice, for revisions and audit go by them."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token as it may be shown; its secret is shown only once, when it is minted."""

    id: str
    name: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None

    def valid(self, now: datetime) -> bool:
        """Say whether it opens the door at that moment."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True)
class Minted:
    """A new token and its text, `cp_ID.SECRET`."""

    token: Token
    text: str


def mint(session: Session, vault: Vault, name: str, *, expires_at: datetime | None = None) -> Minted:
    """Make a token within a write transaction; raises BadName or NameTaken."""
    if not _NAME.fullmatch(name):
        raise BadName(
            "a token's name is 1 to 64 letters, digits and . _ @ -, and begins with a letter or digit"
        )
    if session.scalar(select(TokenRow.id).where(TokenRow.name == name)) is not None:
        raise NameTaken(f"a token named {name!r} exists, or existed")
    token_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    row = TokenRow(
        id=token_id,
        name=name,
        digest=_digest(vault.token_pepper(), secret),
        created_at=datetime.now(UTC),
        expires_at=expires_at,
    )
    session.add(row)
    session.flush()
    return Minted(_token(row), f"cp_{token_id}.{secret}")


def revoke(session: Session, token_id: str) -> Token | None:
    """End a token within a write transaction; None when there is none of that id."""
    row = session.get(TokenRow, token_id)
    if row is None:
        return None
    if row.revoked_at is None:
        row.revoked_at = datetime.now(UTC)
    return _token(row)


def tokens(session: Session) -> tuple[Token, ...]:
    """Give every token, ended ones too, oldest first."""
    return tuple(_token(row) for row in session.scalars(select(TokenRow).order_by(col(TokenRow.created_at))))


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

    async def check(self, text: str) -> Token | None:
        """Tell whose token this is; None when it is nobody's, has ended or was revoked."""
        parts = _TOKEN.fullmatch(text)
        if parts is None or parts[1] in self._revoked:
            return None
        believed = self._believed.get(parts[1])
        if believed is None or self._clock() >= believed.until:
            believed = await self._read(parts[1])
        if believed is None or not hmac.compare_digest(believed.digest, _digest(self._pepper, parts[2])):
            return None
        now = datetime.now(UTC)
        # It may have been revoked while the row was read.
        if not believed.token.valid(now) or parts[1] in self._revoked:
            return None
        await self._note_use(believed, now)
        return believed.token

    async def mint(self, name: str, *, expires_at: datetime | None = None) -> Minted:
        """Make a token; raises BadName or NameTaken."""
        return await self._store.write(
            lambda session: mint(session, self._vault, name, expires_at=expires_at)
        )

    async def revoke(self, token_id: str) -> Token | None:
        """End a token; from the moment this returns no request passes with it."""
        token = await self._store.write(lambda session: revoke(session, token_id))
        if token is not None:
            self._revoked.add(token_id)
            self._believed.pop(token_id, None)
        return token

    async def listed(self) -> tuple[Token, ...]:
        """Give every token, ended ones too, oldest first."""
        return await self._store.read(tokens)

    async def _read(self, token_id: str) -> _Believed | None:
        until = self._clock() + BELIEVED

        def work(session: Session) -> _Believed | None:
            row = session.get(TokenRow, token_id)
            return None if row is None else _Believed(_token(row), row.digest, until)

        found = await self._store.read(work)
        if found is None:
            self._believed.pop(token_id, None)
        else:
            self._believed[token_id] = found
        return found

    async def _note_use(self, believed: _Believed, now: datetime) -> None:
        token = believed.token
        if token.last_used_at is not None and now - token.last_used_at < USE_NOTED:
            return
        self._believed[token.id] = replace(believed, token=replace(token, last_used_at=now))

        def work(session: Session) -> None:
            row = session.get(TokenRow, token.id)
            if row is not None:
                row.last_used_at = now

        await self._store.write(work)


def _digest(pepper: bytes, secret: str) -> str:
    return hmac.new(pepper, secret.encode(), sha256).hexdigest()


def _token(row: TokenRow) -> Token:
    return Token(row.id, row.name, row.created_at, row.expires_at, row.last_used_at, row.revoked_at)
