"""Since when a node is as it is, over real connections and over lives of the control plane."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from controlplane.observed.conditions import Condition
from controlplane.observed.node_status import Health
from controlplane.push import queue
from controlplane.push.errors import NotAnswering
from controlplane.store import Vault, upgrade
from controlplane.store.errors import DatabaseUnreachable
from tests.push.living import EXTERNAL, Middle, gateway, until, world
from tests.push.loop import asynchronous


@pytest.fixture
def url(tmp_path: Path) -> str:
    made = f"sqlite:///{tmp_path}/controlplane.db"
    upgrade(made)
    return made


async def told(middle: Middle, name: str) -> Condition:
    """What is said of fs1."""
    found = {each.name.value: each for each in (await middle.status("fs1")).conditions}
    return found[name]


async def kept(middle: Middle, name: str) -> object:
    """The condition's status as it was written down."""
    states = await middle.store.read(queue.states)
    return states["fs1"].conditions.get(name, [None])[0]


async def becomes(middle: Middle, name: str, status: bool | None) -> datetime:
    """Since when it is so, once that is so and written down."""

    async def so() -> bool:
        return (await told(middle, name)).status is status and await kept(middle, name) is status

    await until(so)
    since = (await told(middle, name)).since
    assert since is not None
    return since


@asynchronous
async def test_a_condition_keeps_its_time_till_it_is_another(url: str, vault: Vault) -> None:
    async with world(url, vault, (EXTERNAL,)) as land:
        middle = land.middle
        await land.add("fs1")
        await middle.settled("fs1")
        since = await becomes(middle, "InSync", True)
        land["fs1"].faults.lookups_blocked = True
        before = datetime.now(UTC)
        await middle.commit(gateway("gw"))
        out = await becomes(middle, "InSync", False)
        assert since < before <= out
        assert await becomes(middle, "Reconciling", True) >= before
        assert await becomes(middle, "Answering", False) >= before
        assert "cannot fetch from us" in (await told(middle, "Reconciling")).reason
        # Another change of the node, and another failure: it is so since the first.
        await middle.commit(gateway("other"))
        await middle.waiting_for("fs1", "cannot fetch")
        assert await becomes(middle, "InSync", False) == out
        assert (await middle.status("fs1")).health is Health.DEGRADED
        land["fs1"].faults.lookups_blocked = False
        assert await becomes(middle, "InSync", True) > out
        await becomes(middle, "Reconciling", False)
        await becomes(middle, "Answering", True)
        status = await middle.status("fs1")
        assert status.answered_at is not None
        assert status.answered_at >= out
        assert status.health is Health.HEALTHY


@asynchronous
async def test_what_is_known_of_a_node_outlives_the_daemon(url: str, vault: Vault) -> None:
    async with world(url, vault, (EXTERNAL,)) as land:
        await land.add("fs1")
        await land.middle.settled("fs1")
        await land.middle.pusher.prove("fs1")
        await becomes(land.middle, "Answering", True)
        stalled = await becomes(land.middle, "Stalled", False)
        status = await land.middle.status("fs1")
        connected = (await told(land.middle, "Connected")).since
        await land.middle.stop()
        again = await land.again()
        assert (await told(again, "Stalled")).since == stalled
        after = await again.status("fs1")
        assert (after.answered_at, after.round_trip) == (status.answered_at, status.round_trip)
        assert status.round_trip is not None
        # Our connection is a new one, and nothing was asked over it.
        since = (await told(again, "Connected")).since
        assert since is not None
        assert connected is not None
        assert since > connected
        assert (await told(again, "Answering")).status is None


@asynchronous
async def test_proofs_of_one_node_do_not_spoil_each_other(url: str, vault: Vault) -> None:
    async with world(url, vault, (EXTERNAL,)) as land:
        await land.add("fs1")
        await land.middle.settled("fs1")
        prover = land.middle.pusher.prover
        proofs = await asyncio.gather(*(prover("fs1") for _ in range(5)))
        assert all(proof.round_trip for proof in proofs)
        assert await prover.each(["fs1", "nobody"]) == {"answering": 1, "not_answering": 0}
        before = prover.last("fs1")
        assert before is not None
        land["fs1"].faults.lookups_blocked = True
        assert await prover.each(["fs1"]) == {"answering": 0, "not_answering": 1}
        last = prover.last("fs1")
        assert last is not None
        assert (last.answered_at, last.round_trip) == (before.at, before.round_trip)
        with pytest.raises(NotAnswering):
            await prover("fs1")


@asynchronous
async def test_a_database_that_was_away_is_told_later(url: str, vault: Vault) -> None:
    async with world(url, vault, (EXTERNAL,)) as land:
        middle = land.middle
        await land.add("fs1")
        await middle.settled("fs1")
        await becomes(middle, "InSync", True)
        land["fs1"].faults.lookups_blocked = True
        before = datetime.now(UTC)
        middle.store.error = DatabaseUnreachable("away")
        with pytest.raises(NotAnswering):
            await middle.pusher.prove("fs1")
        middle.store.error = None
        assert await becomes(middle, "Answering", False) >= before
