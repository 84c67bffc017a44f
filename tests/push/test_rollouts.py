"""Rollouts over real connections: one node after the other, stopped when one is not well, whatever dies."""

from dataclasses import replace

from controlplane.desired.codec import fields_to_json
from controlplane.desired.revisions import Put
from controlplane.desired.values import Key, Noun, Scope
from controlplane.observed.drift import Kind
from controlplane.push import rollout_rows
from controlplane.push.rollout_rows import Rollout, State, Turn
from controlplane.store import Vault
from tests.desired.house import put
from tests.push.living import EXTERNAL, POLICY, ROLLING, Middle, World, gateway, until, world
from tests.push.loop import asynchronous
from tests.push.test_living import leave

BOTH = ("fs1", "fs2")
STUBBORN = replace(POLICY, attempts=1000)
BEFORE = (EXTERNAL, gateway("gw", register=True))
CHANGED = gateway("gw", "second", register=True)
KILL = "sofia profile external killgw gw"


def refused(password: str = "second") -> Put:
    """As the carrier does not let it register."""
    params = {"username": "fail", "password": password, "proxy": "127.0.0.1:5099", "register": "true"}
    return put(Noun.GATEWAY, "gw", profile="external", params=params)


async def ground(land: World, *nodes: str) -> Middle:
    await land.add(*nodes)
    await land.middle.settled(*nodes)
    await until(lambda: all(land[node].gateways["gw"].state == "REGED" for node in nodes))
    return land.middle


async def rollout(middle: Middle) -> Rollout:
    """The newest."""
    [found] = await middle.store.read(lambda session: rollout_rows.page(session, limit=1))
    return found


async def in_state(middle: Middle, state: State) -> Rollout:
    async def so() -> bool:
        return (await rollout(middle)).state is state

    await until(so)
    return await rollout(middle)


def hold(land: World, node: str) -> None:
    """Its turn does not end: it refuses what it is sent, and is asked again and again."""
    land[node].faults.errors["killgw"] = "-ERR not now\n"


def turns(found: Rollout) -> dict[str, Turn]:
    return {turn.node: turn.state for turn in found.turns}


@asynchronous
async def test_a_changed_gateway_goes_to_one_node_after_the_other(url: str, vault: Vault) -> None:
    async with world(url, vault, BEFORE, policy=STUBBORN) as land:
        middle = await ground(land, *BOTH)
        hold(land, "fs1")
        revision = await middle.commit(CHANGED)
        assert revision.nodes == BOTH
        await middle.waiting_for("fs1", "not now")
        status = await middle.status("fs2")
        assert (status.in_sync, status.why) == (False, "rollout 1 is running: its turn has not come")
        # What interrupts nothing does not wait; it does not count as the whole of the revision either.
        await middle.commit(gateway("new"))
        await until(lambda: "new" in land["fs2"].gateways)
        assert KILL not in land.commands("fs2")
        assert (await middle.status("fs2")).applied_revision == revision.number - 1
        # Nor is it brought by a comparison.
        [compared] = await middle.reconciler.run(["fs2"])
        assert {each.kind for each in compared.drift} == {Kind.CHANGED}
        assert not compared.pushed

        land["fs1"].faults.errors.clear()
        await middle.settled(*BOTH)
        found = await in_state(middle, State.DONE)
        assert turns(found) == dict.fromkeys(BOTH, Turn.DONE)
        assert found.turns[0].since < found.turns[1].since
        for node in BOTH:
            assert await middle.runs(node, {"gw"})
            assert (await middle.status(node)).applied_revision == middle.desired.catalog.revision


@asynchronous
async def test_what_is_asked_for_goes_to_all_at_once_and_so_does_what_one_node_gets(
    url: str, vault: Vault
) -> None:
    async with world(url, vault, BEFORE) as land:
        middle = await ground(land, *BOTH)
        await middle.commit(CHANGED, rollout="all-at-once")
        await middle.settled(*BOTH)
        await middle.commit(put(Noun.VARIABLE, "unused", value="x"), gateway("gw", "third", scope="node:fs1"))
        await middle.settled(*BOTH)
        assert await middle.runs("fs1", {"gw"})
        assert await middle.store.read(rollout_rows.page) == []


@asynchronous
async def test_one_that_is_not_well_after_its_turn_stops_the_rest_till_it_is_mended(
    url: str, vault: Vault
) -> None:
    quick = replace(ROLLING, settle=0.2)
    async with world(url, vault, BEFORE, rolling=quick) as land:
        middle = await ground(land, *BOTH)
        await middle.commit(refused())
        found = await in_state(middle, State.STOPPED)
        assert turns(found) == {"fs1": Turn.FAILED, "fs2": Turn.WAITING}
        assert found.reason.startswith("fs1: gateway gw was REGED and is FAIL")
        assert (await middle.status("fs2")).why == f"rollout 1 is stopped: {found.reason}"
        # What failed is given again, and fails again.
        assert await middle.rollouts.resume(found.id)
        await in_state(middle, State.STOPPED)
        assert KILL not in land.commands("fs2")
        # Another revision of it takes over the whole.
        await middle.commit(CHANGED)
        await middle.settled(*BOTH)
        assert all([await middle.runs(node, {"gw"}) for node in BOTH])
        assert (await in_state(middle, State.DONE)).id == 2

        async def over() -> bool:
            first = await middle.store.read(lambda session: rollout_rows.one(session, 1))
            return first is not None and first.state is State.SUPERSEDED

        await until(over)


@asynchronous
async def test_one_that_fails_is_rolled_back_if_set(url: str, vault: Vault) -> None:
    quick = replace(ROLLING, settle=0.2)
    async with world(url, vault, BEFORE, rolling=quick, roll_back=True) as land:
        middle = await ground(land, *BOTH)
        await middle.commit(refused(), gateway("beside"))
        found = await in_state(middle, State.ROLLED_BACK)
        assert turns(found) == dict.fromkeys(BOTH, Turn.SUPERSEDED)
        assert found.reason.startswith("fs1: gateway gw was REGED")
        await middle.settled(*BOTH)
        for node in BOTH:
            assert land[node].gateways["gw"].params["password"] == "first"
            assert "beside" not in land[node].gateways
        assert KILL not in land.commands("fs2")
        assert await middle.store.read(rollout_rows.withheld) == {}


@asynchronous
async def test_a_change_that_others_built_on_is_not_rolled_back(url: str, vault: Vault) -> None:
    async with world(url, vault, BEFORE, policy=STUBBORN) as land:
        middle = await ground(land, *BOTH)
        hold(land, "fs1")
        await middle.commit(CHANGED, gateway("beside"))
        await middle.commit(gateway("beside", "second", placed_on="fs1"))
        assert await middle.rollouts.halt(1, "by me", roll_back=True)
        found = await in_state(middle, State.STOPPED)
        assert "by me; it cannot be rolled back: gateway/beside" in found.reason
        land["fs1"].faults.errors.clear()


@asynchronous
async def test_a_node_that_is_away_is_passed_over_and_catches_up(url: str, vault: Vault) -> None:
    quick = replace(ROLLING, settle=0.1)
    async with world(url, vault, BEFORE, rolling=quick) as land:
        nodes = (*BOTH, "fs3", "fs4")
        middle = await ground(land, *nodes)
        await leave(land, "fs1")
        land["fs4"].faults.lookups_blocked = True
        await middle.pusher.suspend([Scope(node="fs2")], "it smokes", "me")
        await middle.commit(CHANGED)
        found = await in_state(middle, State.DONE)
        assert turns(found) == {
            "fs1": Turn.SKIPPED,
            "fs2": Turn.SKIPPED,
            "fs3": Turn.DONE,
            "fs4": Turn.SKIPPED,
        }
        assert found.reason == "3 skipped"
        assert found.turns[0].reason.startswith("the node is away: ")
        assert found.turns[3].reason.startswith("the node cannot fetch from us")
        for turn in (found.turns[0], found.turns[3]):
            [push] = (await middle.pushes(turn.node))[:1]
            assert push.reason.endswith(turn.reason)
        land["fs1"].faults.refuse = land["fs4"].faults.lookups_blocked = False
        await middle.pusher.resume([Scope(node="fs2")])
        await middle.settled(*nodes)
        assert all([await middle.runs(node, {"gw"}) for node in nodes])


@asynchronous
async def test_a_rollout_goes_on_where_it_was_when_the_daemon_is_killed(url: str, vault: Vault) -> None:
    async with world(url, vault, BEFORE, policy=STUBBORN) as land:
        middle = await ground(land, *BOTH)
        hold(land, "fs1")
        await middle.commit(CHANGED)
        await middle.waiting_for("fs1", "not now")
        await middle.kill()
        land["fs1"].faults.errors.clear()
        middle = await land.again()
        assert turns(await in_state(middle, State.DONE)) == dict.fromkeys(BOTH, Turn.DONE)
        assert all([await middle.runs(node, {"gw"}) for node in BOTH])
        assert land.commands("fs2").count(KILL) == 1


@asynchronous
async def test_one_that_is_paused_gives_no_more_turns_till_it_is_resumed(url: str, vault: Vault) -> None:
    async with world(url, vault, BEFORE, policy=STUBBORN) as land:
        middle = await ground(land, *BOTH)
        hold(land, "fs1")
        await middle.commit(CHANGED)
        await middle.waiting_for("fs1", "not now")
        assert await middle.rollouts.pause(1, "lunch")
        assert not await middle.rollouts.pause(1, "lunch")
        land["fs1"].faults.errors.clear()

        async def first_is_done() -> bool:
            return turns(await rollout(middle)) == {"fs1": Turn.DONE, "fs2": Turn.WAITING}

        await until(first_is_done)
        assert (await middle.status("fs2")).why == "rollout 1 is paused: lunch"
        await middle.kill()
        middle = await land.again()
        assert (await rollout(middle)).state is State.PAUSED
        assert KILL not in land.commands("fs2")
        assert await middle.rollouts.resume(1)
        await in_state(middle, State.DONE)
        assert await middle.runs("fs2", {"gw"})


async def regroup(middle: Middle, node: str, *groups: str) -> None:
    row = middle.desired.catalog.node(node)
    assert row is not None
    await middle.commit(Put(Key(Noun.NODE, node), fields_to_json(row.value) | {"groups": list(groups)}))


@asynchronous
async def test_the_rest_waits_till_the_canaries_have_been_well_for_a_while(url: str, vault: Vault) -> None:
    async with world(url, vault, BEFORE, rolling=replace(ROLLING, canary_wait=3600.0)) as land:
        middle = await ground(land, *BOTH, "fs3")
        await regroup(middle, "fs2", "first")
        await middle.settled(*BOTH, "fs3")
        await middle.commit(CHANGED, rollout="canary:first/all-at-once")

        async def canary_is_done() -> bool:
            return turns(await rollout(middle))["fs2"] is Turn.DONE

        await until(canary_is_done)
        await middle.stop()
        land.how["rolling"] = replace(ROLLING, canary_wait=0.0, settle=1.0)
        land["fs2"].faults.lookups_blocked = True
        middle = await land.again()
        found = await in_state(middle, State.STOPPED)
        assert found.reason.startswith("fs2: the node cannot fetch from us")
        assert turns(found) == {"fs1": Turn.WAITING, "fs2": Turn.DONE, "fs3": Turn.WAITING}
        # An operator's word: it is taken as it is.
        land["fs2"].faults.lookups_blocked = False
        assert await middle.rollouts.resume(found.id)
        await in_state(middle, State.DONE)
        assert all([await middle.runs(node, {"gw"}) for node in (*BOTH, "fs3")])


@asynchronous
async def test_a_node_that_is_let_go_or_deleted_has_no_turn(url: str, vault: Vault) -> None:
    async with world(url, vault, BEFORE, policy=STUBBORN) as land:
        middle = await ground(land, *BOTH)
        hold(land, "fs1")
        await middle.commit(CHANGED)
        await middle.waiting_for("fs1", "not now")
        await middle.delete(Noun.NODE, "fs1", "fs2")
        found = await in_state(middle, State.SUPERSEDED)
        assert {turn.reason for turn in found.turns} == {"the node was deleted"}
