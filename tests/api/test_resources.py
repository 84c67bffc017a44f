import json
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest

from tests.api.examples import EXAMPLES, MARKERS, Example
from tests.api.living import Operator


@pytest.fixture
def filled(shared: Operator) -> Operator:
    """Every example stands; what a test before left otherwise is put right."""
    for example in EXAMPLES:
        shared.done("PUT", example.path, example.body)
    return shared


def named(example: Example) -> str:
    return example.path


every_noun = pytest.mark.parametrize("example", EXAMPLES, ids=named)


@every_noun
def test_a_noun_is_created_read_replaced_and_deleted(filled: Operator, example: Example) -> None:
    below = [other.path for other in EXAMPLES if other.path.startswith(f"{example.path}/")]
    users = {
        "/profiles/external": ["/gateways/carrier"],
        "/domains/acme.example": ["/acls/trusted"],
        "/domains/acme.example/groups/sales": ["/domains/acme.example/users/1000"],
    }
    for path in reversed([*below, *users.get(example.path, [])]):
        filled("DELETE", path)
    filled.done("DELETE", example.path)
    assert filled("GET", example.path).status_code == 404

    created = filled("POST", example.collection, {"name": example.name, **example.body})
    assert created.status_code == 201, created.text
    where = created.headers["location"].removeprefix("/api/v1")
    assert where.partition("?")[0] == example.path
    read = filled("GET", where)
    assert read.status_code == 200
    assert read.headers["etag"] == created.headers["etag"]
    shown = read.json()
    assert shown["name"] == example.name
    assert shown == {name: created.json()[name] for name in shown}

    again = filled("PUT", example.path, example.body)
    assert again.status_code == 200
    assert again.json()["changed"] is False
    assert again.headers["etag"] == created.headers["etag"]

    replaced = filled("PUT", example.path, example.other)
    assert replaced.status_code == 200, replaced.text
    if example.other != example.body:
        assert replaced.json()["changed"] is True
        assert replaced.json()["version"] == created.json()["version"] + 1
        assert replaced.json()["revision"] > created.json()["revision"]

    gone = filled.done("DELETE", example.path)
    assert gone["revision"] == filled.daemon.desired.catalog.revision
    assert filled("GET", example.path).status_code == 404
    assert filled("DELETE", example.path).status_code == 404


@every_noun
def test_what_was_read_can_be_written_back(filled: Operator, example: Example) -> None:
    read = filled.done("GET", example.path)
    written = filled.done("PUT", example.path, read)
    assert written["changed"] is False
    assert written["version"] == read["version"]


@every_noun
def test_it_is_listed(filled: Operator, example: Example) -> None:
    items = filled.done("GET", example.collection)["items"]
    assert filled.done("GET", example.path) in items


@every_noun
def test_an_unknown_field_is_refused_by_its_name(filled: Operator, example: Example) -> None:
    response = filled("PUT", example.path, {**example.body, "colour": "red"})
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["errors"] == [{"field": "colour", "reason": "unknown field"}]


@every_noun
def test_an_old_version_is_told_so(filled: Operator, example: Example) -> None:
    stands = filled("GET", example.path)
    stale = filled("PUT", example.path, example.other, if_match='"99"')
    assert stale.status_code == 412
    assert stale.json()["version"] == stands.json()["version"]
    assert filled("DELETE", example.path, if_match='"99"').status_code == 412
    in_the_body = filled("PUT", example.path, {**example.other, "version": 99})
    assert in_the_body.status_code == 412
    assert filled("PUT", example.path, example.other, if_none_match="*").status_code == 412
    assert filled("POST", example.collection, {"name": example.name, **example.body}).status_code == 409
    assert filled("GET", example.path).json() == stands.json()


@every_noun
def test_a_reader_who_has_it_is_sent_nothing(filled: Operator, example: Example) -> None:
    tag = filled("GET", example.path).headers["etag"]
    response = filled("GET", example.path, if_none_match=tag)
    assert (response.status_code, response.content) == (304, b"")


@every_noun
def test_only_what_is_there_can_be_replaced_when_asked_so(filled: Operator, example: Example) -> None:
    other = f"{example.collection}/{example.name}x"
    response = filled("PUT", other, example.body, if_match="*")
    assert response.status_code in (404, 412)
    assert filled("GET", other).status_code == 404


@every_noun
def test_a_name_is_required_and_agrees_with_the_path(filled: Operator, example: Example) -> None:
    nameless = filled("POST", example.collection, example.body)
    assert nameless.json()["errors"] == [{"field": "name", "reason": "required"}]
    other = filled("PUT", example.path, {**example.body, "name": "other"})
    assert [error["field"] for error in other.json()["errors"]] == ["name"]


def test_no_secret_is_ever_shown(filled: Operator) -> None:
    for example in EXAMPLES:
        filled.done("PUT", example.path, example.other)
    number = filled.daemon.desired.catalog.revision
    shown = [filled("GET", example.path).text for example in EXAMPLES]
    shown += [filled("GET", f"/revisions/{revision}").text for revision in range(1, number + 1)]
    shown.append(filled("GET", "/revisions?limit=1000").text)
    assert not [marker for marker in MARKERS for text in shown if marker in text]
    assert '{"secret":' in shown[3]


def test_a_write_tells_who_and_why(filled: Operator) -> None:
    response = filled(
        "PUT",
        "/contexts/reasons",
        {},
        x_reason="für den Umzug".encode(),
        x_request_id="ticket-17",
    )
    assert response.headers["x-request-id"] == "ticket-17"
    revision = filled.done("GET", f"/revisions/{response.json()['revision']}")
    told = {name: revision[name] for name in ("actor", "token", "source", "request_id", "reason")}
    assert told == {
        "actor": "tester",
        "token": filled.minted.token.id,
        "source": "192.0.2.7",
        "request_id": "ticket-17",
        "reason": "für den Umzug",
    }
    assert revision["changes"][0]["key"] == "context/reasons"
    filled.done("DELETE", "/contexts/reasons?reason=over")
    assert filled.done("GET", "/revisions?limit=1")["items"][0]["reason"] == "over"


@pytest.mark.parametrize("reason", ["a" * 501, "a\tb"])
def test_a_reason_that_cannot_be_kept_is_refused(shared: Operator, reason: str) -> None:
    response = shared("PUT", "/contexts/never", {}, x_reason=reason)
    assert response.status_code == 400
    assert shared("GET", "/contexts/never").status_code == 404


def test_an_id_that_could_forge_a_log_line_is_not_taken(shared: Operator) -> None:
    response = shared("GET", "/nodes", x_request_id="a b")
    assert response.headers["x-request-id"] != "a b"


def test_rows_of_one_name_are_told_apart_by_scope(filled: Operator) -> None:
    body = EXAMPLES[4].body
    filled.done("PUT", "/profiles/inside", body)
    filled.done("PUT", "/profiles/inside?scope=groups:us,eu", body)
    filled.done("POST", "/profiles", {"name": "inside", "scope": "node:fs1", **body})
    ambiguous = filled("GET", "/profiles/inside")
    assert ambiguous.status_code == 409
    assert ambiguous.json()["scopes"] == ["global", "groups:eu,us", "node:fs1"]
    assert filled("PUT", "/profiles/inside", body).status_code == 409
    assert filled("DELETE", "/profiles/inside").status_code == 409
    assert filled.done("GET", "/profiles/inside?scope=groups:eu,us")["scope"] == "groups:eu,us"
    assert len(filled.done("GET", "/profiles?scope=node:fs1")["items"]) == 1
    filled.done("DELETE", "/profiles/inside?scope=node:fs1")
    filled.done("DELETE", "/profiles/inside?scope=global")
    # Now that it is the only one it needs no scope, and a write goes to it.
    written = filled.done("PUT", "/profiles/inside", {**body, "aliases": ["x"]})
    assert (written["scope"], written["version"]) == ("groups:eu,us", 2)
    filled.done("DELETE", "/profiles/inside")


def test_scopes_that_cannot_be_are_refused(shared: Operator) -> None:
    assert shared("GET", "/profiles?scope=moon").status_code == 400
    assert shared("PUT", "/profiles/x", {"scope": "moon"}).status_code == 422
    disagreeing = shared("PUT", "/profiles/x?scope=global", {"scope": "node:fs1"})
    assert disagreeing.json()["errors"][0]["field"] == "scope"


def test_users_and_extensions_come_in_pages(filled: Operator) -> None:
    for number in range(1001, 1012):
        filled.done("PUT", f"/domains/acme.example/users/{number}", {})
        extension = EXAMPLES[8].body["xml"].replace("echo", f"e{number}", 1)
        filled.done(
            "PUT", f"/contexts/public/extensions/e{number}", {"position": 2000 - number, "xml": extension}
        )
    for collection, expected in (
        ("/domains/acme.example/users", [str(number) for number in range(1000, 1012)]),
        (
            "/contexts/public/extensions",
            ["hours", "echo", *(f"e{number}" for number in range(1011, 1000, -1))],
        ),
    ):
        names: list[str] = []
        after = ""
        while True:
            page = filled.done("GET", f"{collection}?limit=5{after}")
            names += [item["name"] for item in page["items"]]
            if page["next"] is None:
                break
            assert len(page["items"]) == 5
            after = f"&after={page['next']}"
        assert names == expected


def test_what_stands_under_nothing_is_not_found(shared: Operator) -> None:
    assert shared("GET", "/domains/nowhere.example/users").status_code == 404
    assert shared("PUT", "/domains/nowhere.example/users/1", {}).status_code == 404
    assert shared("POST", "/contexts/nowhere/extensions", {"name": "x", "xml": "<x/>"}).status_code == 404


def test_a_name_may_hold_what_a_path_has_to_escape(filled: Operator) -> None:
    name = "a/b c+d?e#ü%"
    xml = EXAMPLES[8].body["xml"].replace('name="echo"', f'name="{name}"')
    path = f"/contexts/public/extensions/{quote(name, safe='')}"
    created = filled("PUT", path, {"xml": xml})
    assert created.status_code == 201, created.text
    assert filled.done("GET", path)["name"] == name
    location = created.headers["location"].removeprefix("/api/v1")
    assert filled.done("GET", location)["name"] == name
    filled.done("DELETE", path)


def test_many_writers_of_one_row_lose_nothing(filled: Operator) -> None:
    """Each adds its name to what it read; who was overtaken is told so, and reads again."""

    def add(writer: int) -> int:
        overtaken = 0
        while True:
            read = filled("GET", "/profiles/external")
            body = read.json()
            body["aliases"].append(f"alias-{writer}")
            del body["version"]
            written = filled("PUT", "/profiles/external", body, if_match=read.headers["etag"])
            if written.status_code == 200:
                return overtaken
            assert written.status_code == 412
            overtaken += 1

    first = filled.done("GET", "/profiles/external")["version"]
    with ThreadPoolExecutor(8) as pool:
        overtaken = sum(pool.map(add, range(24)))
    stands = filled.done("GET", "/profiles/external")
    assert sorted(stands["aliases"]) == sorted(f"alias-{writer}" for writer in range(24))
    assert stands["version"] == first + 24
    assert overtaken > 0


def test_a_rollback_brings_rows_and_passwords_back(filled: Operator) -> None:
    before = filled.done("GET", "/gateways/carrier")
    revision = filled.daemon.desired.catalog.revision
    filled.done("PUT", "/gateways/carrier", EXAMPLES[5].other)
    filled.done("PUT", "/contexts/later", {})
    answer = filled.done("POST", f"/revisions/{revision}/rollback", x_reason="it was wrong")
    assert set(answer["rows"]) == {"gateway/carrier", "context/later"}
    after = filled.done("GET", "/gateways/carrier")
    assert after["params"] == before["params"]
    assert after["version"] == before["version"] + 2
    assert filled("GET", "/contexts/later").status_code == 404
    again = filled.done("POST", f"/revisions/{revision}/rollback")
    assert (again["changed"], again["rows"]) == (False, [])


@pytest.mark.parametrize("number", ["999999", "-1", "x", "²", "9" * 30])
def test_an_unknown_revision_is_not_found(shared: Operator, number: str) -> None:
    assert shared("GET", f"/revisions/{number}").status_code == 404
    assert shared("POST", f"/revisions/{number}/rollback").status_code == 404


def test_a_new_node_observes_and_has_a_lookup_password_nobody_typed(operator: Operator) -> None:
    created = operator.done("POST", "/nodes", {"name": "fs1", **EXAMPLES[0].body})
    assert created["mode"] == "observing"
    assert created["switchname"] == "fs1"
    [reference] = created["lookup_passwords"]
    assert set(reference) == {"secret"}


def test_a_node_keeps_the_passwords_that_are_left_out(operator: Operator) -> None:
    created = operator.done("PUT", "/nodes/fs1", EXAMPLES[0].body)
    replaced = operator.done("PUT", "/nodes/fs1", EXAMPLES[0].other)
    for name in ("event_socket_password", "lookup_passwords"):
        assert replaced[name] == created[name]
    changed = operator.done("PUT", "/nodes/fs1", EXAMPLES[0].body | {"event_socket_password": "other"})
    assert changed["event_socket_password"] != created["event_socket_password"]


def test_a_node_needs_a_password_and_is_not_adopted_by_writing(operator: Operator) -> None:
    without = operator("PUT", "/nodes/fs1", EXAMPLES[0].other)
    assert without.status_code == 422
    assert [error["field"] for error in without.json()["errors"]] == ["event_socket_password"]
    managed = operator("PUT", "/nodes/fs1", EXAMPLES[0].body | {"mode": "managed"})
    assert [error["field"] for error in managed.json()["errors"]] == ["mode"]


def test_all_that_is_wrong_is_told_at_once(shared: Operator) -> None:
    body = {"profile": 5, "params": {"username": "a\u0000b"}, "placed_on": ["fs1"]}
    errors = shared("PUT", "/gateways/x", body).json()["errors"]
    assert {error["field"] for error in errors} == {"profile", "placed_on"}
    json.dumps(errors)
