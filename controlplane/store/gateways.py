"""SIP gateways."""

from typing import Any

from sqlalchemy import UniqueConstraint

from controlplane.store.types import AUTOINCREMENT, Versioned, json_list


class GatewayRow(Versioned, table=True):
    """A gateway of a profile; `placed_on` names the one node on which it stands."""

    __tablename__ = "gateways"
    __table_args__ = (UniqueConstraint("name", "scope"), AUTOINCREMENT)

    name: str
    scope: str
    profile: str
    placed_on: str | None = None
    params: list[Any] = json_list()
    variables: list[Any] = json_list()
