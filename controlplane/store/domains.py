"""Directory domains."""

from typing import Any

from sqlalchemy import UniqueConstraint

from controlplane.store.types import AUTOINCREMENT, Versioned, json_list


class DomainRow(Versioned, table=True):
    """A domain; `cacheable` in ms."""

    __tablename__ = "domains"
    __table_args__ = (UniqueConstraint("name", "scope"), AUTOINCREMENT)

    name: str
    scope: str
    params: list[Any] = json_list()
    variables: list[Any] = json_list()
    profile_variables: list[Any] = json_list()
    cacheable: int | None = None
    hash_passwords: bool = False
