"""The queue of pushes: rows. For worker threads; every function runs within one transaction.

Invariant: at most one push of a node waits (a unique index keeps it), and a push that runs when the
daemon dies waits again at its next start. So what was committed with a revision is never lost, and
done again at worst: a push is computed from what is wanted and seen, so twice ends in the same place.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import RowMapping, bindparam, delete, insert, select, update
from sqlalchemy.orm import Session

from controlplane.push.applied import ACL
from controlplane.push.touches import Touches
from controlplane.store import tables

_PUSHES = tables.table(tables.PushRow)
_STATES = tables.table(tables.NodeStateRow)


class State(StrEnum):
    """How far a push is."""

    WAITING = "waiting"
    RUNNING = "running"
    APPLIED = "applied"
    """Every effect was seen on the node."""
    HELD = "held"
    """All was seen but what is held back: it would drop calls, or only a restart of the node brings it."""
    STALLED = "stalled"
    """Given up, with the node's own words; the next push of the node takes over what it left."""
    SUPERSEDED = "superseded"
    """What it left went into a later push."""


_UNFINISHED = (State.WAITING, State.RUNNING, State.STALLED)


@dataclass(frozen=True, slots=True)
class Push:
    """One row, for reading. `reason`: why it waits, or why it ended as it did.

    `let_through`: an operator's word that it need not wait for a change window.
    """

    id: int
    node: str
    state: State
    revision: int
    touches: Touches
    reason: str
    attempts: int
    not_before: datetime | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    detail: Mapping[str, Any]
    let_through: bool = False


@dataclass(frozen=True, slots=True)
class NodeState:
    """What is kept of a node over restarts of the daemon. `applied`: see `Applied`."""

    node: str
    core_uuid: str | None = None
    desired_revision: int = 0
    attempted_revision: int = 0
    applied_revision: int = 0
    observed_at: datetime | None = None
    applied: Mapping[str, str] = field(default_factory=dict)
    answered_at: datetime | None = None
    round_trip: float | None = None
    conditions: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Taken:
    """A push that runs now, and what is known of its node."""

    push: Push
    node: NodeState


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of a push that ran: WAITING puts it back, with what is left to do.

    `gateways` and `profiles` were seen to be as they should.
    """

    push: int
    node: str
    state: State
    touches: Touches
    reason: str = ""
    not_before: datetime | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)
    attempted_revision: int = 0
    applied_revision: int | None = None
    core_uuid: str | None = None
    observed_at: datetime | None = None
    applied: Mapping[str, str] | None = None
    attempts: int | None = None
    gateways: frozenset[str] = frozenset()
    profiles: frozenset[str] = frozenset()


def enqueue(
    session: Session,
    revision: int,
    touched: Mapping[str, Touches],
    now: datetime,
    reason: str = "",
    *,
    patient: datetime | None = None,
) -> None:
    """Add to the one waiting push of each node, or make it; `revision` becomes its target.

    What stalled is taken over. `patient`, for repairs: a push that failed already keeps its turn and
    its count of attempts, and what stalled after that moment is left alone.
    """
    if not touched:
        return
    open_rows = _standing(session, touched.keys())
    updates, inserts, taken_over = [], [], []
    for node, touches in touched.items():
        for row in open_rows.get((node, State.STALLED), []):
            if patient is not None and row["ended_at"] > patient:
                continue
            touches = touches.merge(Touches.from_json(row["touches"]))
            taken_over.append({"row": row["id"], "now": now})
        waiting = open_rows.get((node, State.WAITING), [])
        if waiting:
            row = waiting[0]
            updates.append(
                {
                    "row": row["id"],
                    "target": max(revision, row["revision"]),
                    "touched": Touches.from_json(row["touches"]).merge(touches).to_json(),
                    "why": row["reason"] if patient else reason,
                    "due": row["not_before"] if patient else None,
                    "tried": row["attempts"] if patient else 0,
                }
            )
        else:
            inserts.append(
                {
                    "node": node,
                    "state": State.WAITING,
                    "revision": revision,
                    "touches": touches.to_json(),
                    "reason": reason,
                    "attempts": 0,
                    "let_through": False,
                    "created_at": now,
                    "detail": {},
                }
            )
    if updates:
        session.connection().execute(
            update(_PUSHES)
            .where(_PUSHES.c.id == bindparam("row"))
            .values(
                revision=bindparam("target"),
                touches=bindparam("touched", type_=_PUSHES.c.touches.type),
                reason=bindparam("why"),
                not_before=bindparam("due", type_=_PUSHES.c.not_before.type),
                attempts=bindparam("tried"),
            ),
            updates,
        )
    if inserts:
        session.connection().execute(insert(_PUSHES), inserts)
    _supersede(session, taken_over)
    _write_states(session, {node: {"desired_revision": revision} for node in touched})


def take(session: Session, nodes: Collection[str], now: datetime) -> list[Taken]:
    """Make the waiting pushes of these nodes run, be they due or not: who asks knows why."""
    if not nodes:
        return []
    rows = (
        session.execute(
            update(_PUSHES)
            .where(_PUSHES.c.state == State.WAITING, _PUSHES.c.node.in_(sorted(nodes)))
            .values(state=State.RUNNING, started_at=now, attempts=_PUSHES.c.attempts + 1)
            .returning(*_PUSHES.c)
        )
        .mappings()
        .all()
    )
    known = states(session, [row["node"] for row in rows])
    return [Taken(_push(row), known.get(row["node"], NodeState(row["node"]))) for row in rows]


def concern(session: Session, revision: int, nodes: Collection[str]) -> None:
    """The revision concerns these nodes, though nothing is pushed to them for it yet."""
    _write_states(session, {node: {"desired_revision": revision} for node in nodes})


def let_through(session: Session, number: int) -> bool:
    """Have a push that waits wait for no change window; whether it did wait."""
    found = session.execute(
        update(_PUSHES)
        .where(_PUSHES.c.id == number, _PUSHES.c.state == State.WAITING)
        .values(let_through=True, not_before=None)
        .returning(_PUSHES.c.id)
    )
    return found.first() is not None


def end(session: Session, ended: Sequence[Ended], now: datetime) -> None:
    """Write what became of pushes that ran, many at once; of others, whose node is no more, nothing."""
    running = _running(session, ended)
    ended = [each for each in ended if each.push in running]
    back = [each for each in ended if each.state is State.WAITING]
    waiting = _standing(session, [each.node for each in back], (State.WAITING,))
    closing: list[dict[str, Any]] = []
    returning: list[dict[str, Any]] = []
    joining: list[dict[str, Any]] = []
    taken_over: list[dict[str, Any]] = []
    for each in ended:
        if each.state is not State.WAITING:
            closing.append(
                {
                    "row": each.push,
                    "to": each.state,
                    "why": each.reason,
                    "left": each.touches.to_json(),
                    "told": dict(each.detail),
                    "now": now,
                }
            )
        elif later := waiting.get((each.node, State.WAITING)):
            row = later[0]
            touches = Touches.from_json(row["touches"]).merge(each.touches)
            joining.append({"row": row["id"], "touched": touches.to_json()})
            taken_over.append({"row": each.push, "now": now})
        else:
            returning.append(
                {
                    "row": each.push,
                    "why": each.reason,
                    "left": each.touches.to_json(),
                    "told": dict(each.detail),
                    "due": each.not_before,
                    "tried": each.attempts,
                }
            )
    connection = session.connection()
    json = _PUSHES.c.touches.type
    if closing:
        connection.execute(
            update(_PUSHES)
            .where(_PUSHES.c.id == bindparam("row"))
            .values(
                state=bindparam("to"),
                reason=bindparam("why"),
                touches=bindparam("left", type_=json),
                detail=bindparam("told", type_=json),
                ended_at=bindparam("now", type_=_PUSHES.c.ended_at.type),
                not_before=None,
            ),
            closing,
        )
    if joining:
        connection.execute(
            update(_PUSHES)
            .where(_PUSHES.c.id == bindparam("row"))
            .values(touches=bindparam("touched", type_=json)),
            joining,
        )
    if returning:
        connection.execute(
            update(_PUSHES)
            .where(_PUSHES.c.id == bindparam("row"))
            .values(
                state=State.WAITING,
                reason=bindparam("why"),
                touches=bindparam("left", type_=json),
                detail=bindparam("told", type_=json),
                not_before=bindparam("due", type_=_PUSHES.c.not_before.type),
                attempts=bindparam("tried"),
            ),
            returning,
        )
    _supersede(session, taken_over)
    _write_states(session, {each.node: _learned(each) for each in ended})


def recover(session: Session, now: datetime) -> int:
    """At start: what ran when the daemon died waits again; how many pushes."""
    rows = session.execute(select(_PUSHES).where(_PUSHES.c.state == State.RUNNING)).mappings().all()
    end(
        session,
        [
            Ended(
                row["id"],
                row["node"],
                State.WAITING,
                Touches.from_json(row["touches"]),
                reason="the daemon ended meanwhile",
                attempts=row["attempts"],
                detail=row["detail"],
            )
            for row in rows
        ],
        now,
    )
    return len(rows)


def waiting(session: Session) -> list[Push]:
    """Every push that waits."""
    rows = session.execute(select(_PUSHES).where(_PUSHES.c.state == State.WAITING)).mappings()
    return [_push(row) for row in rows]


def unfinished(session: Session, nodes: Iterable[str] | None = None) -> list[Push]:
    """Every push that waits, runs or stalled, of these nodes or of all."""
    wanted = select(_PUSHES).where(_PUSHES.c.state.in_(_UNFINISHED)).order_by(_PUSHES.c.id)
    if nodes is not None:
        wanted = wanted.where(_PUSHES.c.node.in_(sorted(nodes)))
    return [_push(row) for row in session.execute(wanted).mappings()]


def page(
    session: Session,
    *,
    node: str | None = None,
    state: State | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[Push]:
    """Pushes, the newest first; `before`: those with a smaller id."""
    wanted = select(_PUSHES).order_by(_PUSHES.c.id.desc()).limit(limit)
    if node is not None:
        wanted = wanted.where(_PUSHES.c.node == node)
    if state is not None:
        wanted = wanted.where(_PUSHES.c.state == state)
    if before is not None:
        wanted = wanted.where(_PUSHES.c.id < before)
    return [_push(row) for row in session.execute(wanted).mappings()]


def one(session: Session, number: int) -> Push | None:
    """A push by its id."""
    row = session.execute(select(_PUSHES).where(_PUSHES.c.id == number)).mappings().first()
    return _push(row) if row is not None else None


def states(session: Session, nodes: Iterable[str] | None = None) -> dict[str, NodeState]:
    """What is kept of nodes."""
    wanted = select(_STATES)
    if nodes is not None:
        wanted = wanted.where(_STATES.c.node.in_(sorted(nodes)))
    return {row["node"]: NodeState(**row) for row in session.execute(wanted).mappings()}


def forget(session: Session, nodes: Collection[str], now: datetime) -> None:
    """The nodes are no more: nothing is to be done to them, nothing is known of them."""
    _give_up(session, nodes, _UNFINISHED, "the node was deleted", now)
    session.execute(delete(_STATES).where(_STATES.c.node.in_(sorted(nodes))))


def withdraw(session: Session, nodes: Collection[str], now: datetime) -> None:
    """The nodes are sent nothing any more; what runs there ends, and an adoption compares them whole."""
    _give_up(session, nodes, (State.WAITING, State.STALLED), "the node is only observed", now)


def observed(session: Session, at: Mapping[str, datetime]) -> None:
    """The nodes were read whole at these moments."""
    _write_states(session, {node: {"observed_at": moment} for node, moment in at.items()})


def learn(session: Session, learned: Mapping[str, Mapping[str, Any]]) -> None:
    """Keep this of the nodes: values by column."""
    _write_states(session, learned)


def contradicted(session: Session, nodes: Collection[str]) -> None:
    """The ACL lists of these nodes were seen to be other than they were applied: that is known no more."""
    wanted = select(_STATES.c.node, _STATES.c.applied).where(_STATES.c.node.in_(sorted(nodes)))
    for row in session.execute(wanted).mappings().all():
        applied = {key: value for key, value in row["applied"].items() if key != ACL}
        session.execute(update(_STATES).where(_STATES.c.node == row["node"]).values(applied=applied))


def _give_up(
    session: Session, nodes: Collection[str], in_states: Sequence[State], reason: str, now: datetime
) -> None:
    session.execute(
        update(_PUSHES)
        .where(_PUSHES.c.node.in_(sorted(nodes)), _PUSHES.c.state.in_(in_states))
        .values(state=State.SUPERSEDED, ended_at=now, reason=reason)
    )


def _running(session: Session, ended: Sequence[Ended]) -> frozenset[int]:
    """Which of them do run, by what the database says."""
    ids = [each.push for each in ended]
    wanted = select(_PUSHES.c.id).where(_PUSHES.c.id.in_(ids), _PUSHES.c.state == State.RUNNING)
    return frozenset(session.execute(wanted).scalars()) if ids else frozenset()


def _learned(each: Ended) -> dict[str, Any]:
    learned: dict[str, Any] = {}
    if each.attempted_revision:
        learned["attempted_revision"] = each.attempted_revision
    if each.applied_revision is not None:
        learned["applied_revision"] = each.applied_revision
    if each.core_uuid is not None:
        learned["core_uuid"] = each.core_uuid
    if each.observed_at is not None:
        learned["observed_at"] = each.observed_at
    if each.applied is not None:
        learned["applied"] = dict(each.applied)
    return learned


def _standing(
    session: Session,
    nodes: Collection[str],
    in_states: Sequence[State] = (State.WAITING, State.STALLED),
) -> dict[tuple[str, str], list[RowMapping]]:
    """By node and state. Sought by state alone, for these are few and a node's history is long."""
    found: dict[tuple[str, str], list[RowMapping]] = {}
    if nodes:
        for row in session.execute(select(_PUSHES).where(_PUSHES.c.state.in_(in_states))).mappings():
            if row["node"] in nodes:
                found.setdefault((row["node"], row["state"]), []).append(row)
    return found


def _supersede(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        session.connection().execute(
            update(_PUSHES)
            .where(_PUSHES.c.id == bindparam("row"))
            .values(
                state=State.SUPERSEDED,
                ended_at=bindparam("now", type_=_PUSHES.c.ended_at.type),
                not_before=None,
            ),
            rows,
        )


def _write_states(session: Session, learned: Mapping[str, Mapping[str, Any]]) -> None:
    """Insert or update; statements are shared by the nodes of which the same was learned."""
    learned = {node: values for node, values in learned.items() if values}
    if not learned:
        return
    connection = session.connection()
    known = set(session.execute(select(_STATES.c.node).where(_STATES.c.node.in_(sorted(learned)))).scalars())
    missing = [{"node": node, "applied": {}, "conditions": {}} for node in learned if node not in known]
    if missing:
        zero = dict.fromkeys(("desired_revision", "attempted_revision", "applied_revision"), 0)
        connection.execute(insert(_STATES), [zero | row for row in missing])
    alike: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for node, values in learned.items():
        alike.setdefault(tuple(sorted(values)), []).append(
            {"row": node} | {f"new_{name}": value for name, value in values.items()}
        )
    for names, rows in alike.items():
        connection.execute(
            update(_STATES)
            .where(_STATES.c.node == bindparam("row"))
            .values({name: bindparam(f"new_{name}", type_=_STATES.c[name].type) for name in names}),
            rows,
        )


def _push(row: RowMapping) -> Push:
    return Push(
        id=row["id"],
        node=row["node"],
        state=State(row["state"]),
        revision=row["revision"],
        touches=Touches.from_json(row["touches"]),
        reason=row["reason"],
        attempts=row["attempts"],
        not_before=row["not_before"],
        created_at=row["created_at"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        detail=row["detail"],
        let_through=row["let_through"],
    )
