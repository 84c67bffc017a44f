"""Who may come to which route, and what a tenant finds there: walked over every route that there is."""

import json
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from sqlmodel import select
from starlette.routing import Route

from api.app import RESOURCES, operators_routes
from api.paths import AccessRoute
from api.resources import kit
from controlplane.desired.revisions import Author
from controlplane.store.audit import AuditRow
from controlplane.tenants import Role, Tenant
from controlplane.tokens import Grant, Minted
from tests.api.examples import EXAMPLES, MARKERS
from tests.api.living import Operator

ACCESS_ROUTES = [route for route in operators_routes() if isinstance(route, AccessRoute)]
EACH = [(method, route) for route in ACCESS_ROUTES for method in route.accesses]
IDS = [f"{method} {route.path}" for method, route in EACH]

OWN = {
    "/domains": ("GET",),
    "/domains/{name}": ("GET", "PUT"),
    "/domains/{parent}/groups": ("GET", "POST"),
    "/domains/{parent}/groups/{name:path}": ("GET", "PUT", "DELETE"),
    "/domains/{parent}/users": ("GET", "POST"),
    "/domains/{parent}/users/{name:path}": ("GET", "PUT", "DELETE"),
    "/contexts": ("GET",),
    "/contexts/{name}": ("GET", "PUT"),
    "/contexts/{parent}/extensions": ("GET", "POST"),
    "/contexts/{parent}/extensions/{name:path}": ("GET", "PUT", "DELETE"),
}
MINE = Tenant(("mine.example",), ("mine",))

# What stands and is not the tenant's, for each parameter of a path by the path up to it.
THERE = {
    "/nodes/": "fs1",
    "/domains/": "acme.example",
    "/domains/acme.example/groups/": "sales",
    "/domains/acme.example/users/": "1000",
    "/profiles/": "external",
    "/gateways/": "carrier",
    "/acls/": "trusted",
    "/contexts/": "public",
    "/contexts/public/extensions/": "echo",
    "/documents/": "conference.conf",
    "/languages/": "en",
    "/chatplans/": "default",
    "/variables/": "outbound_password",
    "/pushes/": "1",
    "/rollouts/": "1",
    "/lookups/": "1",
    "/jobs/": "audit",
    "/revisions/": "1",
    "/tokens/": "0" * 12,
}
ABSENT = "8"
"""What is named nowhere; it may stand for a number, too."""


def there(path: str) -> str:
    """Fill a route's parameters with what stands and is another's."""
    said = ""
    for part in path.split("/")[1:]:
        said += f"/{THERE[f'{said}/'] if part.startswith('{') else part}"
    return said


def absent(path: str) -> str:
    """Fill them with what is nowhere."""
    return "".join(f"/{ABSENT * 9 if part.startswith('{') else part}" for part in path.split("/")[1:])


@dataclass(frozen=True)
class House:
    """A daemon in which much stands, and a token of each kind."""

    operator: Operator
    roles: dict[Role, Minted]
    tenants: dict[Role, Minted]

    def ask(self, minted: Minted, method: str, path: str, **more: Any) -> httpx2.Response:
        """Send a request with a token."""
        headers = {"authorization": f"Bearer {minted.text}", **more.pop("headers", {})}
        return self.operator.client.request(method, f"/api/v1{path}", headers=headers, **more)

    @property
    def revision(self) -> int:
        return self.operator.daemon.desired.catalog.revision


@pytest.fixture(scope="module")
def house(shared: Operator) -> House:
    for example in EXAMPLES:
        shared.done("PUT", example.path, example.body)
    shared.done("PUT", "/domains/mine.example", {"variables": {"user_context": "mine"}})
    shared.done("PUT", "/domains/mine.example/users/2000", {"params": {"password": "marker-own"}})
    shared.done("PUT", "/contexts/mine", {})

    def minted(grant: Grant) -> Minted:
        made: Minted = shared.call(shared.daemon.operators.mint, grant, Author("tests"))
        return made

    return House(
        shared,
        {role: minted(Grant(f"{role}-of-all", role)) for role in Role},
        {role: minted(Grant(f"{role}-of-one", role, MINE)) for role in (Role.VIEWER, Role.OPERATOR)},
    )


def test_every_route_says_who_may_come() -> None:
    routes = operators_routes()
    assert len(ACCESS_ROUTES) == len(routes)
    assert all(access.least is not None for route in ACCESS_ROUTES for access in route.accesses.values())
    for route in ACCESS_ROUTES:
        assert route.methods == {*route.accesses, *(["HEAD"] if "GET" in route.accesses else [])}


def test_tenants_may_come_to_these_routes_alone() -> None:
    """Whoever lets them come to another says so here."""
    found = {
        route.path: tuple(method for method, access in route.accesses.items() if access.tenants)
        for route in ACCESS_ROUTES
    }
    assert {path: methods for path, methods in found.items() if methods} == OWN
    assert not any(
        access.tenants
        for route in ACCESS_ROUTES
        for access in route.accesses.values()
        if access.least == Role.ADMIN
    )


@pytest.mark.parametrize(("method", "route"), EACH, ids=IDS)
def test_a_role_does_what_is_its_own(house: House, method: str, route: AccessRoute) -> None:
    least = route.accesses[method].least
    assert least is not None
    before = house.revision
    for role, minted in house.roles.items():
        # No JSON: who may come is said before it is read, and nothing is done by those who may.
        response = house.ask(minted, method, absent(route.path), content=b"{")
        if role.includes(least):
            assert response.status_code not in (401, 403, 405), response.text
            assert "no such path" not in response.text
        else:
            assert response.status_code == 403
            assert f"needs the role {least}" in response.json()["detail"]
    assert house.revision == before


def told(response: httpx2.Response, filled: str) -> Any:
    """Give what an answer tells, without the request's id, and without the names that were asked for."""
    body = response.json()
    del body["request_id"]
    text = json.dumps(body)
    for name in filled.split("/"):
        if name not in ("domains", "users", "groups", "contexts", "extensions", ""):
            text = text.replace(name, "NAME")
    return response.status_code, text


def bodies(path: str, method: str) -> Any:
    """Give what could be written there, were it one's own."""
    found = {each.path: each for each in EXAMPLES}
    if method == "PUT":
        return found[path].other
    if method == "POST":
        return next(
            (each.body | {"name": "new"} for each in EXAMPLES if each.collection == path),
            {"nodes": ["fs1"], "name": "new", "role": "viewer"},
        )
    return None


@pytest.mark.parametrize(("method", "route"), EACH, ids=IDS)
def test_to_a_tenant_what_is_not_his_is_not_there(house: House, method: str, route: AccessRoute) -> None:
    foreign, nowhere = there(route.path), absent(route.path)
    body = bodies(foreign, method)
    before = house.revision
    acts = audited(house)
    for role, minted in house.tenants.items():
        response = house.ask(minted, method, foreign, json=body)
        access, text = route.accesses[method], response.text
        assert not any(marker in text for marker in MARKERS)
        if route.path not in OWN:
            assert told(response, "") == told(house.ask(minted, method, "/no/such/path"), "")
            assert house.ask(minted, "PATCH", foreign).status_code == 404
        elif not role.includes(access.least or Role.ADMIN):
            assert response.status_code == 403
        elif not access.tenants:
            assert response.status_code == 403
            assert "bound to domains" in response.json()["detail"]
        elif "{" not in route.path:
            [name] = [*MINE.domains] if foreign == "/domains" else [*MINE.contexts]
            assert [each["name"] for each in response.json()["items"]] == [name]
            assert response.json()["next"] is None
        else:
            assert response.status_code == 404
            same = house.ask(minted, method, nowhere, json=body)
            assert told(response, foreign) == told(same, nowhere)
    assert house.revision == before
    assert audited(house) == acts


def test_what_is_measured_of_the_fleet_is_not_for_tenants(house: House) -> None:
    for minted, status in ((house.tenants[Role.VIEWER], 404), (house.roles[Role.VIEWER], 200)):
        headers = {"authorization": f"Bearer {minted.text}"}
        assert house.operator.client.get("/metrics", headers=headers).status_code == status


def audited(house: House) -> int:
    rows = house.operator.call(
        house.operator.daemon.store.read, lambda session: len(session.scalars(select(AuditRow.id)).all())
    )
    return int(rows)


def test_the_walk_knows_what_stands(house: House) -> None:
    """Else what is nowhere would be asked for, and prove nothing."""
    whole = house.roles[Role.ADMIN]
    for resource in RESOURCES:
        for route in kit.routes(resource):
            assert isinstance(route, Route)
            assert house.ask(whole, "GET", there(route.path)).status_code == 200
    assert set(OWN) <= {route.path for route in ACCESS_ROUTES}
