"""FreeSWITCH nodes."""

from typing import Any

from sqlmodel import Field

from controlplane.store.types import AUTOINCREMENT, Json, Versioned, json_list


class NodeRow(Versioned, table=True):
    """A node; `groups` in the order of precedence, passwords by reference to their seals."""

    __tablename__ = "nodes"
    __table_args__ = (AUTOINCREMENT,)

    name: str = Field(unique=True)
    switchname: str
    host: str
    port: int
    groups: list[str] = json_list()
    mode: str
    event_socket_user: str | None = None
    event_socket_password: dict[str, str] = Field(sa_type=Json)
    lookup_passwords: list[Any] = json_list()
    lookup_schemes: list[str] = json_list()
    lookup_networks: list[str] = json_list()
    lookup_certificate: str | None = None
    response_max_bytes: int
    change_windows: list[str] = json_list()
