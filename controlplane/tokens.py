"""Operators' tokens in the database: minted, listed, revoked.

A token is `cp_ID.SECRET`. Of the secret only an HMAC-SHA256 is kept, under a key that is not
in the database: it is random and long, so nothing slower is needed, and a check costs
microseconds. All of it works on a session, for on the machine itself no daemon need run.
"""

import hmac
import ipaddress
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from sqlalchemy.orm import Session
from sqlmodel import col, select

from controlplane.auditing import noted
from controlplane.desired.revisions import Author
from controlplane.store.tokens import TokenRow
from controlplane.store.vault import Vault
from controlplane.tenants import Role, Tenant

# Beyond it a time zone could carry a date past what a datetime holds.
_LATEST = datetime(9000, 1, 1, tzinfo=UTC)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")


class TokensError(Exception):
    """The root of this room's errors.

    TokensError
    ├── BadGrant    no token can be made so
    └── NameTaken   another token has its name
    """


class BadGrant(TokensError):  # noqa: N818 - what is wrong
    """What is wrong with what was asked for: the field, and the reason."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class NameTaken(TokensError):  # noqa: N818 - what is wrong
    """Names are never given twice, for revisions and audit go by them."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token is to allow. `networks`: CIDRs that it is taken from, empty: from anywhere.

    `tenant` None: it is bound to no domains. `expires_at` None: it ends when it is revoked.
    """

    name: str
    role: Role
    tenant: Tenant | None = None
    networks: tuple[str, ...] = ()
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Token:
    """A token as it may be shown; its secret is shown only once, when it is minted."""

    id: str
    grant: Grant
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None

    @property
    def name(self) -> str:
        return self.grant.name

    @property
    def role(self) -> Role:
        return self.grant.role

    @property
    def tenant(self) -> Tenant | None:
        return self.grant.tenant

    def valid(self, now: datetime) -> bool:
        """Say whether it opens the door at that moment."""
        ends = self.grant.expires_at
        return self.revoked_at is None and (ends is None or now < ends)


@dataclass(frozen=True, slots=True)
class Minted:
    """A new token and its text, `cp_ID.SECRET`."""

    token: Token
    text: str


def mint(session: Session, vault: Vault, grant: Grant, author: Author) -> Minted:
    """Make a token within a write transaction, and write down who did; raises BadGrant or NameTaken."""
    _check(grant)
    if session.scalar(select(TokenRow.id).where(TokenRow.name == grant.name)) is not None:
        raise NameTaken(f"a token named {grant.name!r} exists, or existed")
    token_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    tenant = grant.tenant
    allowed: dict[str, Any] = {
        "role": grant.role.value,
        "domains": sorted(set(tenant.domains)) if tenant is not None else [],
        "contexts": sorted(set(tenant.contexts)) if tenant is not None else [],
        "networks": list(grant.networks),
    }
    row = TokenRow(
        id=token_id,
        name=grant.name,
        digest=digest(vault.token_pepper(), secret),
        created_at=datetime.now(UTC),
        expires_at=grant.expires_at,
        **allowed,
    )
    session.add(row)
    ends = grant.expires_at.isoformat() if grant.expires_at is not None else None
    noted(session, author, "token.mint", token_id, {"name": grant.name, "expires_at": ends, **allowed})
    session.flush()
    return Minted(token_of(row), f"cp_{token_id}.{secret}")


def revoke(session: Session, token_id: str, author: Author) -> Token | None:
    """End a token within a write transaction, and write down who did; None when there is none of that id."""
    row = session.get(TokenRow, token_id)
    if row is None:
        return None
    if row.revoked_at is None:
        row.revoked_at = datetime.now(UTC)
        noted(session, author, "token.revoke", token_id, {"name": row.name})
    return token_of(row)


def tokens(session: Session) -> tuple[Token, ...]:
    """Give every token, ended ones too, oldest first."""
    return tuple(
        token_of(row) for row in session.scalars(select(TokenRow).order_by(col(TokenRow.created_at)))
    )


def digest(pepper: bytes, secret: str) -> str:
    """Give what is kept of a secret."""
    return hmac.new(pepper, secret.encode(), sha256).hexdigest()


def token_of(row: TokenRow) -> Token:
    """Read a row."""
    grant = Grant(
        name=row.name,
        role=Role(row.role),
        tenant=Tenant(tuple(row.domains), tuple(row.contexts)) if row.domains else None,
        networks=tuple(row.networks),
        expires_at=row.expires_at,
    )
    return Token(row.id, grant, row.created_at, row.last_used_at, row.revoked_at)


def _check(grant: Grant) -> None:
    if not _NAME.fullmatch(grant.name):
        raise BadGrant("name", "is 1 to 64 letters, digits and . _ @ -, and begins with a letter or digit")
    if grant.expires_at is not None and not datetime.now(UTC) < grant.expires_at < _LATEST:
        raise BadGrant("expires_at", f"lies between now and {_LATEST:%Y-%m-%d}")
    for place, network in enumerate(grant.networks):
        try:
            ipaddress.ip_network(network, strict=False)
        except ValueError as error:
            raise BadGrant(f"networks[{place}]", str(error)) from None
    if grant.tenant is None:
        return
    if grant.role is Role.ADMIN:
        raise BadGrant("role", "an administrator is bound to no domains")
    if not grant.tenant.domains:
        raise BadGrant("domains", "needed where contexts are named")
    for field, names in (("domains", grant.tenant.domains), ("contexts", grant.tenant.contexts)):
        for place, name in enumerate(names):
            if not (0 < len(name) <= 255 and name.isprintable()):
                raise BadGrant(f"{field}[{place}]", "is no name")
