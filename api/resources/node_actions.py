"""What is done with a node: its files, its lookup passwords, adopting it and letting it go."""

import asyncio
from ipaddress import ip_address
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from api import preconditions
from api.access import operator
from api.bodies import read_nothing
from api.middle import daemon_of
from api.node_files import address_towards, event_socket, listen_address, modules, xml_curl
from api.paths import route
from api.preconditions import etag
from api.problems import Problem, not_found
from api.resources.kit import shown
from api.resources.nodes import new_password
from api.writing import author_of, consequences, write
from controlplane.auditing import audit
from controlplane.daemon import Daemon
from controlplane.desired.codec import fields_to_json, text_to_json
from controlplane.desired.revisions import Put
from controlplane.desired.values import Node, NodeMode, SecretRef, Stored, Text

_SECRET = {"Cache-Control": "no-store"}


def routes() -> list[BaseRoute]:
    """Give the routes below a node."""
    return [
        route("/nodes/{name}/config", GET=operator(config)),
        route("/nodes/{name}/adopt", POST=operator(adopt)),
        route("/nodes/{name}/observe", POST=operator(observe)),
        route("/nodes/{name}/lookup-passwords", POST=operator(renew), DELETE=operator(retire)),
    ]


async def config(request: Request) -> Response:
    """Give the files that the node needs on its disk; they hold its passwords, so it is audited."""
    daemon, node = daemon_of(request), _node(request).value
    await audit(daemon.store, author_of(request), "node.config", node.name)
    password = node.lookup_passwords[0]
    opened = await _opened(daemon, {password, node.event_socket_password})
    link = daemon.fleet.link(node.name)
    address = link.own_address if link is not None else None
    if address is None:
        try:
            address = await asyncio.to_thread(address_towards, node.host, node.port)
        except OSError as error:
            raise Problem(409, "unreachable", f"there is no way to {node.host}: {error}") from None
    url = _lookup_url(request, address)
    lookups = daemon.settings.lookups
    files = {
        "xml_curl.conf.xml": xml_curl(
            [each for each in (url, lookups.second_url) if each],
            node,
            password=opened[password],
            timeout=lookups.timeout,
            ca_file=lookups.ca_file,
        ),
        "event_socket.conf.xml": event_socket(
            listen=listen_address(node.host, address),
            port=node.port,
            # It lets in beside the users, and without one the default would (mod_event_socket.c:2925).
            password=opened[node.event_socket_password] if node.event_socket_user is None else new_password(),
            from_address=address,
        ),
        "modules.conf.xml": modules(),
    }
    body = {
        "node": node.name,
        "lookup_url": url,
        "lookup_password": opened[password],
        "files": files,
    }
    return JSONResponse(body, headers=_SECRET)


async def adopt(request: Request) -> Response:
    """Manage the node from now on: it is compared and put right, and changes are pushed to it."""
    return await _set_mode(request, NodeMode.MANAGED)


async def observe(request: Request) -> Response:
    """Send the node nothing any more; its lookups are still answered."""
    return await _set_mode(request, NodeMode.OBSERVING)


async def renew(request: Request) -> Response:
    """Make a new lookup password; the one so far stays valid beside it till it is retired."""
    await read_nothing(request)
    stands = _node(request)
    kept = text_to_json(stands.value.lookup_passwords[0])
    return await _rewrite(request, stands, lookup_passwords=[new_password(), kept])


async def retire(request: Request) -> Response:
    """Let only the newest lookup password stand, once the node uses it."""
    stands = _node(request)
    newest = text_to_json(stands.value.lookup_passwords[0])
    return await _rewrite(request, stands, lookup_passwords=[newest])


async def _set_mode(request: Request, mode: NodeMode) -> Response:
    await read_nothing(request)
    return await _rewrite(request, _node(request), mode=mode.value)


async def _rewrite(request: Request, stands: Stored[Node], **fields: Any) -> Response:
    """Write the node with some fields changed, provided that nobody else does meanwhile."""
    condition = preconditions.read(request)
    version = condition.version if condition.version is not None else stands.version
    spec = fields_to_json(stands.value) | fields
    revision = await write(request, [Put(stands.value.key, spec, version, create=False)])
    after = _node(request)
    told = shown(after) | consequences(revision, after.revision)
    return JSONResponse(told, headers={"ETag": etag(after.version)})


def _node(request: Request) -> Stored[Node]:
    name = request.path_params["name"]
    found = daemon_of(request).desired.catalog.node(name)
    if found is None:
        raise not_found(f"node {name!r}")
    return found


async def _opened(daemon: Daemon, texts: set[Text]) -> dict[Text, str]:
    refs = {text for text in texts if isinstance(text, SecretRef)}
    opened = await daemon.opened(refs)
    return {text: opened[text] if isinstance(text, SecretRef) else text for text in texts}


def _lookup_url(request: Request, own_address: str) -> str:
    """Say where the node reaches our lookups: as configured, or at the address it sees us at."""
    settings = daemon_of(request).settings.lookups
    if settings.public_url:
        return settings.public_url
    listens = request.app.state.lookups
    try:
        everywhere = ip_address(listens.host).is_unspecified
    except ValueError:
        everywhere = False
    return f"{listens.at(own_address if everywhere else listens.host).url}/xml_curl"
