"""Jobs: what is done again and again, when it was last done, doing it now, and not on time for a while."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from api.access import operator, viewer
from api.bodies import read_nothing
from api.middle import daemon_of
from api.paths import route
from api.problems import not_found
from api.times import told
from api.writing import author_of
from controlplane.auditing import audit
from controlplane.daemon import Daemon
from controlplane.jobs import JobStatus


def routes() -> list[BaseRoute]:
    """Give the routes of jobs."""
    return [
        route("/jobs", GET=viewer(listed)),
        route("/jobs/{name}/run", POST=operator(run)),
        route("/jobs/{name}/pause", POST=operator(pause)),
        route("/jobs/{name}/resume", POST=operator(resume)),
    ]


async def listed(request: Request) -> Response:
    """List every job with its last run."""
    statuses = await daemon_of(request).jobs.statuses()
    return JSONResponse({"items": [_shown(status) for status in statuses]})


async def run(request: Request) -> Response:
    """Run a job now, or join the run under way; answers when it is done, with what it tells."""
    daemon, name = await _asked(request, "job.run")
    return JSONResponse({"name": name, "detail": dict(await daemon.jobs.run_now(name))})


async def pause(request: Request) -> Response:
    """Run a job on time no more, till it is resumed; it can still be run now. A run under way ends."""
    daemon, name = await _asked(request, "job.pause")
    author = author_of(request)
    await daemon.jobs.pause(name, author.actor, author.reason)
    return await _one(daemon, name)


async def resume(request: Request) -> Response:
    """Run a job on time again."""
    daemon, name = await _asked(request, "job.resume")
    await daemon.jobs.resume(name)
    return await _one(daemon, name)


async def _asked(request: Request, action: str) -> tuple[Daemon, str]:
    """Say of which job it is, once that is written down."""
    await read_nothing(request)
    daemon, name = daemon_of(request), request.path_params["name"]
    if name not in daemon.jobs:
        raise not_found(f"job {name!r}")
    await audit(daemon.store, author_of(request), action, name)
    return daemon, name


async def _one(daemon: Daemon, name: str) -> Response:
    [status] = [each for each in await daemon.jobs.statuses() if each.name == name]
    return JSONResponse(_shown(status))


def _shown(status: JobStatus) -> dict[str, Any]:
    pause = status.pause
    last = {
        "started_at": told(status.last_start),
        "ended_at": told(status.last_end),
        "duration": status.duration,
        "outcome": status.outcome,
        "detail": dict(status.detail),
    }
    return {
        "name": status.name,
        "period": status.period,
        "next_at": told(status.next_run),
        "running": status.running,
        "paused": {"by": pause.actor, "since": told(pause.since), "reason": pause.reason}
        if pause is not None
        else None,
        "last": last if status.last_start is not None else None,
    }
