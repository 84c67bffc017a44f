"""Directory groups."""

from typing import Any

from sqlalchemy import UniqueConstraint
from sqlmodel import Field

from controlplane.store.types import AUTOINCREMENT, Versioned, Whole, json_list


class GroupRow(Versioned, table=True):
    """A group of a domain."""

    __tablename__ = "groups"
    __table_args__ = (UniqueConstraint("domain_id", "name"), AUTOINCREMENT)

    domain_id: int = Field(foreign_key="domains.id", sa_type=Whole)
    name: str
    params: list[Any] = json_list()
    variables: list[Any] = json_list()
    profile_variables: list[Any] = json_list()
