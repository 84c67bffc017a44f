"""Jobs: what is done again and again, when it was last done, and doing it now."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from api.bodies import read_nothing
from api.middle import daemon_of
from api.paths import route
from api.problems import not_found
from api.times import told
from api.writing import author_of
from controlplane.auditing import audit
from controlplane.jobs import JobStatus


def routes() -> list[BaseRoute]:
    """Give the routes of jobs."""
    return [route("/jobs", GET=listed), route("/jobs/{name}/run", POST=run)]


async def listed(request: Request) -> Response:
    """List every job with its last run."""
    statuses = await daemon_of(request).jobs.statuses()
    return JSONResponse({"items": [_shown(status) for status in statuses]})


async def run(request: Request) -> Response:
    """Run a job now, or join the run under way; answers when it is done, with what it tells."""
    await read_nothing(request)
    daemon, name = daemon_of(request), request.path_params["name"]
    if name not in daemon.jobs:
        raise not_found(f"job {name!r}")
    await audit(daemon.store, author_of(request), "job.run", name)
    return JSONResponse({"name": name, "detail": dict(await daemon.jobs.run_now(name))})


def _shown(status: JobStatus) -> dict[str, Any]:
    last = {
        "started_at": told(status.last_start),
        "ended_at": told(status.last_end),
        "outcome": status.outcome,
        "detail": dict(status.detail),
    }
    return {
        "name": status.name,
        "period": status.period,
        "next_at": told(status.next_run),
        "last": last if status.last_start is not None else None,
    }
