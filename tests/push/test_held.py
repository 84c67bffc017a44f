"""What would drop calls: held while there are any, told of, let through by word, and never done twice."""

import asyncio
from typing import Any

import pytest

from controlplane.desired.revisions import Put
from controlplane.desired.values import Noun
from controlplane.push.queue import State
from controlplane.store import Vault
from tests.desired.house import put
from tests.push.living import EXTERNAL, Middle, World, gateway, until, world
from tests.push.loop import asynchronous

RESTART = "sofia profile external restart"
WHY = "only a restart of the profile takes over sip-port; it would drop 2 legs of calls"


def external(port: int, **params: str) -> Put:
    return put(Noun.PROFILE, "external", params={"sip-port": str(port), "context": "public", **params})


def voicemail(value: str) -> Put:
    settings = f'<settings><param name="x" value="{value}"/></settings>'
    xml = f'<configuration name="voicemail.conf">{settings}</configuration>'
    return put(Noun.DOCUMENT, "voicemail.conf", xml=xml)


async def calls(land: World, count: int) -> None:
    assert await land.api("fs1", f"standin calls external {count}") == "+OK\n"


async def begun(land: World) -> int:
    """A node that carries calls, and where its commands stand."""
    await land.add("fs1")
    await land.middle.settled("fs1")
    await land.grown_up("fs1", "external")
    await calls(land, 2)
    return len(land.commands("fs1"))


async def applied(land: World) -> None:
    async def so() -> bool:
        return (await land.middle.status("fs1")).in_sync is True

    await until(so)
    assert (await land.middle.status("fs1")).held == {}
    assert await land.middle.findings("fs1") == {}


@asynchronous
async def test_a_restart_waits_for_the_calls_to_end_over_a_restart_of_ours(
    database_url: str, vault: Vault
) -> None:
    async with world(database_url, vault, (EXTERNAL,)) as land:
        before = await begun(land)
        middle = land.middle
        revision = await middle.commit(external(5081, context="other"), gateway("gw"))
        await middle.settled("fs1")
        # The rest goes out at once.
        assert middle.last().state is State.HELD
        assert land.commands("fs1")[before:] == ["sofia profile external rescan"]
        assert await middle.runs("fs1", {"gw"})
        status = await middle.status("fs1")
        assert status.held == {"profile/external": WHY}
        assert (status.in_sync, status.why) == (False, f"profile/external is held: {WHY}")
        assert status.applied_revision < revision.number
        assert await middle.findings("fs1") == {"held profile/external": WHY}
        [push, *_] = await middle.pushes("fs1")
        assert push.detail["held"] == [
            {"for": "calls", "what": "profile/external", "reason": WHY, "command": RESTART}
        ]
        await middle.kill()
        middle = await land.again()
        assert (await middle.status("fs1")).held == {"profile/external": WHY}
        await calls(land, 0)
        await applied(land)
        done = ["sofia profile external rescan", "xml_flush_cache", RESTART]
        assert land.commands("fs1")[before:] == done
        assert land["fs1"].profiles["external"].port == 5081
        assert await middle.runs("fs1", {"gw"})
        assert (await middle.status("fs1")).applied_revision >= revision.number


@asynchronous
async def test_the_operators_word_lets_it_through(url: str, vault: Vault) -> None:
    async with world(url, vault, (EXTERNAL,)) as land:
        before = await begun(land)
        middle = land.middle
        assert await middle.pusher.let("fs1") == set()
        await middle.commit(external(5081))
        await middle.settled("fs1")
        assert await middle.pusher.let("fs1", ["profile/internal"]) == set()
        assert await middle.pusher.let("fs1") == {"profile/external"}
        await applied(land)
        assert land.commands("fs1")[before:] == [RESTART]
        profile = land["fs1"].profiles["external"]
        assert (profile.port, profile.calls) == (5081, 0)


@asynchronous
async def test_a_profile_that_is_desired_no_more_keeps_its_calls(url: str, vault: Vault) -> None:
    async with world(url, vault, (EXTERNAL, gateway("gw"))) as land:
        before = await begun(land)
        middle = land.middle
        await middle.delete(Noun.GATEWAY, "gw")
        await middle.delete(Noun.PROFILE, "external")
        await middle.settled("fs1")
        assert land.commands("fs1")[before:] == ["sofia profile external killgw gw"]
        assert list((await middle.status("fs1")).held) == ["profile/external"]
        await calls(land, 0)
        await applied(land)
        assert land.commands("fs1")[before + 1 :] == ["sofia profile external stop"]
        assert not land["fs1"].profiles


@asynchronous
async def test_a_module_is_reloaded_once_nobody_calls(url: str, vault: Vault) -> None:
    async with world(url, vault, (EXTERNAL, voicemail("1"))) as land:
        before = await begun(land)
        middle = land.middle
        await middle.commit(voicemail("2"))
        await middle.settled("fs1")
        why = "voicemail.conf changed; it would drop 2 legs of calls"
        assert (await middle.status("fs1")).held == {"module/mod_voicemail": why}
        await calls(land, 0)
        await applied(land)
        assert land.commands("fs1")[before:] == ["reload mod_voicemail"]


@asynchronous
async def test_a_reload_that_failed_is_made_good(url: str, vault: Vault) -> None:
    """A module that would not unload runs on; one that our reload left unloaded is loaded again."""
    async with world(url, vault, (EXTERNAL, voicemail("1"))) as land:
        before = await begun(land)
        middle = land.middle
        await calls(land, 0)
        land["fs1"].faults.errors["^reload mod_voicemail"] = (
            "+OK Reloading XML\n-ERR unloading module [Module in use]\n"
            "-ERR loading module [Module already loaded]\n"
        )
        await middle.commit(voicemail("2"))
        await middle.waiting_for("fs1", "Module in use")
        land["fs1"].faults.errors["^reload mod_voicemail"] = (
            "+OK Reloading XML\n+OK module unloaded\n-ERR loading module [no memory]\n"
        )
        await land.api("fs1", "unload mod_voicemail")
        await applied(land)
        assert land.commands("fs1")[-1] == "load mod_voicemail"
        assert await land.api("fs1", "module_exists mod_voicemail") == "true"
        # It is somebody's own doing that it is unloaded now.
        land["fs1"].faults.errors.clear()
        await land.api("fs1", "unload mod_voicemail")
        await middle.commit(voicemail("3"))
        await middle.settled("fs1")
        assert await land.api("fs1", "module_exists mod_voicemail") == "false"
        assert len(land.commands("fs1")) > before


@asynchronous
async def test_a_document_that_nobody_reads_holds_nothing_back(url: str, vault: Vault) -> None:
    async with world(url, vault, (EXTERNAL,)) as land:
        before = await begun(land)
        middle = land.middle
        xml = '<configuration name="lcr.conf"><settings/></configuration>'
        revision = await middle.commit(put(Noun.DOCUMENT, "lcr.conf", xml=xml))
        await middle.settled("fs1")
        assert middle.last().state is State.APPLIED
        status = await middle.status("fs1")
        assert (status.in_sync, status.applied_revision) == (True, revision.number)
        why = "nobody on the node reads it: mod_lcr is not loaded"
        assert await middle.findings("fs1") == {"document-unread lcr.conf": why}
        assert land.commands("fs1")[before:] == []
        await middle.delete(Noun.DOCUMENT, "lcr.conf")
        await middle.settled("fs1")
        assert await middle.findings("fs1") == {}


@asynchronous
async def test_a_profile_that_said_it_started_and_failed_stalls_with_the_nodes_words(
    url: str, vault: Vault
) -> None:
    async with world(url, vault, (EXTERNAL,)) as land:
        await begun(land)
        middle = land.middle
        land["fs1"].faults.taken_ports.add(5999)
        await middle.commit(put(Noun.PROFILE, "late", params={"sip-port": "5999"}))
        await until(lambda: middle.ended and middle.last().state is State.STALLED, within=20)
        assert "Profile failed to start." in middle.last().reason
        assert (await middle.status("fs1")).in_sync is False


@pytest.mark.parametrize("what", [external, voicemail])
@asynchronous
async def test_broken_off_anywhere_it_is_not_done_twice(url: str, vault: Vault, what: Any) -> None:
    command = RESTART if what is external else "reload mod_voicemail"
    async with world(url, vault, (EXTERNAL, voicemail("0"))) as land:
        await begun(land)
        await calls(land, 0)
        # What comes before the step is broken off elsewhere.
        number, reached, words = 5, True, 0
        while reached:
            number += 1
            await land.grown_up("fs1", "external")
            since = len(land.commands("fs1"))
            reached = await _break_off(land, land.middle, number, what(6000 + number))
            unknown = await _done(land)
            times = land.commands("fs1")[since:].count(command)
            assert times <= 1 + unknown, (number, times)
            words += unknown
        assert number > 12
        # Around the command, till its receipt is there, and there alone.
        assert words <= 4


async def _done(land: World) -> bool:
    """Return once the node is in sync: whether a word of the operator was needed."""
    unknown = False

    async def so() -> bool:
        nonlocal unknown
        status = await land.middle.status("fs1")
        if "whether it was done is not known" in status.why:
            unknown = True
            await land.middle.pusher.let("fs1")
        return status.in_sync is True

    await until(so)
    return unknown


async def _break_off(land: World, middle: Middle, number: int, item: Put) -> bool:
    middle.gate.left = number - 1
    revision = (await middle.commit(item)).number

    def through() -> bool:
        return any(
            ended.attempted_revision >= revision and ended.state is State.APPLIED for ended in middle.ended
        )

    await until(lambda: middle.gate.reached.is_set() or through())
    middle.gate.left = None
    if not middle.gate.reached.is_set():
        return False
    await middle.kill()
    await asyncio.sleep(0)
    await land.again()
    return True
