"""What is known of a node by its events and heartbeats."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controlplane.observed.live import Heartbeat, Live, LiveGateway, LiveProfile
from esl.commands import Command
from esl.errors import CommandFailed
from esl.link import NodeEvent
from esl.queries import GatewayStatuses, Modules, Profiles
from tests.push.loop import asynchronous

AT = datetime(2026, 11, 24, tzinfo=UTC)
LATER = AT + timedelta(minutes=1)
BEAT = {
    "Event-Date-Timestamp": str(int((AT.timestamp() + 90) * 1_000_000)),
    "Uptime-msec": "61500",
    "Session-Count": "3",
    "Max-Sessions": "1000",
    "Session-Per-Sec": "30",
    "Session-Per-Sec-Last": "2",
    "Session-Since-Startup": "40",
    "Idle-CPU": "97.500000",
}
GATEWAY = (
    "<gateway><name>{0}</name><profile>external</profile><state>{1}</state><status>{2}</status>"
    "<uptime-usec>{3}</uptime-usec></gateway>"
)
REPLIES = {
    "sofia xmlstatus": "<profiles><profile><name>external</name><type>profile</type><data>sip:x@y</data>"
    "<state>RUNNING (0)</state></profile></profiles>\n",
    "sofia xmlstatus gateway": "<gateways>"
    + GATEWAY.format("up", "REGED", "UP", 60_000_000)
    + GATEWAY.format("down", "FAIL_WAIT", "DOWN", 0)
    + "</gateways>\n",
    "show modules as json": '{"row_count":3,"rows":[{"ikey":"mod_sofia"},{"ikey":"mod_sofia"},'
    '{"ikey":"CORE_PCM_MODULE"}]}',
}


class Replies:
    """A node that answers from a table."""

    async def run_many(self, node: str, commands: Sequence[Command[Any]]) -> list[Any]:
        return [command.read(REPLIES[command.line]) for command in commands]


def event(name: str, at: datetime = AT, subclass: str | None = None, **told: str) -> NodeEvent:
    headers: Mapping[str, str] = {key.replace("_", "-"): value for key, value in told.items()}
    return NodeEvent("fs1", name, subclass, headers, at)


def sofia(subclass: str, at: datetime = AT, **told: str) -> NodeEvent:
    return NodeEvent("fs1", "CUSTOM", f"sofia::{subclass}", told, at)


def test_a_heartbeat_is_read() -> None:
    live = Live()
    assert live.of("fs1").heartbeat is None
    live.heard(NodeEvent("fs1", "HEARTBEAT", None, BEAT, AT))
    assert live.of("fs1").heartbeat == Heartbeat(AT, 61.5, 3, 1000, 2, 40, 97.5, 90.0)
    assert not live.heard(NodeEvent("fs1", "HEARTBEAT", None, {**BEAT, "Session-Count": "many"}, LATER))
    beat = live.of("fs1").heartbeat
    assert beat is not None
    assert beat.at == AT
    live.gone("fs1")
    assert live.of("fs1").heartbeat is None


def test_a_node_is_asked_anew_at_its_first_heartbeat_and_at_times() -> None:
    live = Live()
    beats = [AT + timedelta(minutes=minute) for minute in (0, 1, 5, 6, 10)]
    due = [live.heard(NodeEvent("fs1", "HEARTBEAT", None, BEAT, at)) for at in beats]
    assert due == [True, False, True, False, True]


def test_a_gateway_that_tells_no_state_is_asked_for_at_the_next_heartbeat() -> None:
    """One that does not register tells none after it was added."""
    live = Live()
    live.heard(NodeEvent("fs1", "HEARTBEAT", None, BEAT, AT))
    live.heard(sofia("gateway_add", AT, **{"Gateway": "gw", "profile-name": "external"}))
    later = AT + timedelta(seconds=20)
    assert live.heard(NodeEvent("fs1", "HEARTBEAT", None, BEAT, later))
    live.heard(sofia("gateway_state", later, Gateway="gw", State="TRYING"))
    assert not live.heard(NodeEvent("fs1", "HEARTBEAT", None, BEAT, later))


def test_a_gateway_is_followed_from_state_to_state() -> None:
    live = Live()
    told = {"Gateway": "gw", "profile-name": "external"}
    live.heard(sofia("gateway_add", AT, **told))
    live.heard(sofia("gateway_state", AT, Gateway="gw", State="REGED", **{"Ping-Status": "UP"}))
    assert live.of("fs1").gateways["gw"] == LiveGateway("gw", "external", "REGED", True, AT)
    # A ping that is not answered changes no state.
    live.heard(sofia("gateway_state", LATER, Gateway="gw", State="REGED", **{"Ping-Status": "DOWN"}))
    assert live.of("fs1").gateways["gw"] == LiveGateway("gw", "external", "REGED", False, AT)
    assert live.of("fs1").ailing() == ""
    live.heard(sofia("gateway_state", LATER, Gateway="gw", State="FAIL_WAIT"))
    assert live.of("fs1").gateways["gw"].since == LATER
    assert live.of("fs1").ailing() == "gateway gw is FAIL_WAIT"
    live.heard(sofia("gateway_delete", LATER, **told))
    assert not live.of("fs1").gateways


def test_a_profile_that_said_it_started_and_did_not_is_told_of() -> None:
    live = Live()
    live.heard(sofia("profile_start", profile_name="internal"))
    assert live.of("fs1").profiles == {"internal": LiveProfile("internal", "RUNNING", AT)}
    live.heard(NodeEvent("fs1", "FAILURE", None, {"profile_name": "internal"}, LATER))
    assert live.of("fs1").ailing() == "profile internal could not start"
    live.heard(NodeEvent("fs1", "UNPUBLISH", None, {"profile_name": "internal"}, LATER))
    assert not live.of("fs1").profiles


def test_of_many_that_ail_a_few_are_named() -> None:
    live = Live()
    for number in range(5):
        live.heard(sofia("gateway_state", Gateway=f"gw{number}", State="FAILED"))
    ailing = live.of("fs1").ailing()
    assert ailing == "gateway gw0 is FAILED; gateway gw1 is FAILED; gateway gw2 is FAILED and 2 more"


@asynchronous
async def test_what_is_asked_once_and_what_was_heard_go_together() -> None:
    live = Live()
    live.heard(sofia("gateway_state", AT, Gateway="down", State="FAIL_WAIT"))
    live.heard(sofia("gateway_state", AT, Gateway="gone", State="REGED"))
    live.heard(sofia("profile_start", profile_name="external"))
    await live.look(Replies(), "fs1")
    facts = live.of("fs1")
    assert facts.modules == frozenset({"mod_sofia"})
    assert facts.profiles == {"external": LiveProfile("external", "RUNNING", AT)}
    assert sorted(facts.gateways) == ["down", "up"]
    assert facts.gateways["down"] == LiveGateway("down", "external", "FAIL_WAIT", False, AT)
    since = facts.gateways["up"].since
    assert since is not None
    assert timedelta(seconds=55) < datetime.now(UTC) - since < timedelta(seconds=90)


@pytest.mark.parametrize("reply", ["-ERR no reply\n", '{"rows": 1', '{"rows": [1]}', '{"rows": [{}]}'])
def test_modules_that_cannot_be_read_are_none_that_are_not_there(reply: str) -> None:
    with pytest.raises(CommandFailed):
        Modules().read(reply)
    assert Modules().read('{"row_count": 0}\n') == frozenset()
    assert [Profiles().line, GatewayStatuses().line, Modules().line] == list(REPLIES)
