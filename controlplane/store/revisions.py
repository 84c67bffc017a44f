"""Revisions: who changed what, when and why. Rows are only ever added, and pruned from the front."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlmodel import Field

from controlplane.store.types import Json, Row, UtcDateTime, Whole, json_list


class RevisionRow(Row, table=True):
    """One commit. `digest` covers `previous` and all that is in it: none can be altered unseen."""

    __tablename__ = "revisions"

    number: int = Field(primary_key=True, sa_type=Whole, sa_column_kwargs={"autoincrement": False})
    at: datetime = Field(sa_type=UtcDateTime, index=True)
    actor: str
    token: str
    source: str
    request_id: str
    reason: str
    nodes: list[str] = json_list()
    warnings: list[str] = json_list()
    previous: str
    digest: str


class ChangeRow(Row, table=True):
    """One noun's before and after within a revision; secrets by reference."""

    __tablename__ = "changes"
    __table_args__ = (Index("ix_changes_noun_parent_name_revision", "noun", "parent", "name", "revision"),)

    revision: int = Field(primary_key=True, foreign_key="revisions.number", sa_type=Whole, ondelete="CASCADE")
    position: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    noun: str
    name: str
    parent: str
    scope: str
    before: dict[str, Any] | None = Field(default=None, sa_type=Json)
    after: dict[str, Any] | None = Field(default=None, sa_type=Json)
    before_version: int | None = None
    after_version: int | None = None
