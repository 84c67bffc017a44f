"""A gateway that changes all the time rests on its node, and ends as it should be."""

from dataclasses import replace

from controlplane.desired.values import Noun
from controlplane.push.flapping import Flapping
from controlplane.store import Vault
from tests.push.living import EXTERNAL, POLICY, gateway, world
from tests.push.loop import asynchronous


def test_so_many_within_the_time_and_then_it_rests() -> None:
    now = 0.0
    flapping = Flapping(2, 10.0, lambda: now)
    flapping.killed("fs1", ["a", "b"])
    assert flapping.resting("fs1") == {}
    now = 4.0
    flapping.killed("fs1", ["a"])
    assert flapping.resting("fs1") == {"a": 6.0}
    assert flapping.resting("fs2") == {}
    now = 10.0
    assert flapping.resting("fs1") == {}
    flapping.killed("fs1", ["a"])
    assert flapping.resting("fs1") == {"a": 4.0}
    flapping.restarted("fs1")
    assert flapping.resting("fs1") == {}


@asynchronous
async def test_what_changes_meanwhile_goes_out_together(url: str, vault: Vault) -> None:
    patient = replace(POLICY, replaced_at_most=2, replaced_within=2.0)
    async with world(url, vault, (EXTERNAL, gateway("gw", "0"), gateway("b", "0")), policy=patient) as land:
        middle = land.middle
        await land.add("fs1")
        await middle.settled("fs1")
        for password in ("1", "2"):
            await middle.commit(gateway("gw", password))
            await middle.settled("fs1")
        before = len(land.commands("fs1"))
        for password in ("3", "4"):
            await middle.commit(gateway("gw", password), gateway("b", password))
            await middle.waiting_for("fs1", "gateway gw rests")
        # Others are not put off, and the node says what waits.
        assert land["fs1"].gateways["b"].params["password"] == "4"
        assert land["fs1"].gateways["gw"].params["password"] == "2"
        assert "gateway gw rests" in (await middle.status("fs1")).why
        await middle.settled("fs1")
        assert land["fs1"].gateways["gw"].params["password"] == "4"
        assert land.commands("fs1")[before:].count("sofia profile external killgw gw") == 1


@asynchronous
async def test_removing_one_is_never_put_off(url: str, vault: Vault) -> None:
    patient = replace(POLICY, replaced_at_most=1, replaced_within=60.0)
    async with world(url, vault, (EXTERNAL, gateway("gw", "0")), policy=patient) as land:
        middle = land.middle
        await land.add("fs1")
        await middle.settled("fs1")
        await middle.commit(gateway("gw", "1"))
        await middle.settled("fs1")
        await middle.commit(gateway("gw", "2"))
        await middle.waiting_for("fs1", "gateway gw rests")
        await middle.delete(Noun.GATEWAY, "gw")
        await middle.settled("fs1")
        assert not land["fs1"].gateways
