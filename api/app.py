"""The two applications: what nodes ask, and what operators do. Both stand on one daemon."""

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount, Router
from starlette.types import ASGIApp

from api import health, sections
from api.auth import Bearer
from api.listeners import Address
from api.node_auth import NodeAuth
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
    node_actions,
    node_status,
    pushes,
    revisions,
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
)


def lookups_app(daemon: Daemon, nodes: NodeAuth) -> ASGIApp:
    """Build what FreeSWITCH asks: `/xml_curl` on the barest path, and health beside it."""
    beside = Starlette(routes=[*health.routes(), *sections.routes(nodes)])
    beside.router.redirect_slashes = False  # a redirected lookup loses its parameters
    beside.state.daemon = daemon
    limit = daemon.settings.lookups.body_limit
    return XmlCurl(daemon.answers, nodes, body_limit=limit, otherwise=beside)


def operators_app(daemon: Daemon, lookups: Address) -> ASGIApp:
    """Build the operators' API: everything below `/api/` takes a token, health does not.

    `lookups` is where the other listener listens, for what nodes are told to ask.
    """
    below = Router(operators_routes(), redirect_slashes=False)
    app = Starlette(
        routes=[*health.routes(), Mount("/api/v1", app=below)],
        middleware=[Middleware(Bearer, check=daemon.operators.check)],
        exception_handlers={
            **handlers(),
            DesiredError: handling(refusal),
            StoreError: handling(unavailable),
        },
    )
    app.router.redirect_slashes = False
    app.state.daemon = daemon
    app.state.lookups = lookups
    app.state.body_limit = daemon.settings.operators.body_limit
    return RequestIds(app)


def operators_routes() -> list[BaseRoute]:
    """Give every route below `/api/v1`."""
    nouns = [route for resource in RESOURCES for route in kit.routes(resource)]
    rooms = (
        node_status,
        node_actions,
        actions,
        comparing,
        pushes,
        findings,
        jobs,
        explain,
        revisions,
        tokens,
        importing,
        exporting,
    )
    return [*nouns, *(route for room in rooms for route in room.routes())]
