"""Variables that operators define for nodes."""

from typing import Any

from sqlalchemy import UniqueConstraint
from sqlmodel import Field

from controlplane.store.types import AUTOINCREMENT, Json, Versioned


class VariableRow(Versioned, table=True):
    """A variable; `value` is a text, or the reference to a sealed one."""

    __tablename__ = "variables"
    __table_args__ = (UniqueConstraint("name", "scope"), AUTOINCREMENT)

    name: str
    scope: str
    value: Any = Field(sa_type=Json, nullable=False)
