"""Who may ask, over real sockets and with the libcurl that mod_xml_curl asks with."""

import asyncio
import re

import pycurl
import pytest

from api.throttle import Throttle
from controlplane.desired.values import Scheme
from tests.api.asking import PATIENCE, Place, a_node, asking, curl
from tests.api.test_xml_curl import FORM, basic

BOTH = pycurl.HTTPAUTH_BASIC | pycurl.HTTPAUTH_DIGEST


@pytest.mark.parametrize(
    ("schemes", "algorithm"),
    [
        ((Scheme.BASIC, Scheme.DIGEST_SHA256, Scheme.DIGEST_MD5), "SHA-256"),
        ((Scheme.DIGEST_SHA256,), "SHA-256"),
        ((Scheme.DIGEST_MD5,), "MD5"),
    ],
)
@pytest.mark.parametrize("method", [None, "post", "PUT"])
def test_both_flows_of_digest(schemes: tuple[Scheme, ...], algorithm: str, method: str | None) -> None:
    async def talk(place: Place) -> None:
        for scheme, first in ((pycurl.HTTPAUTH_DIGEST, 0), (BOTH, len(FORM))):
            said = await asyncio.to_thread(curl, place.url, scheme=scheme, method=method)
            assert (said.status, said.body) == (200, b"<document/>")
            assert re.findall(r"HTTP/1.1 (\d+)", said.heads) == ["401", "200"]
            lengths = re.findall(r"Content-Length: (\d+)", said.sent)
            assert lengths == [str(first), str(len(FORM))]
            assert f"algorithm={algorithm}" in said.sent
            assert "Authorization: Basic" not in said.sent
        assert [node for node, _ in place.known.asked] == ["fs1", "fs1"]

    asking(talk, a_node(lookup_schemes=schemes))


def test_a_get_by_digest_is_bound_to_its_query() -> None:
    async def talk(place: Place) -> None:
        url = f"{place.url}?{FORM.decode()}"
        said = await asyncio.to_thread(curl, url, scheme=pycurl.HTTPAUTH_DIGEST, form=b"", method="GET")
        assert said.status == 200

    asking(talk)


def test_wrong_passwords_are_wrong_by_every_scheme() -> None:
    async def talk(place: Place) -> None:
        for scheme in (pycurl.HTTPAUTH_BASIC, pycurl.HTTPAUTH_DIGEST, BOTH):
            for login in ("fs1:wrong", "nobody:pw"):
                said = await asyncio.to_thread(curl, place.url, scheme=scheme, login=login)
                assert said.status == 401
        assert place.known.asked == []

    asking(talk)


def test_a_scheme_that_the_node_may_not_use_is_refused() -> None:
    async def talk(place: Place) -> None:
        assert (await asyncio.to_thread(curl, place.url)).status == 401
        digest = await asyncio.to_thread(curl, place.url, scheme=pycurl.HTTPAUTH_DIGEST)
        assert digest.status == 200
        other = await asyncio.to_thread(curl, place.url, login="fs2:pw")
        assert other.status == 200

    asking(
        talk, a_node(lookup_schemes=(Scheme.DIGEST_SHA256,)), a_node("fs2", lookup_schemes=(Scheme.BASIC,))
    )


def test_what_was_overheard_is_not_taken_again() -> None:
    async def talk(place: Place) -> None:
        said = await asyncio.to_thread(curl, place.url, scheme=pycurl.HTTPAUTH_DIGEST)
        [shown] = re.findall(r"Authorization: (Digest .*?)\r\n", said.sent)
        again = await asyncio.to_thread(curl, place.url, login=None, headers=(f"Authorization: {shown}",))
        assert again.status == 401
        assert "stale=true" in again.heads
        assert len(place.known.asked) == 1

    asking(talk)


def test_only_from_its_networks() -> None:
    async def talk(place: Place) -> None:
        assert (await asyncio.to_thread(curl, place.url)).status == 200
        assert (await asyncio.to_thread(curl, place.url, login="fs2:pw")).status == 403
        [refused] = place.asked.lookups(["fs2"])
        assert (refused.source, refused.reason) == ("127.0.0.1", "not from this network")

    asking(
        talk,
        a_node(lookup_networks=("192.0.2.0/24", "127.0.0.0/8")),
        a_node("fs2", lookup_networks=("192.0.2.0/24",)),
    )


def test_a_trusted_proxy_says_where_a_lookup_comes_from() -> None:
    async def talk(place: Place) -> None:
        for source, status in (("192.0.2.5", 200), ("192.0.2.5, 198.51.100.1", 403)):
            headers = (f"X-Forwarded-For: {source}",)
            assert (await asyncio.to_thread(curl, place.url, headers=headers)).status == status
        assert [one.source for one in place.asked.lookups()] == ["192.0.2.5", "198.51.100.1"]

    asking(talk, a_node(lookup_networks=("192.0.2.0/24",)), proxies=("127.0.0.1/32",))


def test_wrong_ones_are_throttled_and_right_ones_never() -> None:
    async def talk(place: Place) -> None:
        got = [(await asyncio.to_thread(curl, place.url, login="fs1:wrong")).status for _ in range(4)]
        assert got == [401, 401, 429, 429]
        wrong = await asyncio.to_thread(curl, place.url, login="fs1:wrong", scheme=pycurl.HTTPAUTH_DIGEST)
        assert wrong.status == 429
        assert "retry-after: " in wrong.heads
        for scheme in (pycurl.HTTPAUTH_BASIC, pycurl.HTTPAUTH_DIGEST, BOTH):
            assert (await asyncio.to_thread(curl, place.url, scheme=scheme)).status == 200

    asking(talk, throttle=Throttle(2, 0.001))


async def cut(port: int, *parts: bytes) -> bytes:
    """Send the parts, and give what comes till the other side hangs up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
        async with asyncio.timeout(PATIENCE):
            return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


HEAD = b"POST /xml_curl HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\nAuthorization: " + basic("fs1", "pw")


def test_slow_senders_are_cut_and_the_rest_goes_on() -> None:
    async def talk(place: Place) -> None:
        slow = [
            asyncio.create_task(cut(place.port, *parts))
            for parts in ((), (b"POST /xm",), (HEAD,), (HEAD + b"\r\n\r\n", b"hostname="))
        ]
        while not all(one.done() for one in slow):
            assert (await asyncio.to_thread(curl, place.url)).status == 200
        assert [one.result() for one in slow] == [b""] * 4

    asking(talk, patience=0.2)


@pytest.mark.parametrize("ready", [True, False])
def test_a_second_request_in_the_same_packet_must_come_in_time_too(ready: bool) -> None:
    async def talk(place: Place) -> None:
        if not ready:
            place.known.at_once = None
        whole = b"%s\r\n\r\n%s" % (HEAD.replace(b"5000", b"%d" % len(FORM)), FORM)
        said = await cut(place.port, whole + HEAD + b"\r\n\r\nhostname=")
        assert said.count(b"HTTP/1.1 ") == said.count(b"HTTP/1.1 200 ") == 1

    asking(talk, patience=0.2)


def test_a_body_without_credentials_is_refused_unread_and_its_sender_cut() -> None:
    async def talk(place: Place) -> None:
        said = await cut(
            place.port, b"POST /xml_curl HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n", b"x"
        )
        assert said.startswith(b"HTTP/1.1 401 ") or said == b""

    asking(talk, patience=0.2)
