import pytest
from starlette.testclient import TestClient

from api.app import lookups_app
from api.node_auth import NodeAuth
from tests.answers import switch_model
from tests.api.living import Operator

PATH = "/export/fs1/dialplan.xml"


@pytest.fixture
def node(operator: Operator) -> TestClient:
    """What nodes ask, with two of them known; asks as fs1."""
    for name in ("fs1", "fs2"):
        body = {
            "host": "127.0.0.1",
            "port": 1,
            "event_socket_password": "esl",
            "lookup_passwords": [f"pw-{name}"],
        }
        operator.done("PUT", f"/nodes/{name}", body)
    operator.done("PUT", "/contexts/public", {})

    async def auth() -> NodeAuth:
        nodes = NodeAuth.over(operator.daemon.store, operator.daemon.vault)
        operator.daemon.desired.listen(nodes.changed)
        await nodes.start(operator.daemon.desired.catalog)
        return nodes

    client = TestClient(lookups_app(operator.daemon, operator.call(auth)))
    client.portal = operator.client.portal
    client.auth = ("fs1", "pw-fs1")
    return client


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
    assert response.headers["www-authenticate"].startswith("Basic ")


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
