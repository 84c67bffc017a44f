"""Contexts of the chatplan."""

from sqlalchemy import UniqueConstraint

from controlplane.store.types import AUTOINCREMENT, Versioned


class ChatplanRow(Versioned, table=True):
    """A context of the chatplan as checked XML."""

    __tablename__ = "chatplans"
    __table_args__ = (UniqueConstraint("name", "scope"), AUTOINCREMENT)

    name: str
    scope: str
    xml: str
