"""Repairs: what was done about findings."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlmodel import Field

from controlplane.store.types import AUTOINCREMENT, Row, UtcDateTime, Whole, json_list


class RepairRow(Row, table=True):
    """One repair of one thing of a node; without an end while its push waits or runs.

    `steps`: what its push did, with the node's words.
    """

    __tablename__ = "repairs"
    __table_args__ = (Index("ix_repairs_node_ended_at", "node", "ended_at"), AUTOINCREMENT)

    id: int | None = Field(default=None, primary_key=True, sa_type=Whole)
    node: str
    kind: str
    name: str
    reason: str
    begun_at: datetime = Field(sa_type=UtcDateTime, index=True)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    outcome: str | None = None
    said: str = ""
    steps: list[dict[str, Any]] = json_list()
