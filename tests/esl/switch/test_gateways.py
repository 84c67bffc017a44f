"""Gateways that fail, against the recorded streams: what they go through, in which order."""

import asyncio
from itertools import pairwise

from esl.switch import Switch, SwitchConfig, Timing
from tests.esl.switch.backend import canned
from tests.esl.switch.client import client, until
from tests.esl.switch.test_replay_sofia import recorded_events

NEXT = ("Gateway", "State", "Phrase", "Status", "Register-Network-Port")


def moves(events: list[dict[str, str]], name: str) -> set[tuple[tuple[str | None, ...], ...]]:
    """Each step from one told state to the next, of one gateway; kills and restarts are left out."""
    told = [each for each in events if each.get("Gateway") == name]
    steps = [tuple(each.get(key) for key in NEXT) for each in told]
    return {pair for pair in pairwise(steps) if all(state[1] not in (None, "DOWN") for state in pair)}


def test_failing_gateways_go_round_as_recorded() -> None:
    expected = [*recorded_events("gateways"), *recorded_events("profiles")]

    async def main() -> None:
        config = SwitchConfig(disk={"sofia.conf": canned("sofia-gw1.conf.xml")}, timing=Timing(0.005, 3600))
        async with Switch(config) as switch, client(switch.port, events="plain ALL") as connection:
            for name in ("gw-fail", "gw-timeout"):
                await connection.api(f"sofia profile external killgw {name}")
            await until(lambda: len(switch.profiles["external"].gateways) == 3, "both are gone")
            await connection.api("sofia profile external rescan")
            for name in ("gw-fail", "gw-timeout"):
                wanted = moves(expected, name)
                assert wanted
                await until(lambda n=name, w=wanted: w <= moves(connection.events, n), f"{name} went round")  # type: ignore[misc]
            # a list is no XML while one waits, and still shows the wait
            assert "(retry: " in await connection.api("sofia xmlstatus")

    asyncio.run(main())
