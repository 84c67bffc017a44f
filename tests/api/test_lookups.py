"""What was asked is told of: redacted, bounded, by node, followed, explained, counted."""

import asyncio
import json
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from api.app import lookups_app
from api.asked import SHOWN, Asked
from api.metrics import Counts
from api.node_auth import NodeAuth
from controlplane.answers.answer import Answer
from controlplane.answers.question import Question, read
from tests.api.living import Operator, living
from tests.api.test_xml_curl import basic

NODE = {
    "name": "fs1",
    "host": "127.0.0.1",
    "port": 1,
    "event_socket_password": "x",
    "lookup_passwords": ["pw"],
}
ACME = (
    b"hostname=fs1&section=directory&tag_name=domain&key_name=name&key_value=acme.example"
    b"&action=sip_auth&sip_auth_response=MARKER&sip_auth_cnonce=MARKER&password=MARKER&key=id&user=1000"
    b"&domain=acme.example"
)


class Node:
    """A node that asks the operator's daemon, in its loop."""

    def __init__(self, operator: Operator) -> None:
        self._operator = operator
        self._app: Any = None

    async def _ask(self, form: bytes, authorization: bytes) -> tuple[int, bytes]:
        daemon = self._operator.daemon
        nodes = NodeAuth.over(daemon.store, daemon.vault)
        await nodes.start(daemon.desired.catalog)
        app = lookups_app(daemon, nodes, self._operator.living.asked)
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": form}

        async def send(message: Any) -> None:
            sent.append(message)

        headers = [(b"authorization", authorization)] if authorization else []
        scope = {
            "type": "http", "method": "POST", "path": "/xml_curl", "raw_path": b"/xml_curl",
            "query_string": b"", "headers": headers, "client": ("192.0.2.9", 1),
        }  # fmt: skip
        await app(scope, receive, send)
        return sent[0]["status"], sent[1]["body"]

    def __call__(self, form: bytes, authorization: bytes = basic("fs1", "pw")) -> tuple[int, bytes]:
        found: tuple[int, bytes] = self._operator.call(self._ask, form, authorization)
        return found


@pytest.fixture
def node(operator: Operator) -> Node:
    operator.done("POST", "/nodes", NODE)
    operator.done("PUT", "/domains/acme.example", {})
    operator.done("PUT", "/domains/acme.example/users/1000", {"params": {"password": "secret"}})
    return Node(operator)


def test_each_lookup_is_told_of_with_its_rows_and_no_secret(operator: Operator, node: Node) -> None:
    assert node(ACME)[0] == 200
    assert node(ACME)[0] == 200
    page = operator.done("GET", "/lookups?node=fs1")
    first, second = page["items"]
    assert first["lookup"] == {
        "hostname": "fs1",
        "section": "directory",
        "tag_name": "domain",
        "key_name": "name",
        "key_value": "acme.example",
        "action": "sip_auth",
        "key": "id",
        "user": "1000",
        "domain": "acme.example",
    }
    assert (first["outcome"], first["status"], first["cached"], second["cached"]) == (
        "found",
        200,
        False,
        True,
    )
    assert [row["key"] for row in first["rows"]] == ["domain/acme.example", "user/acme.example/1000"]
    assert first["bytes"] > 100
    assert first["took_ms"] > 0
    assert second["id"] == page["next"] > first["id"]
    assert "MARKER" not in json.dumps(page)
    assert operator.done("GET", f"/lookups/{first['id']}") == first


def test_refusals_are_told_of_too(operator: Operator, node: Node) -> None:
    assert node(ACME, basic("fs1", "wrong"))[0] == 401
    assert node(ACME, b"")[0] == 401
    assert node(ACME.replace(b"hostname=fs1", b"hostname=fs2"))[0] == 403
    assert node(b"nonsense")[0] == 400
    told = [
        (one["node"], one["status"], one["outcome"], one["lookup"] is None)
        for one in operator.done("GET", "/lookups")["items"]
    ]
    assert told == [
        (None, 401, "refused", True),
        (None, 401, "refused", True),
        ("fs1", 403, "refused", False),
        ("fs1", 400, "refused", True),
    ]
    assert len(operator.done("GET", "/lookups?node=fs1")["items"]) == 2


def test_any_of_them_is_explained(operator: Operator, node: Node) -> None:
    node(ACME)
    node(ACME, b"")
    first, refused = operator.done("GET", "/lookups")["items"]
    told = operator.done("GET", f"/lookups/{first['id']}/explain")
    assert (told["node"], told["found"]) == ("fs1", True)
    assert '<user id="1000"' in told["xml"]
    assert "secret" not in told["xml"]
    assert operator("GET", f"/lookups/{refused['id']}/explain").status_code == 409
    assert operator("GET", "/lookups/1/explain").status_code == 404
    operator.done("DELETE", "/nodes/fs1")
    assert operator("GET", f"/lookups/{first['id']}/explain").status_code == 404


@pytest.mark.parametrize(
    ("query", "status"),
    [("?node=fs2", 404), ("?limit=0x", 400), ("?limit=5000", 400), ("?after=-1", 400), ("?follow=1", 400)],
)
def test_what_cannot_be_asked(operator: Operator, node: Node, query: str, status: int) -> None:
    assert operator("GET", f"/lookups{query}").status_code == status


def test_after_gives_what_follows(operator: Operator, node: Node) -> None:
    for _ in range(3):
        node(ACME)
    ids = [one["id"] for one in operator.done("GET", "/lookups")["items"]]
    page = operator.done("GET", f"/lookups?after={ids[0]}&limit=1")
    assert ([one["id"] for one in page["items"]], page["next"]) == ([ids[1]], ids[1])
    page = operator.done("GET", f"/lookups?after={ids[2]}")
    assert (page["items"], page["next"]) == ([], ids[2])
    assert [one["id"] for one in operator.done("GET", "/lookups?limit=2")["items"]] == ids[1:]


def test_the_last_ones_are_kept(operator: Operator, node: Node) -> None:
    asked = Asked(lambda name: 1 << 20 if name == "fs1" else None, Counts(), kept=3)
    question = read(ACME)
    for number in range(10):
        asked.note((0.0, 0.001, "fs1", ("192.0.2.1", 1), question, Answer(b"x", None, number), True))
        asked.refused(0.0, None, "192.0.2.2", None, 401, "no credentials")
    asked.note((0.0, 0.001, "gone", None, question, Answer(b"x", None, 1), True))
    kept = asked.lookups()
    assert [one.revision for one in kept if one.node == "fs1"] == [7, 8, 9]
    assert len(kept) == 6


def test_what_is_shown_is_chosen() -> None:
    """A field that a lookup brings newly is shown only once somebody has said that it may be."""
    assert set(Question._fields) >= SHOWN
    asked = Asked(lambda _: 1 << 20, Counts())
    long = read(ACME.replace(b"user=1000", b"user=" + b"9" * 5000))
    asked.note((0.0, 0.0, "fs1", None, long, Answer(b"x", None, 1), False))
    [one] = asked.lookups()
    assert one.question is not None
    assert len(one.question.user) == 255


def test_an_answer_near_to_what_the_node_takes_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    asked = Asked(lambda _: 100, Counts())
    for size in (79, 80, 80, 101):
        asked.note((0.0, 0.0, "fs1", None, read(ACME), Answer(b"x" * size, None, 1), False))
    warnings = [one.warning for one in asked.lookups()]
    assert warnings[0] == ""
    assert "near to the 100" in warnings[1] == warnings[2]
    assert "more than the 100" in warnings[3]
    assert len(caplog.records) == 1


def test_followers_are_told_of_what_comes() -> None:
    from api.lately import Lately
    from api.resources.lookups import _lines
    from controlplane.answers.cache import Cache

    async def run() -> None:
        asked = Asked(lambda _: 1 << 20, Counts())
        lines = _lines(Lately.here(asked, Cache(0)), ["fs1"], [], 0)
        waiting = asyncio.ensure_future(anext(lines))
        for user in (b"1", b"2"):
            await asyncio.sleep(0)
            form = ACME.replace(b"user=1000", b"user=" + user)
            asked.note((0.0, 0.0, "fs1", None, read(form), Answer(b"x", None, 1), False))
            asked.note((0.0, 0.0, "fs2", None, read(form), Answer(b"x", None, 1), False))
            asked.settle()
            told = json.loads(await waiting)
            assert (told["node"], told["lookup"]["user"]) == ("fs1", user.decode())
            waiting = asyncio.ensure_future(anext(lines))
        waiting.cancel()

    asyncio.run(run())


def test_metrics_count_by_section_purpose_and_outcome(operator: Operator, node: Node) -> None:
    node(ACME)
    node(ACME)
    node(ACME, b"")
    node(ACME.replace(b"sip_auth&", b"made-up&").replace(b"directory", b"strange"))
    text = operator.client.get("/metrics", headers={"Authorization": f"Bearer {operator.minted.text}"}).text
    families = {family.name: family for family in text_string_to_metric_families(text)}
    counted = {
        tuple(sample.labels[name] for name in ("section", "purpose", "outcome")): sample.value
        for sample in families["controlplane_lookup_seconds"].samples
        if sample.name.endswith("_count")
    }
    assert counted == {
        ("directory", "sip_auth", "found"): 2,
        ("unread", "unread", "refused"): 1,
        ("other", "", "not_found"): 1,
    }
    hits = {
        sample.labels["section"]: sample.value
        for sample in families["controlplane_lookup_cache_hits"].samples
        if sample.name.endswith("_total")
    }
    # What is not ours is said at once, too.
    assert hits == {"directory": 1, "other": 1}
    assert families["controlplane_answer_cache_entries"].samples[0].value == 1


@pytest.mark.parametrize(("setting", "without", "with_token"), [("open", 200, 200), ("off", 401, 404)])
def test_who_may_read_metrics(tmp_path: Any, setting: str, without: int, with_token: int) -> None:
    with living(tmp_path, operators={"metrics": setting}) as operator:
        assert operator.client.get("/metrics").status_code == without
        headers = {"Authorization": f"Bearer {operator.minted.text}"}
        assert operator.client.get("/metrics", headers=headers).status_code == with_token
