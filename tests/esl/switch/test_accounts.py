"""Users who log in by ``userauth``: what is asked about them, and what each may do."""

import asyncio
from collections.abc import Callable, Coroutine

import pytest

from esl.switch import Switch, SwitchConfig
from tests.esl.switch.backend import Backend, backend, form
from tests.esl.switch.client import Client, client

RESTRICTED = {
    "esl-password": "marker",
    "esl-allowed-api": "version,bgapi",
    "esl-allowed-events": "HEARTBEAT CUSTOM sofia::gateway_add",
    "esl-allowed-log": "false",
}


def domain(params: dict[str, str]) -> str:
    told = "".join(f'<param name="{name}" value="{value}"/>' for name, value in params.items())
    return (
        '<document type="freeswitch/xml"><section name="directory"><domain name="ops.example">'
        f'<user id="control"><params>{told}</params></user></domain></section></document>'
    )


async def log_in(to: Client, who: str) -> str:
    await to.reply()
    return (await to.send(f"userauth {who}")).raw.decode()


def with_user(
    params: dict[str, str], test: Callable[[Client, Switch, Backend], Coroutine[None, None, None]]
) -> None:
    async def main() -> None:
        async with backend() as served:
            served.documents["user control"] = domain(params)
            async with (
                Switch(SwitchConfig(xml_curl_url=served.url)) as switch,
                client(switch.port, password=None) as connection,
            ):
                await test(connection, switch, served)

    asyncio.run(main())


@pytest.mark.parametrize("who", ["control@ops.example:marker", "control:marker@ops.example"])
def test_a_user_logs_in_and_may_do_all(who: str) -> None:
    async def test(connection: Client, _: Switch, served: Backend) -> None:
        assert await log_in(connection, who) == (
            "Content-Type: command/reply\nReply-Text: +OK accepted\n"
            "Allowed-Events: all\nAllowed-API: all\nAllowed-LOG: true\n\n"
        )
        asked = form(served.requests[-1])
        assert asked["action"] == "event_socket_auth"
        assert (asked["user"], asked["domain"], asked["key"]) == ("control", "ops.example", "id")
        assert "marker" not in str(served.requests)
        assert await connection.api("global_getvar hostname") == "fs1"

    with_user({"esl-password": "marker"}, test)


@pytest.mark.parametrize(
    ("params", "who"),
    [
        ({"esl-password": "marker"}, "control@ops.example:other"),
        ({"esl-password": "marker"}, "control@ops.example"),
        ({"esl-password": "marker"}, "control:marker"),
        ({"esl-password": "marker"}, "nobody@ops.example:marker"),
        ({"password": "marker"}, "control@ops.example:marker"),
        ({"esl-password": ""}, "control@ops.example:"),
    ],
)
def test_nobody_else_does(params: dict[str, str], who: str) -> None:
    async def test(connection: Client, *_: object) -> None:
        assert "-ERR invalid" in await log_in(connection, who)
        goodbye = await connection.reply()
        assert goodbye is not None
        assert goodbye.headers["Content-Type"] == "text/disconnect-notice"
        assert await connection.reply() is None

    with_user(params, test)


def test_a_restricted_user_runs_and_hears_what_is_listed() -> None:
    async def test(connection: Client, switch: Switch, _: Backend) -> None:
        said = await log_in(connection, "control@ops.example:marker")
        assert "Allowed-API: version,bgapi\nAllowed-LOG: false\n" in said
        assert "FreeSWITCH" in await connection.api("version")
        before = list(switch.commands)
        for line in (
            "api reloadxml",
            "bgapi reloadxml",
            "api bgapi reloadxml",
            "log 7",
            "event json CUSTOM a::b",
        ):
            denied = await connection.send(line)
            assert denied.raw == b"Content-Type: command/reply\nReply-Text: -ERR permission denied\n\n"
        assert list(switch.commands) == before
        assert "+OK" in (await connection.send("event json HEARTBEAT")).raw.decode()
        assert "+OK" in (await connection.send("event json CUSTOM sofia::gateway_add")).raw.decode()
        assert "permission denied" in (await connection.send("event json ALL")).raw.decode()

    with_user(RESTRICTED, test)
