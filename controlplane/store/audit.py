"""What operators did that made no revision: commands to nodes, tokens, adoption, imports."""

from datetime import datetime
from typing import Any

from sqlmodel import Field

from controlplane.store.types import AUTOINCREMENT, Json, Row, UtcDateTime, Whole


class AuditRow(Row, table=True):
    """One act; `detail` never holds a secret."""

    __tablename__ = "audit"
    __table_args__ = (AUTOINCREMENT,)

    id: int | None = Field(default=None, primary_key=True, sa_type=Whole)
    at: datetime = Field(sa_type=UtcDateTime, index=True)
    actor: str
    token: str = ""
    source: str = ""
    request_id: str = ""
    action: str
    target: str = ""
    detail: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
