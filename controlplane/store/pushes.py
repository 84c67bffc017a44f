"""Pushes: what is to be brought to a node, is being brought, or was."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, text
from sqlmodel import Field

from controlplane.store.types import AUTOINCREMENT, Json, Row, UtcDateTime, Whole


class PushRow(Row, table=True):
    """A push to a node up to `revision`. At most one of a node waits.

    `let_through`: it need not wait for a change window. `detail` holds the steps done and the node's
    own words, never a secret.
    """

    __tablename__ = "pushes"
    __table_args__ = (
        Index(
            "uq_pushes_node_waiting",
            "node",
            unique=True,
            sqlite_where=text("state = 'waiting'"),
            postgresql_where=text("state = 'waiting'"),
        ),
        Index("ix_pushes_node_id", "node", "id"),
        Index("ix_pushes_state_not_before", "state", "not_before"),
        AUTOINCREMENT,
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=Whole)
    node: str
    state: str
    revision: int = Field(sa_type=Whole)
    touches: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    reason: str = ""
    attempts: int = 0
    let_through: bool = False
    not_before: datetime | None = Field(default=None, sa_type=UtcDateTime)
    created_at: datetime = Field(sa_type=UtcDateTime)
    started_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)
    detail: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
