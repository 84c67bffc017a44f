"""Sealed secrets in versions, and the counters that never give a number twice."""

from sqlalchemy import Index, LargeBinary, text
from sqlmodel import Field

from controlplane.store.types import Row, Whole


class SecretRow(Row, table=True):
    """One version of one secret. Versions are written once and never changed.

    `superseded` is the revision with which no row referred to this version any more; None
    while one does. Revisions from that number on still need it: a rollback brings it back.
    """

    __tablename__ = "secrets"
    __table_args__ = (
        Index(
            "ix_secrets_superseded",
            "superseded",
            sqlite_where=text("superseded IS NOT NULL"),
            postgresql_where=text("superseded IS NOT NULL"),
        ),
    )

    id: int = Field(primary_key=True, sa_type=Whole, sa_column_kwargs={"autoincrement": False})
    version: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    sealed: bytes = Field(sa_type=LargeBinary)
    superseded: int | None = Field(default=None, sa_type=Whole)


class CounterRow(Row, table=True):
    """The next number to give."""

    __tablename__ = "counters"

    name: str = Field(primary_key=True)
    next: int = Field(sa_type=Whole)
