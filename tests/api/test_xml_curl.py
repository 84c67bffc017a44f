"""The endpoint alone: who may ask, how, and what is said to the rest."""

import asyncio
import base64
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.types import Message

from api.asked import Asked
from api.door import Door
from api.metrics import Counts
from api.node_auth import Caller, NodeAuth
from api.xml_curl import XmlCurl
from controlplane.answers.answer import Answer
from controlplane.answers.errors import Unanswerable, Unwritable
from controlplane.answers.question import Question
from controlplane.desired.catalog import Catalog
from controlplane.desired.values import Node, NodeMode, SecretRef, Stored

FORM = b"hostname=switch1&section=directory&tag_name=domain&key_name=name&key_value=example.com"
ANSWER = Answer(b"<document/>", None, 1)


@dataclass
class Known:
    """Answers with what it was given, and remembers what it was asked."""

    at_once: Answer | None = ANSWER
    later: Answer | Exception = ANSWER
    asked: list[tuple[str, Question]] = field(default_factory=list)

    def cached(self, node: str, question: Question) -> Answer | None:
        self.asked.append((node, question))
        return self.at_once

    async def answer(self, node: str, question: Question) -> Answer:
        if isinstance(self.later, Exception):
            raise self.later
        return self.later


@dataclass
class Reply:
    status: int
    headers: dict[bytes, bytes]
    body: bytes
    received: int


def node(name: str = "fs1", *passwords: str, switchname: str = "switch1") -> Stored[Node]:
    value = Node(name, switchname, "127.0.0.1", 8021, (), NodeMode.OBSERVING, "ClueCon", passwords or ("pw",))
    return Stored(1, 1, 1, value)


async def nothing_sealed(refs: Iterable[SecretRef]) -> dict[SecretRef, str]:
    raise AssertionError(refs)


async def auth_of(*nodes: Stored[Node]) -> NodeAuth:
    auth = NodeAuth(nothing_sealed)
    await auth.start(Catalog(nodes={row.value.key: row for row in nodes}))
    return auth


def basic(user: str, password: str) -> bytes:
    return b"Basic " + base64.b64encode(f"{user}:{password}".encode())


def ask(
    answers: Known,
    *,
    method: str = "POST",
    path: str = "/xml_curl",
    query: bytes = b"",
    body: Iterable[bytes] = (FORM,),
    authorization: bytes | None = basic("fs1", "pw"),
    headers: Iterable[tuple[bytes, bytes]] = (),
    asked: Asked | None = None,
    limit: int = 1000,
) -> Reply:
    sent: list[Message] = []
    parts = list(body)
    received = 0

    async def receive() -> Message:
        nonlocal received
        received += 1
        if not parts:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}

    async def send(message: Message) -> None:
        sent.append(message)

    async def call() -> None:
        door = Door(await auth_of(node()))
        endpoint = XmlCurl(answers, door, asked or Asked(lambda _: 1000, Counts()), body_limit=limit)
        given = [(b"host", b"x"), *headers]
        if authorization is not None:
            given.append((b"authorization", authorization))
        scope: dict[str, Any] = {
            "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": query,
            "headers": given,
            "client": ("192.0.2.1", 40000),
        }  # fmt: skip
        await endpoint(scope, receive, send)

    asyncio.run(call())
    if not sent:
        return Reply(0, {}, b"", received)
    start, end = sent
    return Reply(start["status"], dict(start["headers"]), end["body"], received)


def test_a_lookup_is_answered_for_the_node_of_the_credential() -> None:
    answers = Known()
    reply = ask(answers)
    assert (reply.status, reply.body) == (200, b"<document/>")
    assert reply.headers == {b"content-type": b"text/xml", b"content-length": b"11"}
    assert answers.asked == [("fs1", Question("switch1", "directory", "domain", "name", "example.com"))]


@pytest.mark.parametrize("method", ["POST", "PUT", "post"])
@pytest.mark.parametrize("path", ["/xml_curl", "/xml_curl/", "/xml_curl/directory/x"])
def test_every_way_in_which_the_module_posts(method: str, path: str) -> None:
    assert ask(Known(), method=method, path=path, query=b"tenant=1").status == 200


@pytest.mark.parametrize("own", [b"", b"tenant=1&", b"hostname=switch1&", b"section=directory&hostname=x&"])
def test_a_get_puts_it_all_in_the_query_string(own: bytes) -> None:
    """Behind what the gateway-url's own query says."""
    answers = Known()
    assert ask(answers, method="GET", query=own + FORM, body=()).status == 200
    assert answers.asked == [("fs1", Question("switch1", "directory", "domain", "name", "example.com"))]


def test_a_body_in_pieces() -> None:
    answers = Known()
    assert ask(answers, body=(FORM[:9], FORM[9:70], FORM[70:])).status == 200
    assert answers.asked[0][1].key_value == "example.com"


def test_what_is_not_in_the_cache_is_rendered() -> None:
    assert ask(Known(at_once=None, later=Answer(b"later", None, 1))).body == b"later"


@pytest.mark.parametrize(
    "authorization",
    [None, b"", b"Basic", basic("fs1", "wrong"), basic("fs2", "pw"), b"Bearer x", b"Basic \xff"],
)
def test_without_credentials_nothing_is_read(authorization: bytes | None) -> None:
    answers, asked = Known(), Asked(lambda _: None, Counts())
    reply = ask(answers, authorization=authorization, asked=asked)
    assert reply.status == 401
    assert reply.headers[b"www-authenticate"].startswith(b"Basic ")
    assert (reply.received, answers.asked) == (0, [])
    [refused] = asked.lookups()
    assert (refused.node, refused.source, refused.status) == (None, "192.0.2.1", 401)


def test_a_digest_client_that_begins_with_an_empty_body_is_challenged() -> None:
    assert ask(Known(), body=(b"",), authorization=None).status == 401


def test_a_node_that_calls_itself_something_else_is_refused_and_shown() -> None:
    answers, asked = Known(), Asked(lambda _: 1000, Counts())
    reply = ask(answers, body=(FORM.replace(b"switch1", b"switch2"),), asked=asked)
    assert reply.status == 403
    assert answers.asked == []
    [refused] = asked.lookups(["fs1"])
    assert refused.reason == "it calls itself 'switch2', but its switchname is 'switch1'"


@pytest.mark.parametrize("body", [b"", b"no lookup", FORM + b"&hostname=switch2"])
def test_what_is_no_lookup_is_refused(body: bytes) -> None:
    assert ask(Known(), body=(body,)).status == 400


@pytest.mark.parametrize("method", ["DELETE", "HEAD", "OPTIONS"])
def test_other_methods_are_refused(method: str) -> None:
    assert ask(Known(), method=method).status == 400


def test_a_body_over_the_limit_is_refused_before_it_is_read() -> None:
    reply = ask(Known(), headers=[(b"content-length", b"1001")])
    assert (reply.status, reply.received) == (413, 0)
    assert ask(Known(), headers=[(b"content-length", b"9" * 5000)]).status == 413


def test_a_body_that_grows_over_the_limit_is_refused() -> None:
    assert ask(Known(), body=(FORM, *[b"x" * 100] * 20)).status == 413
    assert ask(Known(), body=(FORM, b"x" * 1000)).status == 413


def test_a_caller_that_hangs_up_gets_nothing() -> None:
    assert ask(Known(), body=()).status == 0


@pytest.mark.parametrize("error", [Unanswerable("the database does not answer"), Unwritable("no")])
def test_what_cannot_be_told_is_503(error: Exception) -> None:
    assert ask(Known(at_once=None, later=error)).status == 503


def test_elsewhere_is_404() -> None:
    assert ask(Known(), path="/xml_curlx").status == 404
    assert ask(Known(), path="/").status == 404


def test_two_passwords_are_valid_while_one_is_rotated() -> None:
    async def run() -> None:
        auth = await auth_of(node("fs1", "new", "old"), node("fs2", "pwé", switchname="pair"))
        assert (
            auth.caller(basic("fs1", "new")) == auth.caller(basic("fs1", "old")) == Caller("fs1", "switch1")
        )
        assert auth.caller(basic("fs2", "pwé")) == Caller("fs2", "pair")
        assert auth.caller(basic("fs2", "new")) is None
        assert auth.caller(basic("fs1", "old").replace(b"Basic", b"basic")) is not None

    asyncio.run(run())


def test_sealed_passwords_are_opened_and_withdrawn_ones_refused_at_once() -> None:
    first, second = SecretRef(1, 1), SecretRef(1, 2)

    async def run() -> None:
        opened: list[set[SecretRef]] = []

        async def open_secrets(refs: Iterable[SecretRef]) -> dict[SecretRef, str]:
            opened.append(set(refs))
            await asyncio.sleep(0)
            return {ref: f"pw{ref.version}" for ref in refs}

        auth = NodeAuth(open_secrets)
        await auth.start(_catalog(first))
        assert auth.caller(basic("fs1", "pw1")) is not None
        auth.follow(_catalog(second))
        assert auth.caller(basic("fs1", "pw1")) is None
        auth.follow(_catalog(second, first))
        await auth.settled()
        assert auth.caller(basic("fs1", "pw1")) is not None
        assert auth.caller(basic("fs1", "pw2")) is not None
        auth.follow(Catalog())
        assert auth.caller(basic("fs1", "pw2")) is None
        await auth.settled()
        assert set().union(*opened) == {first, second}

    asyncio.run(run())


def test_whoever_comes_as_the_last_password_is_opened_does_not_wait_for_ever() -> None:
    secret, gate = SecretRef(1, 1), asyncio.Event()

    async def opening(refs: Iterable[SecretRef]) -> dict[SecretRef, str]:
        await gate.wait()
        return dict.fromkeys(refs, "pw")

    async def run() -> None:
        auth = NodeAuth(opening)
        auth.follow(_catalog(secret))
        await asyncio.sleep(0)
        gate.set()
        # Goes on in the very round of the loop in which the password is opened.
        await asyncio.sleep(0)
        await auth.settled()
        assert auth.caller(basic("fs1", "pw")) is not None

    asyncio.run(run())


def _catalog(*passwords: SecretRef) -> Catalog:
    value = Node("fs1", "switch1", "127.0.0.1", 8021, (), NodeMode.OBSERVING, "ClueCon", passwords)
    return Catalog(nodes={value.key: Stored(1, 1, 1, value)})
