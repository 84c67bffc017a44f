"""Reading a node: whole or not at all. The node here answers from a table."""

from collections.abc import Sequence
from typing import Any

import pytest

from controlplane.observed import Unreadable, read_all, read_some
from esl.commands import Command
from esl.errors import CommandFailed, EventSocketError, UnexpectedReply
from tests.push.loop import asynchronous

GATEWAY = (
    "<gateway><name>{0}</name><profile>external</profile><state>{1}</state><status>UP</status></gateway>"
)
PROFILE = (
    "<profile><profile-info><name>{0}</name><url>sip:mod_sofia@127.0.0.1:5080</url></profile-info></profile>"
)


def gateway(name: str, state: str = "REGED") -> str:
    return GATEWAY.format(name, state)


class Replies:
    """Replies by command line; counts crossings."""

    def __init__(self, replies: dict[str, str]) -> None:
        self.replies = replies
        self.crossings = 0

    async def run_many(self, node: str, commands: Sequence[Command[Any]]) -> list[Any]:
        self.crossings += 1
        outcomes: list[Any] = []
        for command in commands:
            try:
                outcomes.append(command.read(self.replies[command.line]))
            except EventSocketError as error:
                outcomes.append(error)
        return outcomes


def listing(*gateways: str) -> str:
    return f'<?xml version="1.0" encoding="ISO-8859-1"?>\n<gateways>{"".join(gateways)}</gateways>\n'


PROFILES = (
    "<profiles><profile><name>external</name><type>profile</type><data>sip:x@127.0.0.1:5080</data>"
    "<state>RUNNING (0)</state></profile></profiles>\n"
)
NO_PROFILES = "<profiles></profiles>\n"


@asynchronous
async def test_some_cross_once() -> None:
    node = Replies(
        {
            "sofia xmlstatus profile external": PROFILE.format("external"),
            "sofia xmlstatus profile internal": "Invalid Profile!\n",
            "sofia xmlstatus gateway a": gateway("a"),
            "sofia_gateway_data a ivar controlplane_fingerprint": "f00",
            "sofia xmlstatus gateway b": "Invalid Gateway!\n",
            "sofia_gateway_data b ivar controlplane_fingerprint": "-ERR no reply\n",
            "module_exists mod_lcr": "false",
        }
    )
    found = await read_some(node, "fs1", ["b", "a"], ["internal", "external"], ["mod_lcr"])
    assert node.crossings == 1
    assert set(found.gateways) == {"a"}
    assert found.gateways["a"].fingerprint == "f00"
    assert set(found.profiles) == {"external"}
    assert found.modules == {"mod_lcr": False}
    assert found.asked_gateways == frozenset({"a", "b"})


@asynchronous
async def test_all_tells_ours_from_others_and_leaves_out_the_dying() -> None:
    node = Replies(
        {
            "sofia xmlstatus": PROFILES,
            "sofia xmlstatus gateway": listing(
                gateway("ours"),
                gateway("theirs"),
                gateway("dying", "NOREG"),
                gateway("new"),
                gateway("new", "DOWN"),
            ),
            "sofia_gateway_data ours ivar controlplane_fingerprint": "f00",
            "sofia_gateway_data new ivar controlplane_fingerprint": "f01",
            "sofia_gateway_data theirs ivar controlplane_fingerprint": "-ERR no reply\n",
            "sofia_gateway_data dying ivar controlplane_fingerprint": "-ERR no reply\n",
            "sofia xmlstatus gateway theirs": gateway("theirs"),
            "sofia xmlstatus gateway dying": "Invalid Gateway!\n",
        }
    )
    found = await read_all(node, "fs1")
    assert {name: each.fingerprint for name, each in found.gateways.items()} == {
        "ours": "f00",
        "theirs": None,
        "new": "f01",
    }
    assert found.gateways["new"].copies == 1
    assert found.gateways["new"].state == "REGED"
    assert node.crossings == 3


@asynchronous
async def test_what_is_listed_twice_is_counted() -> None:
    node = Replies(
        {
            "sofia xmlstatus": PROFILES,
            "sofia xmlstatus gateway": listing(gateway("a"), gateway("a"), gateway("a")),
            "sofia_gateway_data a ivar controlplane_fingerprint": "f00",
        }
    )
    assert (await read_all(node, "fs1")).gateways["a"].copies == 3


@asynchronous
async def test_an_absence_is_confirmed_by_name() -> None:
    node = Replies(
        {
            "sofia xmlstatus": NO_PROFILES,
            "sofia xmlstatus gateway": listing(),
            "sofia xmlstatus gateway gone": "Invalid Gateway!\n",
            "sofia xmlstatus profile external": "Invalid Profile!\n",
        }
    )
    found = await read_all(node, "fs1", gateways=["gone"], profiles=["external"])
    assert found.gateways == {}
    assert found.profiles == {}


@pytest.mark.parametrize(("gateways", "profiles"), [(["a"], ["external"]), (["gone"], ["internal"])])
@asynchronous
async def test_a_list_that_contradicts_the_node_itself_is_an_error(
    gateways: list[str], profiles: list[str]
) -> None:
    node = Replies(
        {
            "sofia xmlstatus": NO_PROFILES,
            "sofia xmlstatus gateway": listing(),
            "sofia xmlstatus gateway a": gateway("a"),
            "sofia xmlstatus gateway gone": "Invalid Gateway!\n",
            "sofia xmlstatus profile external": "Invalid Profile!\n",
            "sofia xmlstatus profile internal": PROFILE.format("internal"),
        }
    )
    with pytest.raises(Unreadable, match="not listed, and yet"):
        await read_all(node, "fs1", gateways=gateways, profiles=profiles)


@pytest.mark.parametrize(
    "reply",
    ["", "-ERR sofia Command not found!\n", "<gateways><gateway><name>a</name>", "<html>busy</html>"],
)
@asynchronous
async def test_an_empty_or_garbled_list_is_an_error(reply: str) -> None:
    node = Replies({"sofia xmlstatus": PROFILES, "sofia xmlstatus gateway": reply})
    with pytest.raises(CommandFailed):
        await read_all(node, "fs1", gateways=["a"])


@asynchronous
async def test_a_node_that_tells_of_another_gateway_is_an_error() -> None:
    node = Replies(
        {
            "sofia xmlstatus gateway a": gateway("b"),
            "sofia_gateway_data a ivar controlplane_fingerprint": "f00",
        }
    )
    with pytest.raises(Unreadable):
        await read_some(node, "fs1", ["a"], [])


@asynchronous
async def test_a_fingerprint_without_a_gateway_is_an_error() -> None:
    node = Replies(
        {
            "sofia xmlstatus gateway a": "Invalid Gateway!\n",
            "sofia_gateway_data a ivar controlplane_fingerprint": "f00",
        }
    )
    with pytest.raises(Unreadable):
        await read_some(node, "fs1", ["a"], [])


@asynchronous
async def test_the_error_of_a_command_is_raised() -> None:
    node = Replies({"sofia xmlstatus profile external": "<profile></profile>"})
    with pytest.raises(UnexpectedReply):
        await read_some(node, "fs1", [], ["external"])
