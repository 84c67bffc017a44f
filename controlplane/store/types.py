"""What every table shares: the row base, column types, and the columns of a noun."""

from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Integer, MetaData
from sqlalchemy.types import TypeDecorator
from sqlmodel import Field, SQLModel

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
"""Constraints are named alike on both databases, so that a migration can name them."""


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime in UTC; SQLite itself forgets the zone. A naive one is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Bring to UTC what goes in."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a datetime without a time zone was given")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give back an aware one."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Whole = BigInteger().with_variant(Integer(), "sqlite")
"""64 bits on both: SQLite numbers rows by itself only in a column of its type INTEGER."""

Json = JSON(none_as_null=True)
"""Never change a value read from such a column in place: it would not be saved."""

AUTOINCREMENT = {"sqlite_autoincrement": True}
"""No id is ever used again, for caches are keyed by it."""


class Row(SQLModel):
    """The base of every table. What is given to a row is not validated."""

    metadata: ClassVar[MetaData] = MetaData(naming_convention=NAMING)


class Versioned(Row):
    """A noun's row: `version` counts its writes, `revision` is the number of the last one."""

    id: int | None = Field(default=None, primary_key=True, sa_type=Whole)
    version: int
    revision: int = Field(sa_type=Whole)


def json_list() -> Any:
    """A column that holds a JSON list, empty when nothing is given."""
    return Field(default_factory=list, sa_type=Json, nullable=False)
