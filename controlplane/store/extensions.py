"""Dialplan extensions."""

from typing import Any

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field

from controlplane.store.types import AUTOINCREMENT, Json, Versioned, Whole, json_list


class ExtensionRow(Versioned, table=True):
    """An extension of a context, read in the order of (position, name).

    `reach`: which numbers it can match (`controlplane.desired.reach`), told from `numbers` and `xml`.
    `widens`: no answer can be narrowed past it, for it may match any number, or change the number.
    """

    __tablename__ = "extensions"
    __table_args__ = (
        UniqueConstraint("context_id", "name"),
        Index("ix_extensions_context_id_position_name", "context_id", "position", "name"),
        Index(
            "ix_extensions_context_id_widens",
            "context_id",
            sqlite_where=text("widens"),
            postgresql_where=text("widens"),
        ),
        AUTOINCREMENT,
    )

    context_id: int = Field(foreign_key="contexts.id", sa_type=Whole)
    name: str
    position: int
    xml: str
    numbers: list[str] = json_list()
    reach: dict[str, Any] = Field(sa_type=Json, nullable=False)
    widens: bool
