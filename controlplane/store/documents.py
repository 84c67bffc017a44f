"""Configuration documents."""

from sqlalchemy import UniqueConstraint

from controlplane.store.types import AUTOINCREMENT, Versioned, json_list


class DocumentRow(Versioned, table=True):
    """A document as checked XML; `secrets` lists the seals that stand in it."""

    __tablename__ = "documents"
    __table_args__ = (UniqueConstraint("name", "scope"), AUTOINCREMENT)

    name: str
    scope: str
    xml: str
    secrets: list[str] = json_list()
