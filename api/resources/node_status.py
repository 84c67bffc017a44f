"""How nodes are doing, and what would be done to bring one to where it should be."""

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from api.access import viewer
from api.middle import daemon_of
from api.paths import route
from api.problems import Problem, not_found
from api.times import told
from controlplane.daemon import Daemon
from controlplane.observed.conditions import Condition
from controlplane.observed.errors import ObservedError
from controlplane.observed.live import Heartbeat, LiveGateway, LiveProfile
from controlplane.observed.node_status import NodeStatus, OpenPush
from controlplane.push.errors import PushError, UnknownNode
from esl.errors import EventSocketError
from esl.link import LinkState


def routes() -> list[BaseRoute]:
    """Give the routes of node status."""
    return [
        route("/status", GET=viewer(listed)),
        route("/nodes/{name}/status", GET=viewer(read)),
        route("/nodes/{name}/plan", GET=viewer(plan)),
    ]


async def listed(request: Request) -> Response:
    """Tell how every node is doing, sorted by name; the whole fleet, for it is one small row a node."""
    daemon = daemon_of(request)
    found = await daemon.pusher.statuses()
    # Off the event loop: lookups would wait for it, milliseconds with a hundred nodes.
    return await asyncio.to_thread(
        lambda: JSONResponse({"items": [_shown(daemon, found[name]) for name in sorted(found)]})
    )


async def read(request: Request) -> Response:
    """Tell how one node is doing."""
    daemon = daemon_of(request)
    try:
        status = await daemon.pusher.status(request.path_params["name"])
    except UnknownNode as error:
        raise not_found(f"node {request.path_params['name']!r}") from error
    facts = daemon.live.of(status.node)
    runs = {
        "profiles": [_stands(each) for _, each in sorted(facts.profiles.items())],
        "gateways": [
            {**_stands(each), "profile": each.profile, "up": each.up}
            for _, each in sorted(facts.gateways.items())
        ],
        "modules": sorted(facts.modules) if facts.modules is not None else None,
    }
    return JSONResponse(_shown(daemon, status) | runs)


async def plan(request: Request) -> Response:
    """Say what would be sent to the node to bring it wholly to where it should be; only asks it."""
    name = request.path_params["name"]
    try:
        planned = await daemon_of(request).pusher.plan_for(name)
    except UnknownNode as error:
        raise not_found(f"node {name!r}") from error
    except (EventSocketError, ObservedError, PushError) as error:
        raise Problem(409, "not-readable", f"node {name} cannot be read: {error}") from error
    return JSONResponse({"node": name, **planned.described()})


def _shown(daemon: Daemon, status: NodeStatus) -> dict[str, Any]:
    refusal = daemon.refusals.last(status.node)
    suspension = daemon.pusher.suspended(status.node)
    """Say how a node is doing, but not all that it runs."""
    return {
        "node": status.node,
        "mode": status.mode.value,
        "connected": status.link is LinkState.UP,
        "health": {"status": status.health.value, "why": status.ails},
        "in_sync": status.in_sync,
        "why": status.why,
        "conditions": [_condition(condition) for condition in status.conditions],
        "answered_at": told(status.answered_at),
        "round_trip_ms": round(status.round_trip * 1000, 3) if status.round_trip is not None else None,
        "link": {
            "state": status.link.value,
            "since": told(status.link_since),
            "reason": status.link_reason,
            "core_uuid": status.core_uuid,
            "version": status.version,
            "own_address": status.own_address,
        },
        "revision": status.catalog_revision,
        "desired_revision": status.desired_revision,
        "attempted_revision": status.attempted_revision,
        "applied_revision": status.applied_revision,
        "observed_at": told(status.observed_at),
        "heartbeat": _heartbeat(daemon.live.of(status.node).heartbeat),
        "pushes": [_push(push) for push in status.pushes],
        "held": dict(status.held),
        "withheld": [
            {"rollout": each.rollout, "revision": each.revision, "reason": each.reason}
            for each in status.withheld
        ],
        "findings": status.findings,
        "suspended": {"reason": suspension.reason, "by": suspension.actor, "since": told(suspension.since)}
        if suspension
        else None,
        "lookup_refused": {"at": told(refusal.at), "reason": refusal.reason} if refusal else None,
    }


def _heartbeat(beat: Heartbeat | None) -> dict[str, Any] | None:
    if beat is None:
        return None
    return {
        "at": told(beat.at),
        "uptime_s": beat.uptime,
        "sessions": beat.sessions,
        "max_sessions": beat.max_sessions,
        "sessions_per_second": beat.sessions_per_second,
        "sessions_since_start": beat.sessions_since_start,
        "idle_cpu_percent": beat.idle_cpu,
        "clock_ahead_s": round(beat.clock_ahead, 3),
    }


def _stands(each: LiveProfile | LiveGateway) -> dict[str, Any]:
    return {"name": each.name, "state": each.state, "since": told(each.since)}


def _condition(condition: Condition) -> dict[str, Any]:
    return {
        "name": condition.name.value,
        "status": condition.status,
        "reason": condition.reason,
        "since": told(condition.since),
    }


def _push(push: OpenPush) -> dict[str, Any]:
    return {
        "id": push.id,
        "state": push.state,
        "revision": push.revision,
        "reason": push.reason,
        "attempts": push.attempts,
        "not_before": told(push.not_before),
    }
