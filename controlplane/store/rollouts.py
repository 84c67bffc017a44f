"""Rollouts: changes that go to one node after the other."""

from datetime import datetime
from typing import Any

from sqlmodel import Field

from controlplane.store.types import AUTOINCREMENT, Json, Row, UtcDateTime, Whole


class RolloutRow(Row, table=True):
    """How a revision is brought to its nodes. `passed_at`: when its canaries were found to be well."""

    __tablename__ = "rollouts"
    __table_args__ = (AUTOINCREMENT,)

    id: int | None = Field(default=None, primary_key=True, sa_type=Whole)
    revision: int = Field(sa_type=Whole, index=True)
    strategy: str
    state: str = Field(index=True)
    reason: str = ""
    actor: str
    roll_back: bool = False
    created_at: datetime = Field(sa_type=UtcDateTime)
    passed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)


class TurnRow(Row, table=True):
    """A node's turn: what is withheld from it till then, and how its gateways were before.

    `since`: when it came into its state.
    """

    __tablename__ = "rollout_turns"

    rollout: int = Field(primary_key=True, foreign_key="rollouts.id", sa_type=Whole, ondelete="CASCADE")
    node: str = Field(primary_key=True)
    position: int
    state: str
    touches: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    before: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    reason: str = ""
    since: datetime = Field(sa_type=UtcDateTime)
