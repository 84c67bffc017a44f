"""Findings as rows: what is wrong stands once until it is seen to be right. For worker threads."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import RowMapping, bindparam, insert, or_, select, update
from sqlalchemy.orm import Session

from controlplane.observed.drift import GATEWAY_REPAIRS, PROFILE_REPAIRS, Kind
from controlplane.store import tables

_FINDINGS = tables.table(tables.FindingRow)


class Severity(StrEnum):
    """How much it matters."""

    ERROR = "error"
    """The node is not as it should be."""
    WARNING = "warning"
    """It is as it should be, and yet something is wrong."""
    INFO = "info"
    """Good to know."""


@dataclass(frozen=True, slots=True)
class Tried:
    """How often something was repaired. `mark`: another text when it would be another repair."""

    times: int
    mark: str


@dataclass(frozen=True, slots=True)
class Found:
    """What was found on a node. `kind` and `name` say what; `reason` in which way.

    `tried`: None leaves what is known of its repairs; `repaired`: one begins now.
    """

    node: str
    kind: str
    name: str
    reason: str
    severity: Severity
    tried: Tried | None = None
    repaired: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """A row, for reading. `repaired_at`: when a repair was last begun."""

    id: int
    found: Found
    first_seen: datetime
    last_seen: datetime
    cleared_at: datetime | None
    repaired_at: datetime | None


def record(
    session: Session, node: str, kinds: Collection[str], found: Sequence[Found], now: datetime
) -> None:
    """A node was looked at for these kinds: what was found stands, what was not is cleared."""
    standing = {
        (row["kind"], row["name"]): row
        for row in session.execute(
            select(_FINDINGS).where(_FINDINGS.c.node == node, _FINDINGS.c.cleared_at.is_(None))
        ).mappings()
        if row["kind"] in kinds
    }
    seen = {(each.kind, each.name): each for each in found}
    new = [each for key, each in seen.items() if key not in standing]
    again = [
        {
            "row": standing[key]["id"],
            "why": each.reason,
            "how": each.severity.value,
            "now": now,
            "times": each.tried.times if each.tried is not None else standing[key]["repairs"],
            "as": each.tried.mark if each.tried is not None else standing[key]["mark"],
            "begun": now if each.repaired else standing[key]["repaired_at"],
        }
        for key, each in seen.items()
        if key in standing
    ]
    cleared = [{"row": row["id"], "now": now} for key, row in standing.items() if key not in seen]
    connection = session.connection()
    if new:
        connection.execute(
            insert(_FINDINGS),
            [
                {
                    "node": each.node,
                    "kind": each.kind,
                    "name": each.name,
                    "reason": each.reason,
                    "severity": each.severity.value,
                    "first_seen": now,
                    "last_seen": now,
                    "repairs": each.tried.times if each.tried is not None else 0,
                    "mark": each.tried.mark if each.tried is not None else "",
                    "repaired_at": now if each.repaired else None,
                }
                for each in new
            ],
        )
    if again:
        connection.execute(
            update(_FINDINGS)
            .where(_FINDINGS.c.id == bindparam("row"))
            .values(
                reason=bindparam("why"),
                severity=bindparam("how"),
                last_seen=bindparam("now", type_=_FINDINGS.c.last_seen.type),
                repairs=bindparam("times"),
                mark=bindparam("as"),
                repaired_at=bindparam("begun", type_=_FINDINGS.c.repaired_at.type),
            ),
            again,
        )
    if cleared:
        connection.execute(
            update(_FINDINGS)
            .where(_FINDINGS.c.id == bindparam("row"))
            .values(cleared_at=bindparam("now", type_=_FINDINGS.c.cleared_at.type)),
            cleared,
        )


def mended(
    session: Session, node: str, gateways: Collection[str], profiles: Collection[str], now: datetime
) -> None:
    """A push saw these as they should be: what it mends is clear, and need not wait for a comparison."""
    if not gateways and not profiles:
        return
    names = {**dict.fromkeys(GATEWAY_REPAIRS, gateways), **dict.fromkeys(PROFILE_REPAIRS, profiles)}
    standing = select(_FINDINGS.c.id, _FINDINGS.c.kind, _FINDINGS.c.name).where(
        _FINDINGS.c.node == node, _FINDINGS.c.cleared_at.is_(None), _FINDINGS.c.kind.in_(names)
    )
    clear = [
        row["id"] for row in session.execute(standing).mappings() if row["name"] in names[Kind(row["kind"])]
    ]
    if clear:
        session.execute(update(_FINDINGS).where(_FINDINGS.c.id.in_(clear)).values(cleared_at=now))


def drifting(session: Session, nodes: Iterable[str] | None = None) -> dict[str, list[str]]:
    """Of these nodes, or of every one, the standing errors, in words."""
    found: dict[str, list[str]] = {}
    wanted = (
        select(_FINDINGS)
        .where(_FINDINGS.c.cleared_at.is_(None), _FINDINGS.c.severity == Severity.ERROR)
        .order_by(_FINDINGS.c.id)
    )
    if nodes is not None:
        wanted = wanted.where(_FINDINGS.c.node.in_(sorted(nodes)))
    for row in session.execute(wanted).mappings():
        found.setdefault(row["node"], []).append(f"{row['kind']} {row['name']}: {row['reason']}")
    return found


def tried(session: Session, since: datetime) -> dict[str, dict[tuple[str, str], Tried]]:
    """By node, and by kind and name, how often what stands, or was cleared since then, was repaired."""
    wanted = (
        select(_FINDINGS)
        .where(or_(_FINDINGS.c.cleared_at.is_(None), _FINDINGS.c.cleared_at > since), _FINDINGS.c.repairs > 0)
        .order_by(_FINDINGS.c.id)
    )
    found: dict[str, dict[tuple[str, str], Tried]] = {}
    for row in session.execute(wanted).mappings():
        found.setdefault(row["node"], {})[row["kind"], row["name"]] = Tried(row["repairs"], row["mark"])
    return found


def page(
    session: Session,
    *,
    node: str | None = None,
    standing: bool = True,
    before: int | None = None,
    limit: int = 100,
) -> list[Finding]:
    """Findings, the newest first; `standing`: only those not cleared."""
    wanted = select(_FINDINGS).order_by(_FINDINGS.c.id.desc()).limit(limit)
    if node is not None:
        wanted = wanted.where(_FINDINGS.c.node == node)
    if standing:
        wanted = wanted.where(_FINDINGS.c.cleared_at.is_(None))
    if before is not None:
        wanted = wanted.where(_FINDINGS.c.id < before)
    return [_finding(row) for row in session.execute(wanted).mappings()]


def forget(session: Session, nodes: Collection[str], now: datetime) -> None:
    """The nodes are no more: nothing is wrong with them."""
    session.execute(
        update(_FINDINGS)
        .where(_FINDINGS.c.node.in_(sorted(nodes)), _FINDINGS.c.cleared_at.is_(None))
        .values(cleared_at=now)
    )


def _finding(row: RowMapping) -> Finding:
    severity, tried = Severity(row["severity"]), Tried(row["repairs"], row["mark"])
    found = Found(row["node"], row["kind"], row["name"], row["reason"], severity, tried)
    return Finding(
        row["id"], found, row["first_seen"], row["last_seen"], row["cleared_at"], row["repaired_at"]
    )
