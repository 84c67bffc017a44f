import logging
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Receive, Scope, Send

from api.app import lookups_app
from api.node_auth import NodeAuth
from tests.answers import switch_model
from tests.api.living import Operator, living

PATH = "/export/fs1/dialplan.xml"
LOOKUP = "/xml_curl"


class Certified:
    """Passes requests on as if they came over TLS with the certificate of a subject."""

    def __init__(self, app: ASGIApp, subject: str) -> None:
        self._app = app
        self._tls = {"tls": {"client_cert_name": subject}}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app({**scope, "extensions": {**scope.get("extensions", {}), **self._tls}}, receive, send)


def stands(operator: Operator, name: str, **more: Any) -> None:
    body = {"host": "127.0.0.1", "port": 1, "event_socket_password": "esl"}
    operator.done("PUT", f"/nodes/{name}", {**body, "lookup_passwords": [f"pw-{name}"], **more})


def asking(operator: Operator, *, certificate: str | None = None) -> TestClient:
    """What nodes ask, from 192.0.2.1; asks as fs1."""

    async def auth() -> NodeAuth:
        nodes = NodeAuth.over(operator.daemon.store, operator.daemon.vault)
        operator.daemon.desired.listen(nodes.changed)
        await nodes.start(operator.daemon.desired.catalog)
        return nodes

    app = lookups_app(operator.daemon, operator.call(auth), operator.living.asked)
    client = TestClient(Certified(app, certificate) if certificate else app, client=("192.0.2.1", 1))
    client.portal = operator.client.portal
    client.auth = ("fs1", "pw-fs1")
    return client


@pytest.fixture
def node(operator: Operator) -> TestClient:
    """Two nodes, and a context to tell them."""
    stands(operator, "fs1")
    stands(operator, "fs2")
    operator.done("PUT", "/contexts/public", {})
    return asking(operator)


def test_a_section_is_told_whole(node: TestClient) -> None:
    response = node.get(PATH)
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/xml")
    section = switch_model.read(response.content)
    assert (section.name, section.attributes) == ("section", {"name": "dialplan"})
    assert [child.attributes["name"] for child in section.children] == ["public"]


def test_only_the_nodes_own_and_only_with_its_credentials(node: TestClient) -> None:
    assert node.get(PATH, auth=("fs1", "wrong")).status_code == 401
    assert node.get(PATH, auth=("fs2", "pw-fs2")).status_code == 403
    assert node.get("/export/fs2/dialplan.xml", auth=("fs2", "pw-fs2")).status_code == 200
    response = node.get(PATH, headers={"Authorization": "odd"}, auth=("fs3", ""))
    assert response.status_code == 401
    schemes = [each.partition(" ")[0] for each in response.headers.get_list("www-authenticate")]
    assert schemes == ["Digest", "Digest", "Basic"]


def test_a_section_is_told_by_digest(operator: Operator) -> None:
    stands(operator, "fs1", lookup_schemes=["digest-sha-256"])
    node = asking(operator)
    assert node.get(PATH).status_code == 401
    assert node.get(PATH, auth=httpx2.DigestAuth("fs1", "wrong")).status_code == 401
    assert node.get(PATH, auth=httpx2.DigestAuth("fs1", "pw-fs1")).status_code == 200


def test_a_section_is_told_to_the_nodes_networks_alone(
    operator: Operator, caplog: pytest.LogCaptureFixture
) -> None:
    stands(operator, "fs1", lookup_networks=["198.51.100.0/24"])
    node = asking(operator)
    with caplog.at_level(logging.WARNING, "api.sections"):
        assert node.get(PATH).status_code == 403
    assert caplog.messages == ["a section is refused to fs1: not from this network, from 192.0.2.1"]
    stands(operator, "fs1", lookup_networks=["192.0.2.0/24"])
    assert node.get(PATH).status_code == 200


def test_a_section_is_told_to_the_nodes_certificate_alone(operator: Operator) -> None:
    stands(operator, "fs1", lookup_certificate="CN=fs1")
    assert asking(operator).get(PATH).status_code == 403
    assert asking(operator, certificate="CN=fs2").get(PATH).status_code == 403
    assert asking(operator, certificate="CN=fs1").get(PATH).status_code == 200


def test_wrong_credentials_are_throttled_with_those_of_lookups(tmp_path: Path) -> None:
    with living(tmp_path, lookups={"wrong_at_once": 4, "wrong_per_minute": 0.001}) as operator:
        stands(operator, "fs1")
        node, wrong = asking(operator), ("fs1", "wrong")
        said = [node.get(PATH if turn % 2 else LOOKUP, auth=wrong).status_code for turn in range(4)]
        assert said == [401] * 4
        for path in (PATH, LOOKUP):
            response = node.get(path, auth=wrong)
            assert response.status_code == 429
            assert int(response.headers["retry-after"]) > 0
        assert node.get(PATH).status_code == 200


def test_a_section_that_is_none(node: TestClient) -> None:
    assert node.get("/export/fs1/phrases.xml").status_code == 404


def test_who_holds_it_as_it_is_is_told_so(node: TestClient, operator: Operator) -> None:
    tag = node.get(PATH).headers["etag"]
    for held in (tag, f"W/{tag}", f'"other", {tag}'):
        response = node.get(PATH, headers={"If-None-Match": held})
        assert (response.status_code, response.content) == (304, b"")
        assert response.headers["etag"] == tag
    assert node.get(PATH, headers={"If-None-Match": '"other"'}).status_code == 200
    # Another revision, and the same section.
    operator.done("PUT", "/domains/acme.example", {})
    assert node.get(PATH, headers={"If-None-Match": tag}).status_code == 304
    operator.done("PUT", "/contexts/default", {})
    response = node.get(PATH, headers={"If-None-Match": tag})
    assert response.status_code == 200
    assert response.headers["etag"] != tag
