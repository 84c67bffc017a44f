"""The fields that say who may ask in a node's name, over the operators' API."""

from typing import Any

import pytest

from tests.api.living import Operator

NODE = {"host": "127.0.0.1", "port": 1, "event_socket_password": "x"}
ALL = ["basic", "digest-sha-256", "digest-md5"]
ASKING = {
    "lookup_schemes": ["digest-sha-256"],
    "lookup_networks": ["192.0.2.0/24", "2001:db8::/32"],
    "lookup_certificate": "CN=fs1.example,O=Acme\\, Inc.",
    "event_socket_user": "control@ops.example",
}


def test_a_new_node_may_ask_by_every_scheme_from_anywhere(operator: Operator) -> None:
    node = operator.done("PUT", "/nodes/fs1", NODE)
    assert node["lookup_schemes"] == ALL
    assert (node["lookup_networks"], node["lookup_certificate"]) == ([], None)
    assert node["response_max_bytes"] == 1 << 20


def test_what_is_left_out_is_not_lifted(operator: Operator) -> None:
    operator.done("PUT", "/nodes/fs1", NODE | ASKING)
    node = operator.done("PUT", "/nodes/fs1", NODE | {"port": 2})
    assert {name: node[name] for name in ASKING} == ASKING
    node = operator.done(
        "PUT",
        "/nodes/fs1",
        NODE
        | {
            "lookup_networks": [],
            "lookup_certificate": None,
            "lookup_schemes": ALL,
            "event_socket_user": None,
        },
    )
    assert (node["lookup_networks"], node["lookup_certificate"]) == ([], None)
    assert node["event_socket_user"] is None


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"lookup_schemes": []}, "lookup_schemes"),
        ({"lookup_schemes": ["basic", "basic"]}, "lookup_schemes"),
        ({"lookup_schemes": ["ntlm"]}, "lookup_schemes[0]"),
        ({"lookup_networks": ["192.0.2.0"]}, "lookup_networks[0]"),
        ({"lookup_certificate": "fs1"}, "lookup_certificate"),
        ({"lookup_certificate": ""}, "lookup_certificate"),
        ({"lookup_certificate": "cn=fs1"}, "lookup_certificate"),
        ({"response_max_bytes": 1}, "response_max_bytes"),
        *(
            ({"event_socket_user": who}, "event_socket_user")
            for who in ("control", "", "a@b@c", "a:b@c", "a@b c")
        ),
    ],
)
def test_what_is_refused(operator: Operator, fields: dict[str, Any], field: str) -> None:
    response = operator("PUT", "/nodes/fs1", NODE | fields)
    assert response.status_code == 422, response.text
    assert response.json()["errors"][0]["field"] == field


def test_a_certificate_is_of_one_node(operator: Operator) -> None:
    operator.done("PUT", "/nodes/fs1", NODE | {"lookup_schemes": [], "lookup_certificate": "CN=fs"})
    response = operator("PUT", "/nodes/fs2", NODE | {"lookup_certificate": "CN=fs"})
    assert response.status_code == 422
    assert response.json()["errors"][0]["reason"] == "is that of node fs1"


def document(length: int) -> dict[str, str]:
    return {"xml": f'<configuration name="big.conf"><param name="a" value="{"x" * length}"/></configuration>'}


def test_a_document_that_the_node_would_throw_away_is_refused(operator: Operator) -> None:
    operator.done("PUT", "/nodes/fs1", NODE | {"response_max_bytes": 65536})
    operator.done("PUT", "/documents/big.conf?scope=node:fs1", document(60_000))
    response = operator("PUT", "/documents/big.conf?scope=node:fs1", document(65_500))
    assert response.status_code == 422
    assert "fs1 takes 65536 at most" in response.json()["errors"][0]["reason"]
    operator.done("PUT", "/nodes/fs1", NODE | {"response_max_bytes": 1 << 20})
    operator.done("PUT", "/documents/big.conf?scope=node:fs1", document(65_500))
    response = operator("PUT", "/nodes/fs1", NODE | {"response_max_bytes": 65536})
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == "response_max_bytes"


def test_an_extension_that_the_node_would_throw_away_is_refused(operator: Operator) -> None:
    operator.done("PUT", "/nodes/fs1", NODE | {"response_max_bytes": 65536})
    operator.done("PUT", "/contexts/public", {})
    action = f'<action application="log" data="{"x" * 65_300}"/>'
    xml = f'<extension name="big"><condition>{action}</condition></extension>'
    response = operator("PUT", "/contexts/public/extensions/big", {"position": 1, "xml": xml})
    assert response.status_code == 422
