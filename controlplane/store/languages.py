"""Phrase macros."""

from sqlalchemy import UniqueConstraint

from controlplane.store.types import AUTOINCREMENT, Versioned


class LanguageRow(Versioned, table=True):
    """A language as checked XML."""

    __tablename__ = "languages"
    __table_args__ = (UniqueConstraint("name", "scope"), AUTOINCREMENT)

    name: str
    scope: str
    xml: str
