"""ACL lists."""

from typing import Any

from sqlalchemy import UniqueConstraint

from controlplane.store.types import AUTOINCREMENT, Versioned, json_list


class AclRow(Versioned, table=True):
    """A list and its entries, in order."""

    __tablename__ = "acls"
    __table_args__ = (UniqueConstraint("name", "scope"), AUTOINCREMENT)

    name: str
    scope: str
    default_allow: bool
    entries: list[Any] = json_list()
