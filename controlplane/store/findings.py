"""Findings: what on a node is not as it should be."""

from datetime import datetime

from sqlalchemy import Index, text
from sqlmodel import Field

from controlplane.store.types import AUTOINCREMENT, Row, UtcDateTime, Whole


class FindingRow(Row, table=True):
    """One thing of one node; it stands once until it is cleared. `repairs`: how many were begun for it.

    They count for one `mark`: when it is another one, they are counted anew.
    """

    __tablename__ = "findings"
    __table_args__ = (
        Index(
            "uq_findings_node_kind_name_standing",
            "node",
            "kind",
            "name",
            unique=True,
            sqlite_where=text("cleared_at IS NULL"),
            postgresql_where=text("cleared_at IS NULL"),
        ),
        AUTOINCREMENT,
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=Whole)
    node: str
    kind: str
    name: str
    reason: str
    severity: str
    first_seen: datetime = Field(sa_type=UtcDateTime)
    last_seen: datetime = Field(sa_type=UtcDateTime)
    cleared_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)
    repairs: int = 0
    mark: str = ""
    repaired_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
