"""A push that its node keeps waiting ends at its deadline, and is tried again."""

from dataclasses import replace

from controlplane.store import Vault
from tests.push.living import EXTERNAL, POLICY, gateway, world
from tests.push.loop import asynchronous


@asynchronous
async def test_a_node_that_says_nothing_is_given_up_at_the_deadline_and_tried_again(
    url: str, vault: Vault
) -> None:
    async with world(url, vault, (EXTERNAL,), policy=replace(POLICY, deadline=0.5)) as land:
        middle = land.middle
        await land.add("fs1", "fs2")
        await middle.settled("fs1", "fs2")
        land["fs1"].faults.stall = True
        await middle.commit(gateway("gw"))
        await middle.settled("fs2")
        assert await middle.runs("fs2", {"gw"})
        push = await middle.waiting_for("fs1", "the node did not answer in time")
        assert push.attempts == 0
        land["fs1"].faults.stall = False
        await middle.settled("fs1")
        assert await middle.runs("fs1", {"gw"})
