"""The two applications: what nodes ask, and what operators do. Both stand on one daemon."""

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount, Router
from starlette.types import ASGIApp

from api import health, sections
from api.asked import Asked
from api.auth import Bearer
from api.door import Door
from api.listeners import Address
from api.metrics import Metrics
from api.node_auth import NodeAuth
from api.paths import route
from api.problems import handlers, handling, unavailable
from api.request_ids import RequestIds
from api.resources import (
    actions,
    comparing,
    explain,
    exporting,
    findings,
    importing,
    jobs,
    kit,
    lookups,
    node_actions,
    node_status,
    pushes,
    registrations,
    revisions,
    suspending,
    tokens,
)
from api.resources.acls import ACLS
from api.resources.chatplans import CHATPLANS
from api.resources.contexts import CONTEXTS
from api.resources.documents import DOCUMENTS
from api.resources.domains import DOMAINS
from api.resources.extensions import EXTENSIONS
from api.resources.gateways import GATEWAYS
from api.resources.groups import GROUPS
from api.resources.languages import LANGUAGES
from api.resources.nodes import NODES
from api.resources.profiles import PROFILES
from api.resources.users import USERS
from api.resources.variables import VARIABLES
from api.sources import Networks, Proxied
from api.throttle import Throttle
from api.writing import refusal
from api.xml_curl import XmlCurl
from controlplane.daemon import Daemon
from controlplane.desired.errors import DesiredError
from controlplane.observed.node_status import Proof
from controlplane.store.errors import StoreError
from esl.link import LinkState

RESOURCES = (
    NODES,
    DOMAINS,
    GROUPS,
    USERS,
    PROFILES,
    GATEWAYS,
    ACLS,
    CONTEXTS,
    EXTENSIONS,
    DOCUMENTS,
    LANGUAGES,
    CHATPLANS,
    VARIABLES,
)


def lookups_app(daemon: Daemon, nodes: NodeAuth, asked: Asked) -> ASGIApp:
    """Build what FreeSWITCH asks: `/xml_curl` on the barest path; whole sections and health beside it."""
    settings = daemon.settings.lookups
    door = Door(nodes, Throttle(settings.wrong_at_once, settings.wrong_per_minute))
    beside = Starlette(routes=[*health.routes(), *sections.routes(door)])
    beside.router.redirect_slashes = False  # a redirected lookup loses its parameters
    beside.state.daemon = daemon
    app = XmlCurl(daemon.answers, door, asked, body_limit=settings.body_limit, otherwise=beside)
    return _behind(app, settings.trusted_proxies)


def asked_of(daemon: Daemon) -> Asked:
    """Make what keeps and counts the daemon's lookups."""
    metrics = Metrics()
    cache = daemon.answers.cache
    metrics.gauge("controlplane_answer_cache_bytes", "Bytes of answers kept.", lambda: cache.size)
    metrics.gauge("controlplane_answer_cache_entries", "Answers kept.", lambda: len(cache))

    nodes_told(daemon, metrics)

    def most(name: str) -> int | None:
        node = daemon.desired.catalog.node(name)
        return None if node is None else node.value.response_max_bytes

    kept = daemon.settings.lookups.kept
    asked = Asked(most, metrics, kept=kept, on_refused=daemon.refusals.note)
    metrics.before(asked.settle)
    return asked


def nodes_told(daemon: Daemon, metrics: Metrics) -> None:
    """Have a scrape tell how each node is doing."""
    prover, fleet = daemon.pusher.prover, daemon.fleet

    def names() -> list[str]:
        return [row.value.name for row in daemon.desired.catalog.nodes.values()]

    def connected() -> dict[str, float]:
        links = {name: fleet.link(name) for name in names()}
        return {name: float(link is not None and link.state is LinkState.UP) for name, link in links.items()}

    def proofs() -> dict[str, Proof]:
        found = {name: prover.last(name) for name in names()}
        return {name: proof for name, proof in found.items() if proof is not None}

    metrics.by_node("controlplane_node_connected", "Whether our connection to the node is up.", connected)
    metrics.by_node(
        "controlplane_node_answering",
        "Whether the node could fetch from us when it was asked last.",
        lambda: {name: float(not proof.reason) for name, proof in proofs().items()},
    )
    metrics.by_node(
        "controlplane_node_probe_seconds",
        "How long the node's last successful probe took: to the node, from it to us, and back.",
        lambda: {name: each.round_trip for name, each in proofs().items() if each.round_trip is not None},
    )
    metrics.by_node(
        "controlplane_node_probe_success_timestamp_seconds",
        "When the node's last successful probe was.",
        lambda: {
            name: each.answered_at.timestamp()
            for name, each in proofs().items()
            if each.answered_at is not None
        },
    )


def operators_app(daemon: Daemon, lookups: Address, asked: Asked) -> ASGIApp:
    """Build the operators' API: everything below `/api/` takes a token, health does not.

    `lookups` is where the other listener listens, for what nodes are told to ask. Who may read
    `/metrics` is a setting.
    """
    settings = daemon.settings.operators
    below = Router(operators_routes(), redirect_slashes=False)
    metrics = [] if settings.metrics == "off" else [route("/metrics", GET=asked.metrics.serve)]
    guarded = ("/api/",) if settings.metrics == "open" else ("/api/", "/metrics")
    app = Starlette(
        routes=[*health.routes(), *metrics, Mount("/api/v1", app=below)],
        middleware=[Middleware(Bearer, check=daemon.operators.check, prefixes=guarded)],
        exception_handlers={
            **handlers(),
            DesiredError: handling(refusal),
            StoreError: handling(unavailable),
        },
    )
    app.router.redirect_slashes = False
    app.state.daemon = daemon
    app.state.lookups = lookups
    app.state.asked = asked
    app.state.body_limit = settings.body_limit
    return _behind(RequestIds(app), settings.trusted_proxies)


def _behind(app: ASGIApp, proxies: Sequence[str]) -> ASGIApp:
    return Proxied(app, Networks(proxies)) if proxies else app


def operators_routes() -> list[BaseRoute]:
    """Give every route below `/api/v1`."""
    nouns = [route for resource in RESOURCES for route in kit.routes(resource)]
    rooms = (
        node_status,
        node_actions,
        actions,
        comparing,
        pushes,
        registrations,
        suspending,
        findings,
        jobs,
        explain,
        lookups,
        revisions,
        tokens,
        importing,
        exporting,
    )
    return [*nouns, *(route for room in rooms for route in room.routes())]
