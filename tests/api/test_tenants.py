"""What a tenant does with what is his own."""

from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from controlplane.desired.revisions import Author
from controlplane.tenants import Role, Tenant
from controlplane.tokens import Grant
from tests.api.living import Operator

Ask = Callable[..., httpx2.Response]

EXTENSION = (
    '<extension name="all"><condition field="destination_number" expression="^(.*)$">'
    '<action application="bridge" data="user/$1@mine.example"/></condition></extension>'
)


@pytest.fixture
def tenant(operator: Operator) -> Ask:
    """Ask as the tenant of one domain and one context, in a house with a node and another domain."""
    node: dict[str, Any] = {"host": "127.0.0.1", "port": 1, "event_socket_password": "x", "groups": ["eu"]}
    node["response_max_bytes"] = 65536
    operator.done("PUT", "/nodes/fs-hidden", node)
    operator.done("PUT", "/domains/mine.example", {})
    operator.done("PUT", "/contexts/mine", {})
    operator.done("PUT", "/domains/acme.example", {})
    user = {"gateways": [{"name": "carrier", "params": {"username": "u"}}]}
    operator.done("PUT", "/domains/acme.example/users/hidden-user", user)
    grant = Grant("tenant", Role.OPERATOR, Tenant(("mine.example",), ("mine",)))
    minted = operator.call(operator.daemon.operators.mint, grant, Author("tests"))

    def ask(method: str, path: str, body: Any = None, **headers: str) -> httpx2.Response:
        sent = {"authorization": f"Bearer {minted.text}"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return operator.client.request(method, f"/api/v1{path}", json=body, headers=sent)

    return ask


def test_he_writes_what_is_his_and_is_told_of_no_node(operator: Operator, tenant: Ask) -> None:
    for path, body in (
        ("/domains/mine.example", {"variables": {"a": "b"}}),
        ("/domains/mine.example/groups/sales", {}),
        ("/domains/mine.example/users/1000", {"groups": ["sales"], "params": {"password": "secret"}}),
        ("/contexts/mine/extensions/all", {"xml": EXTENSION}),
    ):
        response = tenant("PUT", path, body)
        assert response.is_success, response.text
        told = response.json()
        assert told["changed"]
        assert not told.keys() & {"nodes", "warnings"}
        assert tenant("GET", path).json()["version"] == told["version"]
    revision = operator.done("GET", f"/revisions/{told['revision']}")
    assert revision["actor"] == "tenant"
    assert revision["source"] == "192.0.2.7"
    assert tenant("GET", "/domains/mine.example/users").json()["items"][0]["name"] == "1000"
    gone = tenant("DELETE", "/domains/mine.example/users/1000")
    assert gone.json().keys() == {"revision", "changed"}
    assert tenant("GET", "/domains/mine.example/users/1000").status_code == 404


def test_his_domain_stands_where_the_house_has_put_it(operator: Operator, tenant: Ask) -> None:
    before = operator.daemon.desired.catalog.revision
    for path in ("/domains/mine.example", "/contexts/mine"):
        for scope in ("node:fs-hidden", "node:nowhere", "groups:eu"):
            response = tenant("PUT", f"{path}?scope={scope}", {})
            assert response.status_code == 404
        assert tenant("PUT", path, {}, If_None_Match="*").status_code == 412
        assert tenant("DELETE", path).status_code == 403
    operator.done("DELETE", "/domains/mine.example")
    assert tenant("PUT", "/domains/mine.example", {}).status_code == 404
    assert tenant("PUT", "/domains/mine.example", {}, If_None_Match="*").status_code == 404
    assert tenant("PUT", "/domains/mine.example/users/1000", {}).status_code == 404
    assert operator.daemon.desired.catalog.revision == before + 1


def test_he_is_refused_in_words_that_name_nothing_of_others(operator: Operator, tenant: Ask) -> None:
    user = {"gateways": [{"name": "carrier", "params": {"username": "u"}}]}
    clash = tenant("PUT", "/domains/mine.example/users/1000", user)
    assert clash.status_code == 422
    assert clash.json()["errors"] == [
        {"field": "gateways", "reason": "on some node another gateway carrier would stand beside it"}
    ]
    large = {"variables": {f"v{place}": "x" * 4000 for place in range(30)}}
    heavy = tenant("PUT", "/domains/mine.example", large)
    assert heavy.status_code == 422
    for refused in (clash, heavy):
        assert "hidden" not in refused.text
    assert "fs-hidden" in operator("PUT", "/domains/mine.example/users/1000", user).text


def test_a_secret_of_others_is_no_secret_of_his(operator: Operator, tenant: Ask) -> None:
    made = operator.done("PUT", "/domains/acme.example/users/1", {"params": {"password": "marker"}})
    reference = made["params"][0]["value"]
    assert reference.keys() == {"secret"}
    stolen = tenant("PUT", "/domains/mine.example/users/1", {"params": {"password": reference}})
    assert stolen.status_code == 422


def test_a_context_is_his_when_his_token_names_it(operator: Operator, tenant: Ask) -> None:
    """And not when his domain does: he could write any name there."""
    operator.done("PUT", "/contexts/public", {})
    assert tenant("PUT", "/domains/mine.example", {"variables": {"user_context": "public"}}).is_success
    assert tenant("GET", "/contexts/public").status_code == 404
    assert tenant("PUT", "/contexts/public/extensions/all", {"xml": EXTENSION}).status_code == 404
