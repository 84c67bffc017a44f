import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import repeat

import pytest

from esl import commands, queries
from esl.errors import (
    AccessDenied,
    AuthenticationFailed,
    CommandFailed,
    CommandRejected,
    CommandTimeout,
    ConnectFailed,
    ConnectionLost,
    NotConnected,
)
from esl.fleet import Fleet
from esl.link import LinkState, NodeAddress, backoff
from tests.esl.scripted import QUICK, AskBeside, ScriptedNode, Watch, body, fleet_of, reply, scripted


def test_a_link_comes_up_knowing_the_node() -> None:
    async def main() -> None:
        async with scripted() as node, fleet_of(node) as (fleet, watch):
            link = fleet.link("fs1")
            assert link is not None
            assert link == watch.links[-1]
            assert (link.state, link.epoch, link.core_uuid) == (LinkState.UP, 1, "core-1")
            assert (link.version, link.own_address, link.switchname) == ("1.11.2-release", "127.0.0.1", "fs1")
            assert link.since.utcoffset() is not None
            assert [each.state for each in watch.links] == [LinkState.CONNECTING, LinkState.UP]
            assert [line.split("\n")[0] for line in node.received] == [
                "auth ClueCon",
                "event json HEARTBEAT SHUTDOWN RELOADXML BACKGROUND_JOB FAILURE UNPUBLISH CUSTOM "
                "sofia::gateway_state sofia::gateway_add sofia::gateway_delete sofia::profile_start",
                "bgapi version",
            ]

    asyncio.run(main())


def test_commands_of_both_kinds_are_answered() -> None:
    async def main() -> None:
        async with scripted() as node, fleet_of(node) as (fleet, _):
            node.api["acl 192.0.2.5 lan"] = "true"
            node.api["sofia profile internal rescan"] = "Reload XML [Success]\n+OK scan complete\n"
            assert await fleet.run("fs1", queries.CheckAcl("192.0.2.5", "lan")) is True
            await fleet.run("fs1", commands.ProfileRescan("internal"))
            assert node.received[-1].startswith("bgapi sofia profile internal rescan\nJob-UUID: ")
            with pytest.raises(CommandFailed) as failed:
                await fleet.run("fs1", commands.ReloadXml())
            assert failed.value.reply == ""
            with pytest.raises(NotConnected, match="not held"):
                await fleet.run("fs9", commands.ReloadXml())

    asyncio.run(main())


def test_replies_of_concurrent_commands_are_not_mixed() -> None:
    async def main() -> None:
        policy = replace(QUICK, max_jobs=200)
        async with scripted() as node, fleet_of(node, policy=policy) as (fleet, _):
            node.api |= {f"global_getvar v{index}": f"{index}" for index in range(200)}
            both = [
                *(fleet.run("fs1", queries.GlobalVariable(f"v{index}")) for index in range(200)),
                *(fleet.run("fs1", AskBeside(f"global_getvar v{index}")) for index in range(200)),
            ]
            assert await asyncio.gather(*both) == [str(index) for index in range(200)] * 2

    asyncio.run(main())


def test_a_batch_is_answered_in_order_with_errors_in_place() -> None:
    async def main() -> None:
        async with scripted() as node, fleet_of(node) as (fleet, _):
            node.api |= {
                "global_getvar a": "1",
                "module_exists mod_x": "maybe",
                "global_getvar b": "2",
                "reloadxml": "+OK [Success]\n",
            }
            outcomes = await fleet.run_many(
                "fs1",
                [
                    queries.GlobalVariable("a"),
                    queries.ModuleExists("mod_x"),
                    commands.ReloadXml(),
                    queries.GlobalVariable("b"),
                ],
            )
            assert outcomes[0] == "1"
            assert isinstance(outcomes[1], CommandFailed)
            assert outcomes[2:] == [None, "2"]
            assert await fleet.run_many("fs1", []) == []
            assert all(
                isinstance(each, NotConnected)
                for each in await fleet.run_many("fs9", [queries.GlobalVariable("a")] * 3)
            )

    asyncio.run(main())


def test_an_unanswered_api_drops_the_connection_and_fails_the_rest() -> None:
    async def main() -> None:
        async with scripted() as node, fleet_of(node) as (fleet, watch):
            node.silent.add("api global_getvar slow")
            slow = asyncio.create_task(fleet.run("fs1", queries.GlobalVariable("slow"), timeout=0.1))
            node.silent.add("api global_getvar behind")
            behind = asyncio.create_task(fleet.run("fs1", queries.GlobalVariable("behind")))
            with pytest.raises(CommandTimeout):
                await slow
            with pytest.raises(ConnectionLost, match="not answered in time"):
                await behind
            await watch.state(LinkState.UP, epoch=2)
            down = [link for link in watch.links if link.state is LinkState.DOWN]
            assert "not answered in time" in down[0].reason

    asyncio.run(main())


def test_a_late_job_leaves_the_connection_alone() -> None:
    async def main() -> None:
        async with scripted() as node, fleet_of(node) as (fleet, watch):
            node.job_gate["reloadacl"] = asyncio.Event()
            node.api |= {"reloadacl": "+OK acl reloaded\n", "global_getvar a": "1"}
            with pytest.raises(CommandTimeout):
                await fleet.run("fs1", commands.ReloadAcl(), timeout=0.05)
            node.job_gate["reloadacl"].set()
            await fleet.run("fs1", commands.ReloadAcl())
            assert await fleet.run("fs1", queries.GlobalVariable("a")) == "1"
            assert node.accepted == 1
            assert len(watch.links) == 2

    asyncio.run(main())


def test_a_cut_connection_fails_what_is_under_way_and_comes_back() -> None:
    async def main() -> None:
        async with scripted() as node, fleet_of(node) as (fleet, watch):
            node.silent |= {"api global_getvar a", "reloadacl"}
            under_way = [
                asyncio.create_task(fleet.run("fs1", commands.ReloadAcl())),
                asyncio.create_task(fleet.run("fs1", queries.GlobalVariable("a"))),
            ]
            await node.heard(2 + 3)
            node.core_uuid = "core-2"
            node.cut()
            for task in under_way:
                with pytest.raises(ConnectionLost):
                    await task
            link = await watch.state(LinkState.UP, epoch=2)
            assert link.core_uuid == "core-2"

    asyncio.run(main())


def test_events_arrive_as_frozen_values() -> None:
    async def main() -> None:
        async with scripted() as node, fleet_of(node) as (_, watch):
            node.event("CUSTOM", "sofia::gateway_state", Gateway="gw-ok", State="REGED")
            node.event("HEARTBEAT", Up_Time="1")
            node.event("BACKGROUND_JOB", Job_UUID="of-another")
            node.event("FAILURE", profile_name="taken")
            await watch.until(lambda: len(watch.events) == 3)
            state, heartbeat, failure = watch.events
            assert (state.node, state.name, state.subclass) == ("fs1", "CUSTOM", "sofia::gateway_state")
            assert state.headers["Gateway"] == "gw-ok"
            assert (heartbeat.name, heartbeat.subclass) == ("HEARTBEAT", None)
            assert failure.name == "FAILURE"
            assert heartbeat.at.utcoffset() is not None

    asyncio.run(main())


def test_a_wrong_password_waits_longer_and_says_so() -> None:
    asked: list[tuple[float, float]] = []

    def delays(shortest: float, longest: float, jitter: float) -> Iterator[float]:
        asked.append((shortest, longest))
        return repeat(60.0 if shortest == QUICK.refused_min else 0.01)

    async def main() -> None:
        async with scripted() as node, fleet_of(up=False, backoff=delays) as (fleet, watch):
            await fleet.hold(node.address(password="no-such-secret"))
            link = await watch.state(LinkState.DOWN)
            assert "-ERR invalid" in link.reason
            assert "no-such-secret" not in link.reason + repr(node.address(password="no-such-secret"))
            with pytest.raises(AuthenticationFailed):
                await fleet.run("fs1", commands.ReloadXml())
            assert node.accepted == 1
            # The right password replaces it at once; it does not wait for the long delay.
            await fleet.hold(node.address())
            await watch.state(LinkState.UP)
            await fleet.release("fs1")
            assert fleet.link("fs1") is None
            assert watch.links[-1].state is LinkState.DOWN
            assert watch.links[-1].reason == "released"
            await fleet.release("fs1")

    asyncio.run(main())
    assert set(asked) >= {(QUICK.refused_min, QUICK.refused_max), (QUICK.backoff_min, QUICK.backoff_max)}


def test_a_node_whose_acl_denies_us_is_told_apart() -> None:
    async def main() -> None:
        async with scripted() as node, fleet_of(up=False) as (fleet, watch):
            node.deny = True
            await fleet.hold(node.address())
            link = await watch.state(LinkState.DOWN)
            assert "Access Denied, go away." in link.reason
            with pytest.raises(AccessDenied):
                await fleet.run("fs1", commands.ReloadXml())
            node.deny = False
            await watch.state(LinkState.UP)

    asyncio.run(main())


def test_an_unreachable_node_is_tried_until_it_is_there() -> None:
    async def main() -> None:
        node = ScriptedNode()
        await node.start()
        await node.stop()  # its port is now free, and refuses
        async with fleet_of(up=False) as (fleet, watch):
            await fleet.hold(node.address())
            link = await watch.state(LinkState.DOWN)
            assert "refused" in link.reason
            with pytest.raises(ConnectFailed, match="refused"):
                await fleet.run("fs1", commands.ReloadXml())
            await node.start()
            try:
                up = await watch.state(LinkState.UP)
                assert up.reason == ""
                downs = [each for each in watch.links if each.state is LinkState.DOWN]
                assert len(downs) == 1, "the same reason is told once"
            finally:
                await node.stop()

    asyncio.run(main())


def test_a_node_that_does_not_greet_is_given_up() -> None:
    async def main() -> None:
        async with (
            scripted() as node,
            fleet_of(up=False, policy=replace(QUICK, connect_timeout=0.1)) as (
                fleet,
                watch,
            ),
        ):
            node.greet = False
            await fleet.hold(node.address())
            link = await watch.state(LinkState.DOWN)
            assert "no login within 0.1 s" in link.reason
            node.greet = True
            await watch.state(LinkState.UP)

    asyncio.run(main())


def test_a_node_that_goes_silent_is_dropped() -> None:
    async def main() -> None:
        policy = replace(QUICK, idle_timeout=0.1, probe_timeout=0.1)
        async with scripted() as node, fleet_of(node, policy=policy) as (_, watch):
            node.silent.add("api global_getvar hostname")
            down = await watch.state(LinkState.DOWN)
            assert "'probe' was not answered in time" in down.reason
            node.silent.clear()
            await watch.state(LinkState.UP, epoch=2)
            # A quiet node that answers the probe stays.
            before = len(node.received)
            await node.heard(before + 3)
            assert node.received[-1] == "api global_getvar hostname"
            assert watch.links[-1].epoch == 2

    asyncio.run(main())


def test_shutdown_takes_the_link_down_before_the_node_closes() -> None:
    async def main() -> None:
        async with scripted() as node, fleet_of(node) as (fleet, watch):
            node.event("SHUTDOWN", Event_Info="System Shutting Down")
            down = await watch.state(LinkState.DOWN)
            assert down.reason == "the node is shutting down"
            node.event("CUSTOM", "sofia::gateway_delete", Gateway="gw-ok")
            with pytest.raises(NotConnected, match="shutting down"):
                await fleet.run("fs1", commands.ReloadXml())
            node.say(body("text/disconnect-notice", "The system is being shut down.\n"))
            node.core_uuid = "core-2"
            node.cut()
            up = await watch.state(LinkState.UP, epoch=2)
            assert up.core_uuid == "core-2"
            assert [event.name for event in watch.events] == ["SHUTDOWN"]

    asyncio.run(main())


def test_the_notice_of_a_disconnect_is_the_reason() -> None:
    async def main() -> None:
        async with scripted() as node, fleet_of(node) as (_, watch):
            node.say(body("text/disconnect-notice", "The system is being shut down.\n"))
            [writer] = node.writers
            writer.close()
            down = await watch.state(LinkState.DOWN)
            assert "The system is being shut down." in down.reason

    asyncio.run(main())


def test_a_refused_subscription_is_no_link() -> None:
    async def main() -> None:
        async with scripted() as node, fleet_of(up=False) as (fleet, watch):

            async def refuse(line: str, writer: asyncio.StreamWriter) -> bool:
                if line.startswith("event "):
                    writer.write(reply("-ERR command not found"))
                    return True
                return False

            node.on_line = refuse
            await fleet.hold(node.address())
            link = await watch.state(LinkState.DOWN)
            assert "event json: -ERR command not found" in link.reason

    asyncio.run(main())


def test_stopping_fails_what_waits_and_never_hangs() -> None:
    async def main() -> None:
        async with scripted() as node:
            async with fleet_of(node) as (fleet, watch):
                node.silent.add("reloadacl")
                waiting = asyncio.create_task(fleet.run("fs1", commands.ReloadAcl()))
                await node.heard(4)
            with pytest.raises(ConnectionLost):
                await waiting
            assert watch.links[-1].state is LinkState.DOWN
            assert fleet.links() == ()
            with pytest.raises(NotConnected, match="not running"):
                await fleet.run("fs1", commands.ReloadXml())
            await fleet.stop()

    asyncio.run(main())


def test_a_cancelled_caller_does_not_disturb_the_others() -> None:
    async def main() -> None:
        async with scripted() as node, fleet_of(node) as (fleet, _):
            node.api |= {"reloadacl": "+OK acl reloaded\n", "global_getvar a": "1"}
            node.job_gate["reloadacl"] = asyncio.Event()
            gone = asyncio.create_task(fleet.run("fs1", commands.ReloadAcl()))
            await node.heard(4)
            gone.cancel()
            node.job_gate["reloadacl"].set()
            assert await fleet.run("fs1", queries.GlobalVariable("a")) == "1"

    asyncio.run(main())


def test_a_callback_that_fails_does_not_stop_the_next(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        watch = Watch()

        def fail(_: object) -> None:
            raise RuntimeError("a bug above")

        fleet = Fleet(on_event=fail, on_link=watch.on_link, policy=QUICK)
        await fleet.start()
        async with scripted() as node:
            try:
                await fleet.hold(node.address())
                await watch.state(LinkState.UP)
                node.event("HEARTBEAT")
                node.api["global_getvar a"] = "1"
                assert await fleet.run("fs1", queries.GlobalVariable("a")) == "1"
            finally:
                await fleet.stop(3)

    asyncio.run(main())
    assert "a bug above" in caplog.text


@pytest.mark.parametrize("password", ["a\nb", "a\rb", "a\0b", ""])
def test_a_password_that_would_be_a_second_command_is_refused(password: str) -> None:
    with pytest.raises(ValueError, match="password") as refused:
        NodeAddress("fs1", "127.0.0.1", 8021, password)
    assert "a\n" not in str(refused.value)


def test_backoff_doubles_within_its_bounds() -> None:
    delays = backoff(1.0, 5.0, 0.0)
    assert [next(delays) for _ in range(5)] == [1.0, 2.0, 4.0, 5.0, 5.0]
    jittered = backoff(1.0, 1.0, 0.3)
    assert all(0.7 <= next(jittered) <= 1.0 for _ in range(100))


def test_events_that_nobody_takes_are_dropped_and_counted() -> None:
    async def main() -> None:
        policy = replace(QUICK, max_waiting_events=10)
        async with scripted() as node, fleet_of(node, policy=policy) as (fleet, watch):
            for number in range(200):
                node.event("HEARTBEAT", Number=str(number))
            # While this thread is busy the events pile up on their way to it.
            for writer in node.writers:
                await writer.drain()
            deadline = time.monotonic() + 5
            while not fleet.dropped_events and time.monotonic() < deadline:
                pass
            assert fleet.dropped_events > 0
            await watch.until(lambda: len(watch.events) + fleet.dropped_events == 200)
            assert [event.headers["Number"] for event in watch.events[:10]] == [
                str(number) for number in range(10)
            ]
            assert watch.links[-1].state is LinkState.UP

    asyncio.run(main())


def test_two_fleets_do_not_know_of_each_other() -> None:
    async def main() -> None:
        async with scripted() as node, fleet_of(node) as (one, _), fleet_of(node) as (two, _):
            node.api["global_getvar a"] = "1"
            await one.stop()
            assert await two.run("fs1", queries.GlobalVariable("a")) == "1"

    asyncio.run(main())


def test_a_reply_that_a_command_cannot_read_is_raised_where_it_was_asked_for() -> None:
    class Broken(commands.Command[int]):
        line = "global_getvar a"

        def read(self, reply: str) -> int:
            return int(reply)

    async def main() -> None:
        async with scripted() as node, fleet_of(node) as (fleet, _):
            node.api["global_getvar a"] = "no number"
            with pytest.raises(ValueError, match="invalid literal"):
                await fleet.run("fs1", Broken())
            with pytest.raises(ValueError, match="invalid literal"):
                await fleet.run_many("fs1", [Broken()])

    asyncio.run(main())


def test_a_command_of_others_making_is_checked_too() -> None:
    class Smuggler(commands.Command[str]):
        line = "status\n\napi fsctl shutdown"

        def read(self, reply: str) -> str:
            return reply

    async def main() -> None:
        async with scripted() as node, fleet_of(node) as (fleet, _):
            before = len(node.received)
            with pytest.raises(CommandRejected):
                await fleet.run("fs1", Smuggler())
            node.api["global_getvar a"] = "1"
            assert await fleet.run("fs1", queries.GlobalVariable("a")) == "1"
            assert node.received[before:] == ["api global_getvar a"]

    asyncio.run(main())


def test_a_job_that_the_node_refuses_fails_at_once() -> None:
    async def main() -> None:
        async with scripted() as node, fleet_of(node) as (fleet, _):

            async def refuse(line: str, writer: asyncio.StreamWriter) -> bool:
                if line.startswith("bgapi reloadacl"):
                    writer.write(reply("-ERR permission denied"))
                    return True
                return False

            node.on_line = refuse
            with pytest.raises(CommandFailed, match="permission denied"):
                await fleet.run("fs1", commands.ReloadAcl())

    asyncio.run(main())


@pytest.mark.parametrize("answer", [reply("+OK"), body("api/response", "x") * 2])
def test_replies_out_of_step_end_the_connection(answer: bytes) -> None:
    async def main() -> None:
        async with scripted() as node, fleet_of(node) as (fleet, watch):

            async def shifted(line: str, writer: asyncio.StreamWriter) -> bool:
                if line == "api global_getvar a":
                    writer.write(answer)
                    return True
                return False

            node.on_line = shifted
            [outcome] = await fleet.run_many("fs1", [queries.GlobalVariable("a")])
            assert outcome == "x" or isinstance(outcome, ConnectionLost)
            down = await watch.state(LinkState.DOWN)
            assert "out of step" in down.reason or "no command" in down.reason
            await watch.state(LinkState.UP, epoch=2)

    asyncio.run(main())


def test_a_login_as_a_user() -> None:
    async def main() -> None:
        async with scripted() as node, fleet_of(up=False) as (fleet, watch):
            address = replace(node.address(), user="1000@example.com")
            await fleet.hold(address)
            await watch.state(LinkState.UP)
            await fleet.hold(address)  # held already
            assert (len(watch.links), node.accepted) == (2, 1)
            assert node.received[0] == "userauth 1000@example.com:ClueCon"

    asyncio.run(main())
    for user in ("a:b", "a b", "a\nb"):
        with pytest.raises(CommandRejected):
            NodeAddress("fs1", "127.0.0.1", 8021, "x", user)
    for port in (0, 65536, -1):
        with pytest.raises(CommandRejected):
            NodeAddress("fs1", "127.0.0.1", port, "x")
