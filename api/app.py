"""The two applications: what nodes ask, and what operators do. Both stand on one daemon."""

from collections.abc import Callable, Sequence

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount, Router
from starlette.types import ASGIApp

from api import health, node_gauges, sections
from api.access import anybody, viewer
from api.asked import Asked
from api.auth import Bearer
from api.door import Door
from api.lately import Lately
from api.listeners import Address
from api.metrics import Counts, Metrics
from api.middle import Answerer
from api.node_auth import NodeAuth
from api.paths import route
from api.pipe import PipeClosed
from api.problems import handlers, handling, stopping, unavailable
from api.request_ids import RequestIds
from api.resources import (
    actions,
    comparing,
    doctor,
    explain,
    exporting,
    findings,
    importing,
    jobs,
    kit,
    letting,
    lookups,
    node_actions,
    node_status,
    placing,
    pushes,
    registrations,
    revisions,
    rollouts,
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
from controlplane.store.errors import StoreError

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


def lookups_app(answerer: Answerer, nodes: NodeAuth, asked: Asked) -> ASGIApp:
    """Build what FreeSWITCH asks: `/xml_curl` on the barest path; whole sections and health beside it."""
    settings = answerer.settings.lookups
    door = Door(nodes, Throttle(settings.wrong_at_once, settings.wrong_per_minute))
    beside = Starlette(routes=[*health.routes(), *sections.routes(door)])
    beside.router.redirect_slashes = False  # a redirected lookup loses its parameters
    beside.state.daemon = answerer
    app = XmlCurl(answerer.answers, door, asked, body_limit=settings.body_limit, otherwise=beside)
    return _behind(app, settings.trusted_proxies)


def asked_of(answerer: Answerer, on_refused: Callable[[str | None, str], None]) -> Asked:
    """Make what keeps and counts the lookups that are answered by it."""

    def most(name: str) -> int | None:
        node = answerer.catalog.node(name)
        return None if node is None else node.value.response_max_bytes

    return Asked(most, Counts(), kept=answerer.settings.lookups.kept, on_refused=on_refused)


def operators_app(daemon: Daemon, lookups: Address, lately: Lately, scraped: Metrics) -> ASGIApp:
    """Build the operators' API: everything below `/api/` takes a token, health does not.

    `lookups` is where the other listener listens, for what nodes are told to ask; `lately`: what they
    asked there; `scraped`: what `/metrics` tells. Who may read that is a setting.
    """
    node_gauges.add(scraped, daemon)
    settings = daemon.settings.operators
    below = Router(operators_routes(), redirect_slashes=False)
    opened = settings.metrics == "open"
    scrape = anybody(scraped.serve) if opened else viewer(scraped.serve)
    metrics = [] if settings.metrics == "off" else [route("/metrics", GET=scrape)]
    guarded = ("/api/",) if opened else ("/api/", "/metrics")
    app = Starlette(
        routes=[*health.routes(), *metrics, Mount("/api/v1", app=below)],
        middleware=[Middleware(Bearer, operators=daemon.operators, prefixes=guarded)],
        exception_handlers={
            **handlers(),
            DesiredError: handling(refusal),
            StoreError: handling(unavailable),
            PipeClosed: handling(stopping),
        },
    )
    app.router.redirect_slashes = False
    app.state.daemon = daemon
    app.state.lookups = lookups
    app.state.lately = lately
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
        doctor,
        pushes,
        letting,
        registrations,
        rollouts,
        placing,
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
