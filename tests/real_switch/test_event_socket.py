"""How a real switch takes us in, and what it answers while it is busy."""

import asyncio
import re
import socket
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

from esl import commands, queries
from esl.commands import Command
from esl.errors import CommandFailed
from esl.link import LinkPolicy, LinkState, NodeAddress
from esl.switch import SwitchConfig, running
from tests.e2e.house import ESL_PASSWORD, wait
from tests.esl.scripted import Ask, AskBeside, fleet_of
from tests.esl.switch.client import until
from tests.real_switch.conftest import Fleet
from tests.real_switch.relay import Way

USER = "control@ops.test"
DOCUMENTED = (Path(__file__).parents[2] / "docs" / "event-socket.md").read_text()
RIGHTS = dict(re.findall(r"^(esl-allowed-\w+) +(.+)$", DOCUMENTED, re.MULTILINE))


def put_node(fleet: Fleet, password: str, user: str | None) -> None:
    body = {"host": "127.0.0.1", "port": fleet.ports["fs1"], "groups": ["all"]}
    login = {"event_socket_user": user, "event_socket_password": password}
    fleet.send("PUT", "/nodes/fs1", body | login)


def logins(fleet: Fleet) -> list[Any]:
    asked = fleet.send("GET", "/lookups?node=fs1&limit=200")["items"]
    return [each for each in asked if "event_socket_auth" in str(each)]


def said_to(port: int, *lines: str) -> list[str]:
    """What is answered to each line, headers alone, by whoever listens there."""
    with socket.create_connection(("127.0.0.1", port), 5) as link:
        stream = link.makefile("rwb")
        answers = []
        for line in ("", *lines):
            stream.write(f"{line}\n\n".encode() if line else b"")
            stream.flush()
            answers.append("".join(takewhile(str.strip, (stream.readline().decode() for _ in range(20)))))
        return answers[1:]


def test_the_stand_in_takes_users_in_as_the_real_one_does(one: Fleet) -> None:
    params = {"esl-password": "marker", "esl-allowed-api": "version", "esl-allowed-events": "HEARTBEAT"}
    one.send("PUT", "/domains/ops.test", {})
    one.send("PUT", "/domains/ops.test/users/control", {"params": params})
    lines = (
        "userauth control@ops.test:marker",
        "api status",
        "event json ALL",
        "event json HEARTBEAT",
        "exit",
    )
    wrong = ("userauth control@ops.test:other",)
    real = [said_to(one.ports["fs1"], *each) for each in (lines, wrong)]
    xml = "".join(f'<param name="{name}" value="{value}"/>' for name, value in params.items())
    directory = (
        '<document type="freeswitch/xml"><section name="directory"><domain name="ops.test">'
        f'<user id="control"><params>{xml}</params></user></domain></section></document>'
    )
    with running(SwitchConfig(disk={"directory": directory})) as stand_in:
        assert [said_to(stand_in.port, *each) for each in (lines, wrong)] == real
    assert "permission denied" in real[0][1]


def test_what_a_command_without_output_is_answered(one: Fleet) -> None:
    async def main() -> None:
        async with fleet_of(up=False, policy=LinkPolicy()) as (fleet, watch):
            for port in (one.ports["fs1"], stand_in.port):
                await fleet.hold(NodeAddress("fs1", "127.0.0.1", port, ESL_PASSWORD))
                await watch.state(LinkState.UP)
                assert await fleet.run("fs1", Ask("global_getvar nobody")) == "-ERR no reply\n"
                assert await fleet.run("fs1", AskBeside("global_getvar nobody")) == ""
                await fleet.release("fs1")

    with running(SwitchConfig(password=ESL_PASSWORD)) as stand_in:
        asyncio.run(main())


def test_a_user_who_is_held_to_what_is_documented_may_do_all_that_we_do(one: Fleet) -> None:
    assert set(RIGHTS) == {"esl-allowed-api", "esl-allowed-events"}
    one.send("PUT", "/domains/ops.test", {})
    one.send("PUT", "/domains/ops.test/users/control", {"params": {"esl-password": "marker", **RIGHTS}})
    put_node(one, "marker", USER)
    wait(lambda: logins(one), "the node asks for the user")
    one.in_sync()
    trunk = {"username": "u", "password": "p", "proxy": "127.0.0.1:9", "register": "false"}
    revision = one.send("PUT", "/gateways/trunk", {"profile": "external", "params": trunk})["revision"]
    one.landed("fs1", int(revision))
    assert one.nodes["fs1"].gateway("trunk")
    one.landed("fs1", int(one.send("DELETE", "/gateways/trunk")["revision"]))
    put_node(one, "wrong", USER)
    wait(lambda: "-ERR invalid" in str(one.status("fs1")), "the node refuses another password")
    put_node(one, ESL_PASSWORD, None)
    one.in_sync()


@pytest.mark.parametrize(
    "command",
    [
        commands.ProfileRescan("external"),
        commands.StartGateway("external", "nobody"),
        queries.Locate("configuration", "configuration", "name", "acl.conf"),
        commands.ReloadAcl(),
    ],
    ids=lambda command: command.line,
)
def test_a_node_that_waits_for_us_answers_all_else_meanwhile(one: Fleet, command: Command[object]) -> None:
    one.in_sync()

    async def main() -> None:
        async with fleet_of(up=False, policy=LinkPolicy()) as (fleet, watch):
            await fleet.hold(NodeAddress("fs1", "127.0.0.1", one.ports["fs1"], ESL_PASSWORD))
            await watch.state(LinkState.UP)
            one.relay.way = Way.STALLED
            try:
                under_way = asyncio.create_task(fleet.run("fs1", command))
                await until(lambda: one.relay.holds, "the node asks")
                assert "FreeSWITCH" in await fleet.run("fs1", queries.Version())
                assert await fleet.run("fs1", queries.ProfileStatusOf("external")) is not None
                assert not under_way.done()
            finally:
                one.relay.open()
            (outcome,) = await asyncio.gather(under_way, return_exceptions=True)
            # It could not ask us, and may say so; but the job has ended, and told.
            assert isinstance(outcome, CommandFailed) or not isinstance(outcome, BaseException)
            assert [link.state for link in watch.links] == [LinkState.CONNECTING, LinkState.UP]

    asyncio.run(main())
