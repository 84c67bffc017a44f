"""Whatever an operator's program sends, on whatever route: never a 500."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.examples import EXAMPLES
from tests.api.living import Operator
from tests.api.test_auth import ROUTES

FIELDS = [
    *sorted({name for example in EXAMPLES for name in (*example.body, *example.other)}),
    "all",
    "domain",
    "everything",
    "expires_at",
    "key_value",
    "lookup_passwords",
    "mode",
    "module",
    "name",
    "node",
    "nodes",
    "scope",
    "section",
    "secret",
    "tag_name",
    "user",
    "value",
    "version",
]
WORDS = st.sampled_from(
    [
        "",
        "fs1",
        "acme.example",
        "global",
        "groups:",
        "node:fs1",
        "1@1",
        "<!",
        "a\nb",
        "\x00",
        "\udfff",
        "𝕏",
        "../x",
        "%00",
        "<extension name='x'/>",
        "<configuration name='a.conf'/>",
        "directory",
        "external",
        "9" * 400,
    ]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.text(max_size=20)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4),
    max_leaves=12,
)
BODIES = st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=6) | VALUES
QUERIES = st.dictionaries(
    st.sampled_from(["limit", "after", "scope", "reason", "node", "state", "section", "user", "colour"]),
    WORDS | st.text(max_size=20),
    max_size=3,
)
NAMES = st.sampled_from(["x", "fs1", "acme.example", "%00", "%ff", "a%2Fb", "-", "1", "%0A", "😀"])


@pytest.fixture(scope="module")
def filled(shared: Operator) -> Operator:
    for example in EXAMPLES:
        shared.done("PUT", example.path, example.body)
    return shared


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_random_json_is_taken_or_refused(filled: Operator, method: str, path: str) -> None:
    @settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(body=BODIES, query=QUERIES, name=NAMES, tag=st.sampled_from([None, "*", '"1"', "x", '""']))
    def send(body: Any, query: dict[str, str], name: str, tag: str | None) -> None:
        filled_in = path.replace("{name}", name).replace("{number}", name).replace("{id}", name)
        headers = {"Authorization": f"Bearer {filled.minted.text}", "Content-Type": "application/json"}
        if tag is not None:
            headers["If-Match"] = tag
        response = filled.client.request(
            method,
            f"/api/v1{filled_in}",
            params={key: text.encode(errors="surrogatepass") for key, text in query.items()},
            content=json.dumps(body).encode(),
            headers=headers,
        )
        assert response.status_code < 500, response.text
        if response.status_code >= 400:
            assert response.headers["content-type"] == "application/problem+json"
            problem = response.json()
            assert problem["status"] == response.status_code
            assert problem["request_id"] == response.headers["x-request-id"]
            assert all(set(error) == {"field", "reason"} for error in problem["errors"])

    send()


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"{}", {"Content-Type": "text/plain"}, 415),
        (b"{}", {}, 415),
        (b"\xff", {"Content-Type": "application/json"}, 400),
        (b"[]", {"Content-Type": "application/json"}, 422),
        (b"null", {"Content-Type": "application/json; charset=utf-8"}, 422),
        (b"[" * 200_000, {"Content-Type": "application/json"}, 422),
        (b'"' + b"x" * (1 << 20) + b'"', {"Content-Type": "application/json"}, 413),
        (b"{}", {"Content-Type": "application/json", "Content-Length": "99999999999"}, 413),
    ],
)
def test_bodies_that_are_none(shared: Operator, content: bytes, headers: dict[str, str], status: int) -> None:
    headers = {"Authorization": f"Bearer {shared.minted.text}", **headers}
    response = shared.client.request("PUT", "/api/v1/domains/x.example", content=content, headers=headers)
    assert response.status_code == status, response.text
    assert response.json()["status"] == status
