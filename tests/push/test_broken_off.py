"""A push broken off at any point: the queue is right, and the daemon's next life ends where it should."""

import asyncio

import pytest

from controlplane.desired.revisions import Item
from controlplane.desired.values import Noun
from controlplane.push.queue import State
from controlplane.store import Vault
from tests.desired.house import put
from tests.push.living import Middle, World, gateway, until, world
from tests.push.loop import asynchronous

DOMAIN = put(Noun.DOMAIN, "c.example", cacheable=60_000)


def everything(number: int) -> list[Item]:
    """Of each kind that a push brings to a node one, as it is in this round."""
    return [
        put(Noun.PROFILE, "external", params={"sip-port": "5080", "context": f"context-{number}"}),
        gateway("gw", f"password-{number}"),
        put(Noun.ACL, "lan", default="deny", entries=[{"type": "allow", "cidr": f"10.0.{number}.0/24"}]),
        put(Noun.USER, "1", "c.example", params={"password": f"password-{number}"}),
    ]


async def check(land: World, number: int, since: int) -> None:
    middle, switch = land.middle, land["fs1"]
    assert await middle.runs("fs1", {"gw"})
    assert switch.gateways["gw"].params["password"] == f"password-{number}"
    assert switch.profiles["external"].settings["context"] == f"context-{number}"
    assert await land.api("fs1", f"acl 10.0.{number}.1 lan") == "true"
    done = land.commands("fs1")[since:]
    assert "xml_flush_cache id 1 c.example" in done
    # Whatever else is done twice: what is gone already, or replaced already, is not killed again.
    assert done.count("sofia profile external killgw gw") == 1
    [newest, *_] = await middle.pushes("fs1")
    assert newest.state is State.APPLIED
    status = await middle.status("fs1")
    assert (status.in_sync, status.why) == (True, "")


@pytest.mark.parametrize("politely", [False, True])
@asynchronous
async def test_broken_off_anywhere(url: str, vault: Vault, politely: bool) -> None:
    async with world(url, vault, [DOMAIN, *everything(0)]) as land:
        await land.add("fs1")
        await land.middle.settled("fs1")
        number, reached = 0, True
        while reached:
            number += 1
            since = len(land.commands("fs1"))
            reached = await _break_off(land, land.middle, number, politely)
            await land.middle.settled("fs1")
            await check(land, number, since)
        # Taking, reading, flushing, proving, killing, waiting, rescanning, the lists, looking: each twice.
        assert number > 16


async def _break_off(land: World, middle: Middle, number: int, politely: bool) -> bool:
    """Commit this round's state and end the daemon at that point of its push; False: it was through."""
    middle.gate.left = number - 1
    revision = (await middle.commit(*everything(number))).number

    def through() -> bool:
        return any(ended.attempted_revision >= revision for ended in middle.ended)

    await until(lambda: middle.gate.reached.is_set() or through())
    middle.gate.left = None
    if not middle.gate.reached.is_set():
        return False
    if politely:
        stopping = asyncio.create_task(middle.pusher.stop(0.0))
        middle.gate.open()
        await stopping
        states = {push.state for push in await middle.pushes("fs1")}
        assert states <= {State.WAITING, State.APPLIED, State.SUPERSEDED}
        await middle.stop()
    else:
        await middle.kill()
    await land.again()
    return True


@asynchronous
async def test_a_killed_daemons_pushes_are_taken_up(database_url: str, vault: Vault) -> None:
    """On each database, while the node is away and is restarted, too."""
    async with world(database_url, vault, [DOMAIN, *everything(0)]) as land:
        await land.add("fs1")
        await land.middle.settled("fs1")
        since = len(land.commands("fs1"))
        assert await _break_off(land, land.middle, 8, politely=False)
        await land.middle.settled("fs1")
        await check(land, 8, since)
        middle = land.middle
        middle.gate.left = 1
        await middle.commit(*everything(9))
        await middle.gate.reached.wait()
        await middle.kill()
        await land.reboot("fs1")
        middle = await land.again()
        # Nobody answered it while it came up, so that mod_sofia did not load; somebody sees to that.
        await land.api("fs1", "load mod_sofia")

        async def in_sync() -> bool:
            return (await middle.status("fs1")).in_sync is True

        await until(in_sync)
        assert await middle.runs("fs1", {"gw"})
        assert land["fs1"].profiles["external"].settings["context"] == "context-9"
        assert await land.api("fs1", "acl 10.0.9.1 lan") == "true"
