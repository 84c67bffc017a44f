import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import select
from starlette.responses import StreamingResponse
from starlette.routing import Route
from starlette.types import Message

from api.app import operators_routes
from api.auth import Bearer
from controlplane.desired.revisions import Author
from controlplane.store.audit import AuditRow
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
    made = shared.done("POST", "/tokens", {"name": name, "role": "viewer"})
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
    made = shared.done("POST", "/tokens", {"name": "short", "role": "viewer", "expires_at": ends.isoformat()})
    assert status(shared, made["token"]) == 200
    while datetime.now(UTC) < ends:
        pass
    assert status(shared, made["token"]) == 401


@pytest.mark.parametrize(
    "body",
    [
        {"name": None},
        {"name": ""},
        {"name": "a b"},
        {"name": "x" * 65},
        {"role": None},
        {"role": "root"},
        {"expires_at": "2020-01-01T00:00:00Z"},
        {"expires_at": "2030-01-01T00:00:00"},
        {"expires_at": "9999-12-31T23:59:59-23:00"},
        {"networks": ["192.0.2.0/33"]},
        {"networks": ["here"]},
        {"domains": [""]},
        {"domains": ["a\nb"]},
        {"contexts": ["public"]},
        {"role": "admin", "domains": ["acme.example"]},
        {"secret": "x"},
    ],
)
def test_a_token_that_cannot_be_is_refused(shared: Operator, body: dict[str, Any]) -> None:
    [field] = [name for name in body if name != "role" or len(body) == 1]
    whole = {"name": "x", "role": "viewer"} | body
    response = shared("POST", "/tokens", {name: value for name, value in whole.items() if value is not None})
    assert response.status_code == 422
    refusal = response.json()["errors"][0]["field"].partition("[")[0]
    assert refusal == {"contexts": "domains", "domains": "role" if len(body) == 2 else field}.get(
        field, field
    )


def test_a_name_is_given_once(shared: Operator, minted: dict[str, str]) -> None:
    shared.done("DELETE", f"/tokens/{minted['id']}")
    assert shared("POST", "/tokens", {"name": minted["name"], "role": "viewer"}).status_code == 409


def test_an_unknown_token_cannot_be_revoked(shared: Operator) -> None:
    assert shared("DELETE", f"/tokens/{'0' * 12}").status_code == 404


@pytest.mark.parametrize(
    ("networks", "let_in"),
    [
        (["192.0.2.0/24"], True),
        (["2001:db8::/32", "192.0.2.7"], True),
        (["198.51.100.0/24", "2001:db8::/32"], False),
    ],
)
def test_a_token_is_taken_from_its_networks(
    shared: Operator, networks: list[str], let_in: bool, caplog: pytest.LogCaptureFixture
) -> None:
    name = f"from-{len(networks)}-{let_in}"
    made = shared.done("POST", "/tokens", {"name": name, "role": "viewer", "networks": networks})
    assert made["networks"] == networks
    assert status(shared, made["token"]) == (200 if let_in else 401)
    shared.call(shared.daemon.operators.stop)
    [listed] = [each for each in shared.done("GET", "/tokens")["items"] if each["name"] == name]
    assert (listed["last_used_at"] is not None) is let_in
    assert (f"token {name} was shown from 192.0.2.7" in caplog.text) is not let_in
    assert made["token"] not in caplog.text


def test_the_last_use_is_written_once_a_minute(shared: Operator, minted: dict[str, str]) -> None:
    def used() -> Any:
        shared.call(shared.daemon.operators.stop)
        [listed] = [each for each in shared.done("GET", "/tokens")["items"] if each["id"] == minted["id"]]
        return listed["last_used_at"]

    assert used() is None
    status(shared, minted["token"])
    first = used()
    assert first is not None
    status(shared, minted["token"])
    assert used() == first


def test_what_is_done_with_tokens_is_written_down(shared: Operator) -> None:
    asked = {"name": "bound", "role": "operator", "domains": ["acme.example"], "contexts": ["acme"]}
    made = shared.done("POST", "/tokens", asked, X_Reason="for acme")
    shared.done("DELETE", f"/tokens/{made['id']}")
    rows = shared.call(
        shared.daemon.store.read,
        lambda session: session.scalars(select(AuditRow).where(AuditRow.target == made["id"])).all(),
    )
    assert [row.action for row in rows] == ["token.mint", "token.revoke"]
    for row in rows:
        assert (row.actor, row.token, row.source) == ("tester", shared.minted.token.id, "192.0.2.7")
        assert row.request_id
        assert made["token"].partition(".")[2] not in str(row.detail)
    assert rows[0].detail == {**asked, "networks": [], "expires_at": None, "reason": "for acme"}


@pytest.mark.parametrize("lasts", [True, False])
def test_an_answer_that_goes_on_ends_with_its_token(
    shared: Operator, minted: dict[str, str], lasts: bool
) -> None:
    """Else who follows something would be told for as long as he likes."""
    operators = shared.daemon.operators
    told: list[Message] = []

    async def parts() -> AsyncIterator[bytes]:
        yield b"one"
        if not lasts:
            await operators.revoke(minted["id"], Author("tests"))
        yield b"two"
        if not lasts:
            await asyncio.Event().wait()

    async def receive() -> Message:
        if not told:
            return {"type": "http.request", "body": b"", "more_body": False}
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        told.append(message)

    async def run() -> None:
        app = Bearer(StreamingResponse(parts()), operators)
        headers = [(b"authorization", b"Bearer " + minted["token"].encode())]
        scope = {"type": "http", "path": "/api/v1/x", "headers": headers, "client": ("192.0.2.7", 1)}
        await asyncio.wait_for(app(scope, receive, send), 10)

    shared.call(run)
    bodies = [(message["body"], message["more_body"]) for message in told[1:]]
    assert bodies == [(b"one", True), *([(b"two", True)] if lasts else []), (b"", False)]
