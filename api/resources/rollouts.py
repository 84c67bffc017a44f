"""Rollouts: which nodes have had their turn, which wait, and why one stopped."""

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from api.access import operator, viewer
from api.bodies import read_model, read_nothing
from api.middle import daemon_of
from api.pages import asked, page_of
from api.paths import route
from api.problems import Problem, bad_request, not_found
from api.resources.shapes import Shape
from api.times import told
from api.writing import author_of
from controlplane.auditing import audit
from controlplane.push import rollout_rows
from controlplane.push.rollout_rows import NodeTurn, Rollout, Turn


class StopIn(Shape):
    """Whether what the rollout's revision changed is taken back, by a new revision."""

    roll_back: bool = False


def routes() -> list[BaseRoute]:
    """Give the routes of rollouts."""
    return [
        route("/rollouts", GET=viewer(listed)),
        route("/rollouts/{number}", GET=viewer(read)),
        route("/rollouts/{number}/pause", POST=operator(pause)),
        route("/rollouts/{number}/resume", POST=operator(resume)),
        route("/rollouts/{number}/stop", POST=operator(stop)),
    ]


async def listed(request: Request) -> Response:
    """List rollouts, newest first; `?revision=` narrows."""
    page = asked(request, int)
    revision = request.query_params.get("revision")
    if revision is not None and not (revision.isascii() and revision.isdecimal() and len(revision) <= 15):
        raise bad_request("revision", "the number of a revision")
    before = int(page.after[0]) if page.after is not None else None
    rows = await daemon_of(request).store.read(
        lambda session: rollout_rows.page(
            session,
            revision=int(revision) if revision is not None else None,
            before=before,
            limit=page.limit + 1,
        )
    )
    items, after = page_of(rows, page, lambda row: (row.id,))
    return JSONResponse({"items": [_shown(row) for row in items], "next": after})


async def read(request: Request) -> Response:
    """Read one, with every node's turn."""
    return JSONResponse(_whole(request, await _rollout(request)))


async def pause(request: Request) -> Response:
    """Give no more turns till it is resumed; one that is under way ends."""
    await read_nothing(request)
    reason = author_of(request).reason or f"by {author_of(request).actor}"
    return await _done(request, "pause", lambda number: daemon_of(request).rollouts.pause(number, reason))


async def resume(request: Request) -> Response:
    """Go on with one that was paused, or that stopped: first with what failed."""
    await read_nothing(request)
    return await _done(request, "resume", daemon_of(request).rollouts.resume)


async def stop(request: Request) -> Response:
    """Give no more turns; with `roll_back` a new revision takes back what was changed."""
    sent = await read_model(request, StopIn) if await request.body() else StopIn()
    reason = author_of(request).reason or f"by {author_of(request).actor}"

    async def halt(number: int) -> bool:
        return await daemon_of(request).rollouts.halt(number, reason, roll_back=sent.roll_back)

    return await _done(request, "stop", halt)


async def _done(request: Request, word: str, act: Callable[[int], Awaitable[bool]]) -> Response:
    daemon, rollout = daemon_of(request), await _rollout(request)
    await audit(daemon.store, author_of(request), f"rollout.{word}", str(rollout.id))
    if not await act(rollout.id):
        raise Problem(409, "not-open", f"rollout {rollout.id} is {rollout.state}: there is nothing to {word}")
    return JSONResponse(_whole(request, await _rollout(request)))


async def _rollout(request: Request) -> Rollout:
    text = request.path_params["number"]
    if text.isascii() and text.isdecimal() and len(text) <= 15:
        number = int(text)
        found = await daemon_of(request).store.read(lambda session: rollout_rows.one(session, number))
        if found is not None:
            return found
    raise not_found(f"rollout {text!r}")


def _shown(rollout: Rollout) -> dict[str, Any]:
    return {
        "id": rollout.id,
        "revision": rollout.revision,
        "strategy": str(rollout.strategy),
        "state": rollout.state.value,
        "reason": rollout.reason,
        "actor": rollout.actor,
        "created_at": told(rollout.created_at),
        "passed_at": told(rollout.passed_at),
        "ended_at": told(rollout.ended_at),
        "nodes": len(rollout.turns),
        "progress": dict(Counter(turn.state.value for turn in rollout.turns)),
    }


def _whole(request: Request, rollout: Rollout) -> dict[str, Any]:
    waits = daemon_of(request).pusher.hindrance
    return _shown(rollout) | {
        "turns": [
            _turn(turn, waits(turn.node) if turn.state is Turn.WAITING else "") for turn in rollout.turns
        ]
    }


def _turn(turn: NodeTurn, hindrance: str) -> dict[str, Any]:
    return {
        "node": turn.node,
        "state": turn.state.value,
        "touches": turn.touches.to_json(),
        "before": dict(turn.before),
        "reason": turn.reason or hindrance,
        "since": told(turn.since),
    }
