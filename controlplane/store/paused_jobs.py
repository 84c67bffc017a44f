"""Jobs that an operator paused."""

from datetime import datetime

from sqlmodel import Field

from controlplane.store.types import Row, UtcDateTime


class PausedJobRow(Row, table=True):
    """A job that runs by an operator's word alone, till it is resumed."""

    __tablename__ = "paused_jobs"

    job: str = Field(primary_key=True)
    actor: str
    reason: str
    since: datetime = Field(sa_type=UtcDateTime)
