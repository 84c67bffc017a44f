"""Operators' tokens."""

from datetime import datetime

from sqlmodel import Field

from controlplane.store.types import Row, UtcDateTime, json_list


class TokenRow(Row, table=True):
    """A token by its id; of its secret only a keyed digest is kept. Without domains it is bound to none."""

    __tablename__ = "tokens"

    id: str = Field(primary_key=True)
    name: str = Field(unique=True)
    digest: str
    role: str
    domains: list[str] = json_list()
    contexts: list[str] = json_list()
    networks: list[str] = json_list()
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    last_used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
