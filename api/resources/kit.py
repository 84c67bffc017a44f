"""The routes that every noun has, from its description: list, create, read, replace, delete."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from api import preconditions
from api.access import operator, viewer
from api.auth import operator_of
from api.bodies import read_model
from api.middle import daemon_of
from api.paths import route
from api.preconditions import Precondition, etag
from api.problems import FieldProblem, Problem, invalid, not_found
from api.resources import finding
from api.resources.finding import Where
from api.resources.shapes import ResourceIn
from api.writing import consequences, write
from controlplane.desired import codec
from controlplane.desired.errors import AlreadyExists
from controlplane.desired.revisions import Delete, Put, Revision
from controlplane.desired.values import Key, Noun, Stored

Prepare = Callable[[dict[str, Any], Stored[Any] | None], dict[str, Any]]
"""Completes the fields that were sent, before they are written; is given the row that stands, if any."""

Show = Callable[[Request, Stored[Any]], dict[str, Any]]
"""Gives what a read tells beside the noun's own fields."""


@dataclass(frozen=True, slots=True)
class Resource:
    """A noun as the API shows it.

    `plural` is its segment of the path. `parent` is the noun it stands under (a user under
    his domain), whose plural and name then come before it in the path.
    """

    noun: Noun
    plural: str
    model: type[ResourceIn]
    parent: Noun | None = None
    prepare: Prepare | None = None
    show: Show | None = None


_PARENTS = {Noun.DOMAIN: "domains", Noun.CONTEXT: "contexts"}


def routes(resource: Resource) -> list[BaseRoute]:
    """Give the routes of a noun: its collection and its items."""
    above = f"/{_PARENTS[resource.parent]}/{{parent}}" if resource.parent else ""
    collection = f"{above}/{resource.plural}"
    # Nothing stands below these, so that their names may hold a slash.
    item = f"{collection}/{{name:path}}" if resource.parent else f"{collection}/{{name}}"
    shelf = Shelf(resource)
    below = resource.parent is not None
    # Which domains and contexts there are, and for which nodes, is not for tenants to say.
    own = below or resource.noun in _PARENTS
    return [
        route(
            collection,
            GET=viewer(shelf.listed, tenants=own),
            POST=operator(shelf.create, tenants=below),
        ),
        route(
            item,
            GET=viewer(shelf.read, tenants=own),
            PUT=operator(shelf.replace, tenants=own),
            DELETE=operator(shelf.delete, tenants=below),
        ),
    ]


def shown(stored: Stored[Any]) -> dict[str, Any]:
    """Write a row as JSON: its fields, secrets by reference, its version and its last revision."""
    return {**codec.to_json(stored.value), "version": stored.version, "revision": stored.revision}


class Shelf:
    """Serves one noun."""

    def __init__(self, resource: Resource) -> None:
        self._resource = resource

    async def listed(self, request: Request) -> Response:
        """List by name, in pages; `?scope=` narrows."""
        rows, after = await finding.listed(request, self._where(request))
        return JSONResponse({"items": [self._shown(request, row) for row in rows], "next": after})

    async def read(self, request: Request) -> Response:
        """Read one; 304 when the caller holds this version."""
        stored = await finding.one(daemon_of(request), self._where(request))
        headers = {"ETag": etag(stored.version)}
        if preconditions.unchanged(request, stored.version):
            return Response(status_code=304, headers=headers)
        return JSONResponse(self._shown(request, stored), headers=headers)

    async def create(self, request: Request) -> Response:
        """Create one that must not exist yet."""
        sent = await read_model(request, self._resource.model)
        if sent.name is None:
            raise invalid([FieldProblem("name", "required")])
        where = self._where(request, sent)
        key = finding.key(where, finding.parent_of(daemon_of(request), where))
        return await self._put(request, Put(key, self._fields(sent, None), create=True))

    async def replace(self, request: Request) -> Response:
        """Replace one, or create it: `If-Match` and `If-None-Match` say which is meant."""
        condition = preconditions.read(request)
        sent = await read_model(request, self._resource.model)
        if condition == Precondition() and sent.version is not None:
            condition = Precondition(version=sent.version, exists=True)
        name = request.path_params["name"]
        if sent.name not in (None, name):
            raise invalid([FieldProblem("name", f"the path says {name!r}; delete and create to rename")])
        where = self._where(request, sent)
        daemon = daemon_of(request)
        stands = await finding.one_or_none(daemon, where)
        if where.tenant is not None and self._resource.parent is None:
            condition = _standing(where, stands, condition)
        key = finding.key(where, finding.parent_of(daemon, where), stands)
        if self._resource.prepare is not None and condition == Precondition():
            # What was completed from the row must still stand there when it is written.
            condition = Precondition(stands.version if stands else None, exists=stands is not None)
        create = None if condition.exists is None else not condition.exists
        put = Put(key, self._fields(sent, stands), condition.version, create)
        try:
            return await self._put(request, put)
        except AlreadyExists as error:
            # Here it is a precondition (RFC 9110, 13.1.2), not a collision of names.
            raise Problem(412, "exists", str(error)) from error

    async def delete(self, request: Request) -> Response:
        """Delete one, and what stands under it."""
        condition = preconditions.read(request)
        if condition.exists is False:
            raise Problem(400, "bad-request", "If-None-Match means nothing when something is deleted")
        stored = await finding.one(daemon_of(request), self._where(request))
        revision = await write(request, [Delete(stored.value.key, condition.version)])
        return JSONResponse(_led_to(request, revision, daemon_of(request).desired.catalog.revision))

    async def _put(self, request: Request, put: Put) -> Response:
        revision = await write(request, [put])
        key = put.key
        change = next((each for each in revision.changes if each.key == key), None) if revision else None
        if revision is None or change is None or change.after is None or change.after_version is None:
            # Nothing had to change: what stands is what was asked for.
            tenant = operator_of(request).tenant
            where = Where(key.noun, key.name, self._resource.parent, key.parent, key.scope, tenant)
            stored = await finding.one(daemon_of(request), where)
        else:
            # The row as this very commit left it, whatever another one did since.
            stored = Stored(change.row_id, change.after_version, revision.number, change.after)
        headers = {"ETag": etag(stored.version)}
        created = change is not None and change.before is None
        if created:
            headers["Location"] = self._location(key)
        told = self._shown(request, stored) | _led_to(request, revision, stored.revision)
        return JSONResponse(told, status_code=201 if created else 200, headers=headers)

    def _location(self, key: Key) -> str:
        parent = self._resource.parent
        above = f"{_PARENTS[parent]}/{quote(key.parent, safe='')}/" if parent else ""
        path = f"/api/v1/{above}{self._resource.plural}/{quote(key.name, safe='')}"
        return path if key.noun is Noun.NODE else f"{path}?scope={quote(str(key.scope), safe=':')}"

    def _where(self, request: Request, sent: ResourceIn | None = None) -> Where:
        name = request.path_params.get("name", sent.name if sent is not None else "")
        return Where(
            self._resource.noun,
            name or "",
            self._resource.parent,
            request.path_params.get("parent", ""),
            finding.scope_asked(request, sent),
            operator_of(request).tenant,
        )

    def _fields(self, sent: ResourceIn, stands: Stored[Any] | None) -> dict[str, Any]:
        fields = sent.fields()
        return self._resource.prepare(fields, stands) if self._resource.prepare else fields

    def _shown(self, request: Request, stored: Stored[Any]) -> dict[str, Any]:
        more = self._resource.show(request, stored) if self._resource.show else {}
        return shown(stored) | more


def _standing(where: Where, stands: Stored[Any] | None, condition: Precondition) -> Precondition:
    """Let a tenant replace what stands, and make nothing new of it."""
    if stands is None:
        raise not_found(str(where))
    if condition.exists is False:
        raise Problem(412, "exists", f"{stands.value.key} exists already")
    return Precondition(condition.version, exists=True)


def _led_to(request: Request, revision: Revision | None, current: int) -> dict[str, Any]:
    """Tell what a write led to; a tenant is told of no nodes, and of nothing beyond his rows."""
    told = consequences(revision, current)
    if operator_of(request).tenant is None:
        return told
    return {"revision": told["revision"], "changed": told["changed"]}
