"""Dialplan contexts."""

from sqlalchemy import UniqueConstraint

from controlplane.store.types import AUTOINCREMENT, Versioned


class ContextRow(Versioned, table=True):
    """A context; its extensions are rows of their own."""

    __tablename__ = "contexts"
    __table_args__ = (UniqueConstraint("name", "scope"), AUTOINCREMENT)

    name: str
    scope: str
