import asyncio
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from api.sources import Networks, Proxied, original

TRUSTED = Networks(["10.0.0.0/8", "::1/128", "2001:db8::/32"])


@pytest.mark.parametrize(
    ("peer", "forwarded", "source"),
    [
        ("192.0.2.1", ["198.51.100.1"], "192.0.2.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["192.0.2.1"], "192.0.2.1"),
        ("10.0.0.1", ["198.51.100.1, 192.0.2.1"], "192.0.2.1"),
        ("10.0.0.1", ["198.51.100.1, 192.0.2.1, 10.0.0.2"], "192.0.2.1"),
        ("10.0.0.1", ["198.51.100.1", "192.0.2.1 , 10.0.0.2"], "192.0.2.1"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", ["192.0.2.1:4711"], "192.0.2.1"),
        ("::1", ["[2001:db8::5]:4711"], "2001:db8::5"),
        ("::ffff:10.0.0.1", ["2001:db9::5"], "2001:db9::5"),
        ("10.0.0.1", ["192.0.2.1, unknown"], "10.0.0.1"),
        ("10.0.0.1", ["192.0.2.1, unknown, 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", [""], "10.0.0.1"),
    ],
)
def test_the_nearest_address_that_is_not_trusted(peer: str, forwarded: list[str], source: str) -> None:
    assert original(peer, forwarded, TRUSTED) == source


@pytest.mark.parametrize(
    ("peer", "scheme", "client"), [("10.0.0.1", "https", "192.0.2.1"), ("192.0.2.9", "http", "192.0.2.9")]
)
def test_only_trusted_peers_are_believed(peer: str, scheme: str, client: str) -> None:
    seen: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)

    async def none(*_: Any) -> Any:
        raise AssertionError

    headers = [(b"x-forwarded-proto", b"http, https"), (b"x-forwarded-for", b"192.0.2.1")]
    scope: Scope = {"type": "http", "client": (peer, 1), "scheme": "http", "headers": headers}
    asyncio.run(Proxied(app, TRUSTED)(scope, none, none))
    assert (seen[0]["client"][0], seen[0]["scheme"]) == (client, scheme)


def test_networks() -> None:
    assert "10.1.2.3" in TRUSTED
    assert "2001:db8::1%eth0" in TRUSTED
    assert "192.0.2.1" not in TRUSTED
    assert "an unknown address" not in TRUSTED
