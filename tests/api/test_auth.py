from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from starlette.routing import Route

from api.app import operators_routes
from tests.api.living import Operator

ROUTES = [
    (method, route.path.replace("{name:path}", "x").replace("{parent}", "x"))
    for route in operators_routes()
    if isinstance(route, Route)
    for method in sorted(route.methods or ())
    if method != "HEAD"
]


def refused(operator: Operator, method: str, path: str, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    response = operator.client.request(method, f"/api/v1{path}", headers=headers, content=b"{")
    assert response.status_code == 401, (method, path)
    assert response.headers["www-authenticate"].startswith('Bearer realm="operators"')
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["type"].endswith(":unauthorized")
    assert response.json()["request_id"] == response.headers["x-request-id"]


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_every_route_wants_a_token(shared: Operator, method: str, path: str) -> None:
    good = shared.minted.text
    for bad in (
        None,
        "",
        "Bearer",
        "Bearer ",
        "Basic dGVzdGVyOng=",
        f"Token {good}",
        good,
        f"Bearer {good}x",
        f"Bearer {good[:-1]}",
        f"Bearer cp_{'0' * 12}.{good.partition('.')[2]}",
        f"Bearer {good.partition('.')[0]}.{'A' * 43}",
        "Bearer " + "x" * 5000,
    ):
        refused(shared, method, path, bad)


def test_what_exists_is_told_to_operators_only(shared: Operator) -> None:
    assert shared("GET", "/no/such/path").status_code == 404
    refused(shared, "GET", "/no/such/path", None)


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_health_is_open(shared: Operator, path: str) -> None:
    response = shared.client.get(path)
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"


@pytest.fixture
def minted(shared: Operator) -> Iterator[dict[str, str]]:
    name = f"robot-{datetime.now(UTC).timestamp()}"
    made = shared.done("POST", "/tokens", {"name": name})
    yield made
    shared("DELETE", f"/tokens/{made['id']}")


def status(operator: Operator, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return int(operator.client.get("/api/v1/nodes", headers=headers).status_code)


def test_a_token_is_shown_once_and_opens_until_revoked(shared: Operator, minted: dict[str, str]) -> None:
    assert status(shared, minted["token"]) == 200
    listed = shared("GET", "/tokens")
    assert minted["token"].partition(".")[2] not in listed.text
    assert minted["id"] in [token["id"] for token in listed.json()["items"]]
    revoked = shared.done("DELETE", f"/tokens/{minted['id']}")
    assert revoked["revoked_at"] is not None
    assert status(shared, minted["token"]) == 401


def test_a_token_that_ends_opens_no_more(shared: Operator) -> None:
    ends = datetime.now(UTC) + timedelta(seconds=0.3)
    made = shared.done("POST", "/tokens", {"name": "short", "expires_at": ends.isoformat()})
    assert status(shared, made["token"]) == 200
    while datetime.now(UTC) < ends:
        pass
    assert status(shared, made["token"]) == 401


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": "a b"},
        {"name": "x" * 65},
        {"name": "x", "expires_at": "2020-01-01T00:00:00Z"},
        {"name": "x", "expires_at": "2030-01-01T00:00:00"},
        {"name": "x", "expires_at": "9999-12-31T23:59:59-23:00"},
        {"name": "x", "role": "admin"},
    ],
)
def test_a_token_that_cannot_be_is_refused(shared: Operator, body: dict[str, str]) -> None:
    assert shared("POST", "/tokens", body).status_code == 422


def test_a_name_is_given_once(shared: Operator, minted: dict[str, str]) -> None:
    shared.done("DELETE", f"/tokens/{minted['id']}")
    assert shared("POST", "/tokens", {"name": minted["name"]}).status_code == 409


def test_an_unknown_token_cannot_be_revoked(shared: Operator) -> None:
    assert shared("DELETE", f"/tokens/{'0' * 12}").status_code == 404
