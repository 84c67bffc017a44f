"""Repairs as rows: what was begun about which finding, and how it ended. For worker threads."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.orm import Session

from controlplane.push.findings import Found
from controlplane.push.queue import Ended, State
from controlplane.store import tables

_REPAIRS = tables.table(tables.RepairRow)


@dataclass(frozen=True, slots=True)
class Repair:
    """A row, for reading. `outcome`: the state in which its push ended; `said`: why it ended so."""

    id: int
    node: str
    kind: str
    name: str
    reason: str
    begun_at: datetime
    ended_at: datetime | None
    outcome: str | None
    said: str
    steps: Sequence[Mapping[str, Any]]


def begun(session: Session, found: Iterable[Found], now: datetime) -> None:
    """Repairs of these begin; the next push of the node is theirs."""
    rows = [
        {
            "node": each.node,
            "kind": each.kind,
            "name": each.name,
            "reason": each.reason,
            "begun_at": now,
            "said": "",
            "steps": [],
        }
        for each in found
    ]
    if rows:
        session.connection().execute(insert(_REPAIRS), rows)


def ended(session: Session, pushes: Iterable[Ended], now: datetime) -> None:
    """These pushes ended, and the repairs that stood open with them; one that waits again has not."""
    over = {each.node: each for each in pushes if each.state is not State.WAITING}
    wanted = select(_REPAIRS.c.id, _REPAIRS.c.node).where(
        _REPAIRS.c.node.in_(sorted(over)), _REPAIRS.c.ended_at.is_(None)
    )
    rows = [
        {
            "row": row["id"],
            "now": now,
            "state": over[row["node"]].state.value,
            "why": over[row["node"]].reason,
            "did": list(over[row["node"]].detail.get("steps", ())),
        }
        for row in (session.execute(wanted).mappings() if over else ())
    ]
    if rows:
        session.connection().execute(
            update(_REPAIRS)
            .where(_REPAIRS.c.id == bindparam("row"))
            .values(
                ended_at=bindparam("now", type_=_REPAIRS.c.ended_at.type),
                outcome=bindparam("state"),
                said=bindparam("why"),
                steps=bindparam("did", type_=_REPAIRS.c.steps.type),
            ),
            rows,
        )


def forget(session: Session, nodes: Collection[str], now: datetime) -> None:
    """The nodes are no more, or sent nothing any more: what stood open ends."""
    session.execute(
        update(_REPAIRS)
        .where(_REPAIRS.c.node.in_(sorted(nodes)), _REPAIRS.c.ended_at.is_(None))
        .values(ended_at=now, outcome=State.SUPERSEDED)
    )


def page(
    session: Session, *, node: str | None = None, before: int | None = None, limit: int = 100
) -> list[Repair]:
    """Repairs, the newest first."""
    wanted = select(_REPAIRS).order_by(_REPAIRS.c.id.desc()).limit(limit)
    if node is not None:
        wanted = wanted.where(_REPAIRS.c.node == node)
    if before is not None:
        wanted = wanted.where(_REPAIRS.c.id < before)
    return [Repair(**row) for row in session.execute(wanted).mappings()]
