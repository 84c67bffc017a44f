"""SIP profiles."""

from typing import Any

from sqlalchemy import UniqueConstraint

from controlplane.store.types import AUTOINCREMENT, Versioned, json_list


class ProfileRow(Versioned, table=True):
    """A profile; its gateways are rows of their own."""

    __tablename__ = "profiles"
    __table_args__ = (UniqueConstraint("name", "scope"), AUTOINCREMENT)

    name: str
    scope: str
    params: list[Any] = json_list()
    aliases: list[str] = json_list()
    domains: list[Any] = json_list()
