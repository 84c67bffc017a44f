"""Suspended nodes are answered and compared, and sent nothing."""

import pytest

from controlplane.desired.revisions import Delete
from controlplane.desired.values import GLOBAL, Key, Noun, Scope
from controlplane.observed.drift import Kind
from controlplane.push.queue import State
from controlplane.store import Vault
from tests.desired.house import node
from tests.push.living import EXTERNAL, Middle, World, gateway, until, world
from tests.push.loop import asynchronous

BOTH = ("fs1", "fs2")
ONE = Scope(node="fs1")
KILL = "sofia profile external killgw gw"


@asynchronous
async def test_a_suspended_node_is_compared_and_sent_nothing_till_it_is_resumed(
    url: str, vault: Vault
) -> None:
    async with world(url, vault, (EXTERNAL, gateway("gw"))) as land:
        middle = land.middle
        await land.add(*BOTH)
        await middle.settled(*BOTH)
        assert middle.pusher.may_cache("fs1")
        await middle.pusher.suspend([ONE], "the carrier tests", "me")
        before = land.commands("fs1")
        assert not middle.pusher.may_cache("fs1")
        await middle.commit(gateway("new"))
        await middle.settled("fs2")
        await land.api("fs1", KILL)
        await until(lambda: "gw" not in land["fs1"].gateways)
        [compared] = await middle.reconciler.run(["fs1"])
        assert {each.kind for each in compared.drift} == {Kind.MISSING}
        assert not compared.pushed
        status = await middle.status("fs1")
        assert status.in_sync is False
        assert "a push is waiting: suspended (node:fs1) since" in status.why
        assert "by me: the carrier tests" in status.why

        middle = await _restarted(land)
        suspension = middle.pusher.suspended("fs1")
        assert suspension is not None
        assert (suspension.reason, suspension.actor) == ("the carrier tests", "me")
        # Neither the push that waited nor what the link's return brings.
        assert land.commands("fs1") in (before, [*before, KILL])

        assert await middle.pusher.resume([ONE, GLOBAL]) == [ONE]
        await middle.settled("fs1")
        await until(lambda: "new" in land["fs1"].gateways)
        assert (await middle.pushes("fs1"))[0].state is State.APPLIED


async def _restarted(land: World) -> Middle:
    await land.middle.stop()
    return await land.again()


@asynchronous
async def test_groups_and_the_whole_fleet_are_suspended_as_such(url: str, vault: Vault) -> None:
    async with world(url, vault) as land:
        middle = land.middle
        eu = Scope(groups=("eu",))
        await middle.commit(node("fs1", "eu"), node("fs2"))
        await middle.pusher.suspend([eu, GLOBAL], "a freeze", "me")
        await middle.commit(node("fs3", "eu"))
        assert [_scope(middle, name) for name in ("fs1", "fs2", "fs3")] == [eu, GLOBAL, eu]
        assert await middle.pusher.resume([GLOBAL]) == [GLOBAL]
        assert [_scope(middle, name) for name in ("fs1", "fs2", "fs3")] == [eu, None, eu]


def _scope(middle: Middle, node: str) -> Scope | None:
    found = middle.pusher.suspended(node)
    return found.scope if found is not None else None


@pytest.mark.parametrize("again", [False, True], ids=["same life", "next life"])
@asynchronous
async def test_a_node_that_comes_under_a_former_ones_name_is_not_suspended(
    url: str, vault: Vault, again: bool
) -> None:
    async with world(url, vault) as land:
        middle = land.middle
        await middle.commit(node("fs1"))
        await middle.pusher.suspend([ONE], "it smokes", "me")
        await middle.commit(Delete(Key(Noun.NODE, "fs1")))
        await middle.commit(node("fs1"))
        if again:
            middle = await _restarted(land)
        assert middle.pusher.suspended("fs1") is None
