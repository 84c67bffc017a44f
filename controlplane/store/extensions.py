"""Dialplan extensions."""

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field

from controlplane.store.types import AUTOINCREMENT, Versioned, Whole


class ExtensionRow(Versioned, table=True):
    """An extension of a context, read in the order of (position, name)."""

    __tablename__ = "extensions"
    __table_args__ = (
        UniqueConstraint("context_id", "name"),
        Index("ix_extensions_context_id_position_name", "context_id", "position", "name"),
        AUTOINCREMENT,
    )

    context_id: int = Field(foreign_key="contexts.id", sa_type=Whole)
    name: str
    position: int
    xml: str
