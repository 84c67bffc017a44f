"""Rollouts as rows. For worker threads; every function runs within one transaction.

Invariant: what a revision withholds from a node stands in a turn that waits, and goes into the queue of
pushes in the very transaction that begins the turn. So a daemon that dies loses nothing, and no node is
given its turn twice. What a later revision touches again is withheld by that one alone.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import RowMapping, insert, select, update
from sqlalchemy.orm import Session

from controlplane.desired.revisions import Author
from controlplane.observed.node_status import Withheld
from controlplane.push import queue
from controlplane.push.touches import Touches
from controlplane.store import tables
from controlplane.strategy import Strategy, parse

_ROLLOUTS = tables.table(tables.RolloutRow)
_TURNS = tables.table(tables.TurnRow)


class State(StrEnum):
    """How a rollout is."""

    RUNNING = "running"
    PAUSED = "paused"
    """No turn begins till it is resumed."""
    STOPPED = "stopped"
    """The same, for something is wrong: resumed, it begins with what failed."""
    ROLLING_BACK = "rolling_back"
    DONE = "done"
    ROLLED_BACK = "rolled_back"
    """A new revision brought back what it had changed."""
    SUPERSEDED = "superseded"
    """What it was about went into later revisions."""


class Turn(StrEnum):
    """How a node's turn is."""

    WAITING = "waiting"
    RUNNING = "running"
    """Its push is under way."""
    SETTLING = "settling"
    """The push was applied: its gateways are to be again as they were."""
    DONE = "done"
    SKIPPED = "skipped"
    """The node was away; its push waits in the queue till it is back."""
    FAILED = "failed"
    SUPERSEDED = "superseded"


OPEN = (State.RUNNING, State.PAUSED, State.STOPPED, State.ROLLING_BACK)
IN_TURN = (Turn.RUNNING, Turn.SETTLING)


@dataclass(frozen=True, slots=True)
class NodeTurn:
    """One row. `before`: by gateway, what its state and counts of calls were."""

    node: str
    state: Turn
    touches: Touches
    before: Mapping[str, Any]
    reason: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Rollout:
    """One row with its turns, in their order."""

    id: int
    revision: int
    strategy: Strategy
    state: State
    reason: str
    actor: str
    roll_back: bool
    created_at: datetime
    passed_at: datetime | None
    ended_at: datetime | None
    turns: tuple[NodeTurn, ...] = field(default=())


def add(
    session: Session,
    revision: int,
    strategy: Strategy,
    author: Author,
    withheld: Mapping[str, Touches],
    now: datetime,
    *,
    roll_back: bool,
) -> None:
    """Begin a rollout of what a revision touches on these nodes."""
    made = insert(_ROLLOUTS).values(
        revision=revision,
        strategy=str(strategy),
        state=State.RUNNING,
        reason="",
        actor=author.actor,
        roll_back=roll_back,
        created_at=now,
    )
    number = session.execute(made.returning(_ROLLOUTS.c.id)).scalar_one()
    session.connection().execute(
        insert(_TURNS),
        [
            {
                "rollout": number,
                "node": node,
                "position": place,
                "state": Turn.WAITING,
                "touches": touches.to_json(),
                "before": {},
                "reason": "",
                "since": now,
            }
            for place, (node, touches) in enumerate(sorted(withheld.items()))
        ],
    )
    queue.concern(session, revision, withheld)


def take_over(session: Session, revision: int, touched: Mapping[str, Touches], now: datetime) -> None:
    """A later revision touches these: what earlier rollouts withheld of it is withheld by them no more."""
    for turn in _waiting(session, (Turn.WAITING, Turn.FAILED)):
        touches = Touches.from_json(turn["touches"])
        left = touches.without(touched.get(turn["node"], Touches()))
        if left == touches:
            continue
        values: dict[str, Any] = {"touches": left.to_json()}
        if not left:
            values |= {"state": Turn.SUPERSEDED, "since": now, "reason": f"went into revision {revision}"}
        session.execute(update(_TURNS).where(*_this(turn["rollout"], turn["node"])).values(values))


def forget(session: Session, nodes: Collection[str], reason: str, now: datetime) -> None:
    """Nothing is brought to these nodes any more."""
    session.execute(
        update(_TURNS)
        .where(_TURNS.c.node.in_(sorted(nodes)), _TURNS.c.state.in_((Turn.WAITING, *IN_TURN)))
        .values(state=Turn.SUPERSEDED, reason=reason, since=now)
    )


def begin(
    session: Session, rollout: int, node: str, before: Mapping[str, Any], now: datetime
) -> Touches | None:
    """Give a node its turn: its push goes into the queue. None when it has none any more, or not now."""
    why = f"its turn in rollout {rollout}"
    return _release(session, rollout, node, now, why, state=Turn.RUNNING, before=dict(before), reason="")


def skip(session: Session, rollout: int, node: str, reason: str, now: datetime) -> None:
    """Go on without a node that is away: its push waits in the queue till it is back."""
    why = f"skipped in rollout {rollout}: {reason}"
    _release(session, rollout, node, now, why, state=Turn.SKIPPED, reason=reason)


def turned(session: Session, rollout: int, node: str, state: Turn, now: datetime, reason: str = "") -> None:
    """A turn that was under way is in another state now."""
    session.execute(
        update(_TURNS)
        .where(*_this(rollout, node), _TURNS.c.state.in_(IN_TURN))
        .values(state=state, reason=reason, since=now)
    )


def become(
    session: Session,
    rollout: int,
    state: State,
    now: datetime,
    reason: str = "",
    *,
    when: Collection[State] = OPEN,
) -> bool:
    """Bring a rollout into another state if it is in one of `when`; whether it was."""
    values: dict[str, Any] = {"state": state, "reason": reason}
    if state not in OPEN:
        values["ended_at"] = now
    found = session.execute(
        update(_ROLLOUTS)
        .where(_ROLLOUTS.c.id == rollout, _ROLLOUTS.c.state.in_(tuple(when)))
        .values(values)
        .returning(_ROLLOUTS.c.id)
    ).first()
    if found is not None and state in (State.ROLLED_BACK, State.SUPERSEDED):
        session.execute(
            update(_TURNS)
            .where(_TURNS.c.rollout == rollout, _TURNS.c.state.in_((Turn.WAITING, *IN_TURN)))
            .values(state=Turn.SUPERSEDED, reason=reason, since=now)
        )
    return found is not None


def resume(session: Session, rollout: int, now: datetime) -> bool:
    """Go on with one that is paused or stopped: turns that failed are given again; whether it was."""
    if not become(session, rollout, State.RUNNING, now, when=(State.PAUSED, State.STOPPED)):
        return False
    session.execute(
        update(_TURNS)
        .where(_TURNS.c.rollout == rollout, _TURNS.c.state == Turn.FAILED)
        .values(state=Turn.WAITING, reason="", since=now)
    )
    return True


def passed(session: Session, rollout: int, now: datetime) -> None:
    """Its canaries are well."""
    session.execute(update(_ROLLOUTS).where(_ROLLOUTS.c.id == rollout).values(passed_at=now))


def unfinished(session: Session) -> list[Rollout]:
    """Every rollout that is open, the oldest first, with its turns."""
    return _read(session, select(_ROLLOUTS).where(_ROLLOUTS.c.state.in_(OPEN)).order_by(_ROLLOUTS.c.id))


def one(session: Session, number: int) -> Rollout | None:
    """A rollout by its id."""
    return next(iter(_read(session, select(_ROLLOUTS).where(_ROLLOUTS.c.id == number))), None)


def page(
    session: Session, *, revision: int | None = None, before: int | None = None, limit: int = 100
) -> list[Rollout]:
    """Rollouts, the newest first; `before`: those with a smaller id."""
    wanted = select(_ROLLOUTS).order_by(_ROLLOUTS.c.id.desc()).limit(limit)
    if revision is not None:
        wanted = wanted.where(_ROLLOUTS.c.revision == revision)
    if before is not None:
        wanted = wanted.where(_ROLLOUTS.c.id < before)
    return _read(session, wanted)


def withheld(session: Session) -> dict[str, list[Withheld]]:
    """By node what is withheld from it till its turn comes."""
    found: dict[str, list[Withheld]] = {}
    for turn in _waiting(session):
        said = turn["why"] or "its turn has not come"
        reason = f"rollout {turn['rollout']} is {turn['how']}: {said}"
        found.setdefault(turn["node"], []).append(Withheld(turn["rollout"], turn["revision"], reason))
    return found


def withheld_touches(session: Session) -> dict[str, Touches]:
    """By node what nobody is to bring to it before its turn."""
    found: dict[str, Touches] = {}
    for turn in _waiting(session):
        found[turn["node"]] = found.get(turn["node"], Touches()).merge(Touches.from_json(turn["touches"]))
    return found


def _release(
    session: Session, rollout: int, node: str, now: datetime, why: str, **values: Any
) -> Touches | None:
    """Put its push into the queue, for that reason; `values`: what its turn becomes."""
    row = (
        session.execute(
            select(_TURNS.c.touches, _ROLLOUTS.c.revision)
            .join(_ROLLOUTS, _ROLLOUTS.c.id == _TURNS.c.rollout)
            .where(*_this(rollout, node), _TURNS.c.state == Turn.WAITING, _ROLLOUTS.c.state == State.RUNNING)
        )
        .mappings()
        .first()
    )
    if row is None:
        return None
    session.execute(update(_TURNS).where(*_this(rollout, node)).values(**values, since=now))
    touches = Touches.from_json(row["touches"])
    # Another revision may have concerned the node meanwhile.
    concerned = [state.desired_revision for state in queue.states(session, [node]).values()]
    revision = max([row["revision"], *concerned])
    queue.enqueue(session, revision, {node: touches}, now, why)
    return touches


def _waiting(session: Session, states: Sequence[Turn] = (Turn.WAITING,)) -> Sequence[RowMapping]:
    return (
        session.execute(
            select(
                _TURNS,
                _ROLLOUTS.c.revision,
                _ROLLOUTS.c.state.label("how"),
                _ROLLOUTS.c.reason.label("why"),
            )
            .join(_ROLLOUTS, _ROLLOUTS.c.id == _TURNS.c.rollout)
            .where(_ROLLOUTS.c.state.in_(OPEN), _TURNS.c.state.in_(states))
            .order_by(_ROLLOUTS.c.id)
        )
        .mappings()
        .all()
    )


def _this(rollout: int, node: str) -> tuple[Any, Any]:
    return _TURNS.c.rollout == rollout, _TURNS.c.node == node


def _read(session: Session, wanted: Any) -> list[Rollout]:
    rows = session.execute(wanted).mappings().all()
    turns: dict[int, list[NodeTurn]] = {row["id"]: [] for row in rows}
    ordered = select(_TURNS).where(_TURNS.c.rollout.in_(turns)).order_by(_TURNS.c.rollout, _TURNS.c.position)
    for row in session.execute(ordered).mappings() if turns else ():
        turns[row["rollout"]].append(
            NodeTurn(
                row["node"],
                Turn(row["state"]),
                Touches.from_json(row["touches"]),
                row["before"],
                row["reason"],
                row["since"],
            )
        )
    return [
        Rollout(
            row["id"],
            row["revision"],
            parse(row["strategy"]),
            State(row["state"]),
            row["reason"],
            row["actor"],
            row["roll_back"],
            row["created_at"],
            row["passed_at"],
            row["ended_at"],
            tuple(turns[row["id"]]),
        )
        for row in rows
    ]
