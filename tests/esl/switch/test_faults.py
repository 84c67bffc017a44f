"""Every fault, as a client or a backend sees it."""

import asyncio
from collections.abc import Callable, Coroutine

from esl.switch import Switch, SwitchConfig
from tests.esl.switch.backend import backend, canned
from tests.esl.switch.client import client, until


def with_switch(test: Callable[[Switch], Coroutine[None, None, None]]) -> None:
    async def main() -> None:
        disk = {"sofia.conf": canned("sofia-gw1.conf.xml")}
        async with Switch(SwitchConfig(disk=disk)) as switch:
            await test(switch)

    asyncio.run(main())


def test_refuse_closes_without_a_greeting() -> None:
    async def test(switch: Switch) -> None:
        switch.faults.refuse = True
        async with client(switch.port, password=None) as refused:
            assert await refused.reply() is None
        switch.faults.refuse = False
        async with client(switch.port) as taken:
            assert await taken.api("global_getvar hostname") == "fs1"

    with_switch(test)


def test_stall_answers_nothing_till_it_ends() -> None:
    async def test(switch: Switch) -> None:
        async with client(switch.port) as stalled:
            switch.faults.stall = True
            stalled.write("api global_getvar hostname\n\n")
            waiting = asyncio.create_task(stalled.reply())
            await until(lambda: not switch.busy, "idle")
            assert not waiting.done()
            assert not switch.commands
            switch.faults.stall = False
            frame = await waiting
            assert frame is not None
            assert frame.body == "fs1"

    with_switch(test)


def test_cut_ends_the_connection_within_a_frame_once() -> None:
    async def test(switch: Switch) -> None:
        async with client(switch.port) as cut:
            switch.faults.cut = 10
            cut.write("api global_getvar hostname\n\n")
            assert await cut.reply() is None
        async with client(switch.port) as whole:
            assert await whole.api("global_getvar hostname") == "fs1"

    with_switch(test)


def test_garble_damages_one_reply() -> None:
    async def test(switch: Switch) -> None:
        async with client(switch.port) as garbled:
            switch.faults.garble = True
            frame = await garbled.send("api global_getvar hostname")
            assert b"Content" not in frame.raw
            assert not switch.faults.garble

    with_switch(test)


def test_errors_are_answered_instead_of_running_the_command() -> None:
    async def test(switch: Switch) -> None:
        switch.faults.errors["killgw"] = "-ERR broken\n"
        async with client(switch.port) as connection:
            assert await connection.api("sofia profile external killgw gw-noreg") == "-ERR broken\n"
            assert "gw-noreg" in switch.gateways
            assert await connection.api("global_getvar hostname") == "fs1"

    with_switch(test)


def test_lost_events_do_not_come() -> None:
    async def test(switch: Switch) -> None:
        switch.faults.lose.add("sofia::gateway_delete")
        async with client(switch.port, events="json ALL") as connection:
            await connection.api("sofia profile external killgw gw-noreg")
            await until(lambda: len(switch.profiles["external"].gateways) == 4, "the gateway is gone")
            await connection.api("reloadxml")
            await until(
                lambda: any(each["Event-Name"] == "RELOADXML" for each in connection.events), "RELOADXML"
            )
            assert not [
                each for each in connection.events if "gateway_delete" in each.get("Event-Subclass", "")
            ]

    with_switch(test)


def test_blocked_lookups_do_not_reach_the_backend() -> None:
    async def main() -> None:
        async with backend() as served:
            served.documents["sofia.conf"] = canned("sofia-gw1.conf.xml")
            async with Switch(SwitchConfig(xml_curl_url=served.url)) as switch:
                asked = len(served.requests)
                line = "xml_locate configuration configuration name sofia.conf"
                async with client(switch.port) as connection:
                    assert await connection.api("standin block_lookups on") == "+OK\n"
                    assert await connection.api(line) == "can't find anything\n"
                    assert len(served.requests) == asked
                    assert switch.lookups[-1].status is None
                    assert await connection.api("standin block_lookups off") == "+OK\n"
                    assert "gw-ok" in await connection.api(line)

    asyncio.run(main())


def test_a_reboot_is_a_new_life_on_the_same_port() -> None:
    async def test(switch: Switch) -> None:
        before, port = switch.core_uuid, switch.port
        async with client(port, events="json SHUTDOWN") as connection:
            assert await connection.api("standin reboot") == "+OK\n"
            frame = await connection.reply()
            assert frame is not None
            assert frame.body == "The system is being shut down.\n"
            assert await connection.reply() is None
            assert [each["Event-Info"] for each in connection.events] == ["System Shutting Down"]
        await until(
            lambda: switch.core_uuid != before and switch.gateways and switch.port == port, "up again"
        )

    with_switch(test)


def test_a_list_that_does_not_hold_us_turns_us_away_as_recorded() -> None:
    async def main() -> None:
        disk = {"acl.conf": canned("acl.conf.xml")}
        config = SwitchConfig(disk=disk, inbound_acl="lan")
        async with Switch(config) as switch, client(switch.port, password=None) as denied:
            frame = await denied.reply()
            assert frame is not None
            assert frame.body == "Access Denied, go away.\n"
            goodbye = await denied.reply()
            assert goodbye is not None
            assert goodbye.headers["Content-Type"] == "text/disconnect-notice"
            assert await denied.reply() is None

    asyncio.run(main())
