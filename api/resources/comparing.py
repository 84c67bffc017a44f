"""Comparing nodes with what they should run, now: reported, or repaired; and all gateways at a glance."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute

from api.access import operator, viewer
from api.bodies import read_model, validate
from api.middle import daemon_of
from api.paths import route
from api.resources.actions import AT_ONCE, Outcome, results
from api.selection import Selection
from api.times import told
from api.writing import author_of
from controlplane.auditing import audit
from controlplane.daemon import Daemon
from controlplane.observed.drift import of_gateway
from controlplane.observed.errors import ObservedError
from controlplane.observed.live import Facts, Live
from controlplane.observed.values import Seen, Wanted
from controlplane.push.errors import PushError
from controlplane.reconcile import Mode, Subject, Word
from esl.errors import EventSocketError


class ReconcileIn(Selection):
    """The nodes, and what is done about drift; None: as each kind is set. `kinds`: empty for all.

    `allow`: as many gateways of a node may be killed as it takes.
    """

    mode: Annotated[Mode | None, Field(strict=False)] = None
    kinds: list[Annotated[Subject, Field(strict=False)]] = Field(default_factory=list)
    allow: bool = False


def routes() -> list[BaseRoute]:
    """Give the routes."""
    return [
        route("/reconcile", POST=operator(reconcile)),
        route("/gateway-states", GET=viewer(gateway_states)),
    ]


async def reconcile(request: Request) -> Response:
    """Compare the chosen nodes; a line for each as it is done, as for actions.

    `{"node", "ok": true, "drift": [{"kind", "name", "reason"}], "pushed", "guarded", "would"}`, where
    `pushed` says that repairs are under way, `guarded` that gateways wait for `allow`, and `would` what
    repairs would send (`dry-run`): by kind, as a node's plan. `{"node", "ok": false, "error"}` when the
    node could not be read.
    """
    sent = await read_model(request, ReconcileIn)
    daemon = daemon_of(request)
    nodes = sent.chosen(daemon.desired.catalog)
    subjects = tuple(sent.kinds) or tuple(Subject)
    detail = {
        "nodes": nodes,
        "mode": sent.mode.value if sent.mode is not None else "as set",
        "kinds": [subject.value for subject in subjects],
        "allow": sent.allow,
    }
    await audit(daemon.store, author_of(request), "reconcile", detail=detail)

    word = Word(sent.mode, sent.allow)

    async def compare(node: str) -> Outcome:
        for compared in await daemon.reconciler.run([node], subjects=subjects, word=word):
            if compared.error:
                return {"ok": False, "error": compared.error}
            drift = [
                {"kind": each.kind.value, "name": each.name, "reason": each.reason} for each in compared.drift
            ]
            would = {subject.value: plan.described() for subject, plan in compared.plans.items()}
            told = {"pushed": compared.pushed, "guarded": compared.guarded, "would": would}
            return {"ok": True, "drift": drift, **told}
        return {"ok": False, "error": "nothing is compared: every kind is off, or the node is no more"}

    return StreamingResponse(results(nodes, compare), media_type="application/x-ndjson")


async def gateway_states(request: Request) -> Response:
    """Ask the nodes for all their gateways: each by node, with its state and how it differs.

    `?node=` and `?group=` narrow, and may be given several times. Nodes that cannot be read stand in
    `nodes` with the error. A `state` of null means that the node does not run the gateway; `since` is
    when it last changed, as far as we were connected then.
    """
    daemon = daemon_of(request)
    chosen = {"nodes": request.query_params.getlist("node"), "groups": request.query_params.getlist("group")}
    selection = validate(Selection, chosen if any(chosen.values()) else {"all": True})
    nodes = selection.those(daemon.desired.catalog)
    turns = asyncio.Semaphore(AT_ONCE)
    looks = await asyncio.gather(*(_look(daemon, node, turns) for node in nodes))
    read = {node: look for node, look in zip(nodes, looks, strict=True) if not isinstance(look, str)}
    asked = [
        {"node": node, "error": look if isinstance(look, str) else None}
        for node, look in zip(nodes, looks, strict=True)
    ]
    return JSONResponse({"nodes": asked, "gateways": _matrix(daemon.live, read)})


async def _look(daemon: Daemon, node: str, turns: asyncio.Semaphore) -> tuple[Wanted, Seen] | str:
    try:
        async with turns, asyncio.timeout(daemon.reconciler.policy.deadline):
            return await daemon.reconciler.look(node)
    except (EventSocketError, ObservedError, PushError, TimeoutError) as error:
        return str(error) or "did not answer in time"


def _matrix(live: Live, read: Mapping[str, tuple[Wanted, Seen]]) -> Sequence[Mapping[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for node, (wanted, seen) in read.items():
        for name in wanted.gateways.keys() | seen.gateways.keys():
            found.setdefault(name, {})[node] = _cell(live.of(node), wanted, seen, name)
    return [{"name": name, "nodes": found[name]} for name in sorted(found)]


def _cell(facts: Facts, wanted: Wanted, seen: Seen, name: str) -> dict[str, Any]:
    should, runs = wanted.gateways.get(name), seen.gateways.get(name)
    differs = of_gateway(should, runs)
    heard = facts.gateways.get(name)
    known = runs is not None and heard is not None and heard.state == runs.state
    profile = runs.profile if runs is not None else should.profile if should is not None else None
    return {
        "profile": profile,
        "state": runs.state if runs is not None else None,
        "up": runs.up if runs is not None else False,
        "since": told(heard.since) if heard is not None and known else None,
        "desired": should is not None,
        "ours": runs is not None and runs.fingerprint is not None,
        "drift": differs.reason if differs is not None else None,
    }
