"""Suspensions: which nodes are sent nothing, since when, by whom, and why."""

from datetime import datetime

from sqlmodel import Field

from controlplane.store.types import Row, UtcDateTime


class SuspensionRow(Row, table=True):
    """One for each scope (`global`, `groups:NAME`, `node:NAME`); what it covers is sent nothing."""

    __tablename__ = "suspensions"

    scope: str = Field(primary_key=True)
    reason: str
    actor: str
    since: datetime = Field(sa_type=UtcDateTime)
