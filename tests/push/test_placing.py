"""A gateway of one node goes to another of its group when that stays away, and back by word only."""

import asyncio

import pytest

from controlplane.desired.catalog import Catalog
from controlplane.desired.revisions import Put
from controlplane.desired.values import Gateway, Noun
from controlplane.placing import Placing, moved, successor
from controlplane.store import Store, Vault
from tests.desired.house import House, node, put
from tests.push.living import EXTERNAL, World, gateway, until, world
from tests.push.loop import asynchronous
from tests.push.test_living import come_back, leave
from tests.push.test_rollouts import regroup

BOTH = ("fs1", "fs2")


def placed(name: str, on: str | None, scope: str = "global", profile: str = "external") -> Put:
    return put(Noun.GATEWAY, name, scope=scope, profile=profile, placed_on=on)


def chosen(catalog: Catalog, name: str = "gw", *, away: tuple[str, ...] = ("fs1",)) -> str | None:
    [row] = [row for row in catalog.named(Noun.GATEWAY, name) if row.value.placed_on == "fs1"]
    found: Gateway = row.value
    return successor(catalog, found, lambda node: node not in away)


@pytest.fixture
def house(store: Store, vault: Vault) -> House:
    made = House(store, vault)
    made.commit(
        node("fs1", "eu"),
        node("fs2", "us"),
        node("fs3", "eu", "us"),
        node("fs4", "eu"),
        node("fs5", "eu", mode="observing"),
        put(Noun.PROFILE, "external"),
        placed("gw", "fs1"),
    )
    return made


def test_the_successor_is_of_the_nodes_group_and_has_the_fewest(house: House) -> None:
    assert chosen(house.catalog) == "fs3"
    assert chosen(house.catalog, away=("fs1", "fs3")) == "fs4"
    assert chosen(house.catalog, away=("fs1", "fs3", "fs4")) is None
    house.commit(placed("other", "fs3"))
    assert chosen(house.catalog) == "fs4"


def test_the_successor_is_in_scope_has_the_profile_and_no_gateway_of_that_name(house: House) -> None:
    house.commit(
        put(Noun.PROFILE, "special", scope="groups:us"),
        put(Noun.PROFILE, "special", scope="node:fs1"),
        placed("special", "fs1", profile="special"),
        placed("scoped", "fs1", scope="groups:eu"),
        placed("own", "fs1"),
        placed("own", None, scope="node:fs3"),
    )
    assert chosen(house.catalog, "special") == "fs3"
    assert chosen(house.catalog, "scoped") == "fs3"
    assert chosen(house.catalog, "own") == "fs4"
    house.commit(node("fs3", "us"))
    assert chosen(house.catalog, "scoped") == "fs4"
    assert chosen(house.catalog, "special") is None


def watching(land: World, after: float) -> Placing:
    middle = land.middle
    return Placing(
        lambda: middle.desired.catalog,
        middle.fleet,
        middle.desired.commit,
        there=middle.pusher.may_cache,
        resting=lambda node: middle.pusher.suspended(node) is not None,
        after=after,
    )


@asynchronous
async def test_a_gateway_goes_to_another_node_when_its_own_stays_away(url: str, vault: Vault) -> None:
    async with world(url, vault, (EXTERNAL,)) as land:
        middle = land.middle
        await land.add(*BOTH)
        for name in BOTH:
            await regroup(middle, name, "eu")
        await middle.commit(gateway("gw", placed_on="fs1"))
        await middle.settled(*BOTH)
        placing = watching(land, 0.1)
        placing.start()
        await leave(land, "fs1")
        placing.wake()
        await until(lambda: "gw" in land["fs2"].gateways)
        [row] = middle.desired.catalog.named(Noun.GATEWAY, "gw")
        assert row.value.placed_on == "fs2"
        # It is not on two nodes for longer than it takes to tell the first, and stays where it is.
        assert "gw" in land["fs1"].gateways
        await come_back(land, "fs1")
        placing.wake()
        await middle.settled(*BOTH)
        await until(lambda: "gw" not in land["fs1"].gateways)
        assert middle.desired.catalog.named(Noun.GATEWAY, "gw") == (row,)
        await middle.commit(moved(row, "fs1"))
        await middle.settled(*BOTH)
        assert ("gw" in land["fs1"].gateways, "gw" in land["fs2"].gateways) == (True, False)
        await placing.stop()


@asynchronous
async def test_a_node_that_is_back_in_time_or_suspended_keeps_its_gateways(url: str, vault: Vault) -> None:
    async with world(url, vault, (EXTERNAL,)) as land:
        middle = land.middle
        await land.add(*BOTH)
        for name in BOTH:
            await regroup(middle, name, "eu")
        await middle.commit(gateway("gw", placed_on="fs1"), gateway("other", placed_on="fs2"))
        await middle.settled(*BOTH)
        revision = middle.desired.catalog.revision
        placing = watching(land, 0.05)
        await leave(land, "fs1")
        placing._resting = lambda node: node == "fs1"
        assert await placing._look() is None
        placing = watching(land, 3600.0)
        wait = await placing._look()
        assert wait is not None
        assert 3590 < wait <= 3600
        await come_back(land, "fs1")
        assert await asyncio.wait_for(placing._look(), 5) is None
        assert middle.desired.catalog.revision == revision
