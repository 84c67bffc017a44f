"""What is known of each node, kept over restarts."""

from datetime import datetime
from typing import Any

from sqlmodel import Field

from controlplane.store.types import Json, Row, UtcDateTime, Whole


class NodeStateRow(Row, table=True):
    """How far a node is; `applied` holds the last verified digest of each thing, by what it is.

    `answered_at`, `round_trip` (seconds): of the last proof that it can fetch from us. `conditions`: the
    last status of each, and since when.
    """

    __tablename__ = "node_states"

    node: str = Field(primary_key=True)
    core_uuid: str | None = None
    desired_revision: int = Field(default=0, sa_type=Whole)
    attempted_revision: int = Field(default=0, sa_type=Whole)
    applied_revision: int = Field(default=0, sa_type=Whole)
    observed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    applied: dict[str, str] = Field(default_factory=dict, sa_type=Json)
    answered_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    round_trip: float | None = None
    conditions: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
