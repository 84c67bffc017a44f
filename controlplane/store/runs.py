"""Runs of jobs."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlmodel import Field

from controlplane.store.types import AUTOINCREMENT, Json, Row, UtcDateTime, Whole


class RunRow(Row, table=True):
    """One run of a job; without an end while it is under way, or when the daemon died in it."""

    __tablename__ = "runs"
    __table_args__ = (Index("ix_runs_job_id", "job", "id"), AUTOINCREMENT)

    id: int | None = Field(default=None, primary_key=True, sa_type=Whole)
    job: str
    started_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)
    outcome: str | None = None
    detail: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
