"""Examining nodes: what is wrong with the way between them and us, and what to change in which file."""

from dataclasses import asdict
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute

from api.access import viewer
from api.bodies import validate
from api.lately import Lately
from api.middle import daemon_of
from api.paths import route
from api.resources.actions import Outcome, results
from api.selection import Selection
from api.writing import author_of
from controlplane.auditing import audit
from controlplane.daemon import Daemon
from controlplane.doctor import Evidence, Verdict, examine, gather


def routes() -> list[BaseRoute]:
    """Give the route."""
    return [route("/doctor", GET=viewer(doctor))]


async def doctor(request: Request) -> Response:
    """Examine the nodes of `?node=` and `?group=`, or all; a line for each as it is done, as for actions.

    `{"node", "ok", "checks": [{"name", "verdict", "said", "change"}]}`: `ok` is false when one of them is
    `wrong`; the others are `ok`, `warning` and `not checked`.
    """
    daemon, told = daemon_of(request), request.query_params
    chosen = {"nodes": told.getlist("node"), "groups": told.getlist("group")}
    selection = validate(Selection, chosen if any(chosen.values()) else {"all": True})
    nodes = selection.those(daemon.desired.catalog)
    await audit(daemon.store, author_of(request), "doctor", detail={"nodes": nodes})
    lately: Lately = request.app.state.lately

    async def one(node: str) -> Outcome:
        checks = examine(await _evidence(daemon, lately, node))
        wrong = any(each.verdict is Verdict.WRONG for each in checks)
        return {"ok": not wrong, "checks": [asdict(each) for each in checks]}

    return StreamingResponse(results(nodes, one), media_type="application/x-ndjson")


async def _evidence(daemon: Daemon, lately: Lately, node: str) -> Evidence:
    began = datetime.now(UTC)
    view = daemon.desired.catalog.view(node)
    beat = daemon.live.of(node).heartbeat

    def refused() -> str:
        refusal = daemon.refusals.last(node)
        return refusal.reason if refusal is not None and refusal.at >= began else ""

    known = Evidence(
        node,
        view.node.value.switchname,
        daemon.fleet.link(node),
        clock_ahead=beat.clock_ahead if beat is not None else None,
        slowest=max((each.took for each in await lately.lookups([node])), default=None),
        owned=frozenset(view.domains),
        max_bytes=view.node.value.response_max_bytes,
    )
    prover = daemon.pusher.prover
    async with daemon.pusher.serial(node):
        return await gather(daemon.fleet, known, prove=prover, last=prover.last, refused=refused)
