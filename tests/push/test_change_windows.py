"""Outside its change window a node forgets users at once, and everything else waits, saying until when."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from controlplane.desired.codec import fields_to_json
from controlplane.desired.revisions import Put
from controlplane.desired.values import Key, Noun
from controlplane.push import queue
from controlplane.push.queue import State
from controlplane.store import Vault
from tests.desired.house import put
from tests.push.living import EXTERNAL, Middle, World, gateway, until, world
from tests.push.loop import asynchronous

CACHED = put(Noun.DOMAIN, "c.example", cacheable=60_000)


def user(password: str) -> Put:
    return put(Noun.USER, "1", "c.example", params={"password": password})


async def closed(land: World) -> datetime:
    """Close the node's window for some hours; gives the minute at which it opens."""
    opens = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(hours=2)
    await windows(land.middle, f"{opens:%H:%M}-{opens + timedelta(hours=1):%H:%M}")
    return opens


async def windows(middle: Middle, *written: str) -> None:
    row = middle.desired.catalog.node("fs1")
    assert row is not None
    spec = fields_to_json(row.value) | {"change_windows": list(written)}
    await middle.commit(Put(Key(Noun.NODE, "fs1"), spec))


@asynchronous
async def test_what_waits_for_a_window_says_until_when_and_may_be_let_through(url: str, vault: Vault) -> None:
    async with world(url, vault, (EXTERNAL, CACHED, user("p"))) as land:
        middle = land.middle
        await land.add("fs1")
        await middle.settled("fs1")
        opens = await closed(land)
        before = len(land.commands("fs1"))
        await middle.commit(gateway("gw"), user("q"))
        push = await middle.waiting_for("fs1", "waits for its change window")
        assert (push.not_before, push.attempts, push.touches.flushes) == (opens, 0, frozenset())
        assert f"opens {opens:%Y-%m-%d %H:%M} UTC" in (await middle.status("fs1")).why
        # A password that was changed must not go on being taken till then.
        assert land.commands("fs1")[before:] == ["xml_flush_cache id 1 c.example"]

        await land.reboot("fs1")
        await middle.up("fs1")
        await middle.commit(user("r"))
        await middle.waiting_for("fs1", "waits for its change window")
        assert [line for line in land.commands("fs1")[before:] if line.startswith("sofia")] == []

        async def let_through() -> bool:
            # What joins a push that runs takes its place.
            waiting = await middle.store.read(queue.waiting)
            return bool(waiting) and await middle.pusher.let_through(waiting[0].id, "fs1")

        await until(let_through)
        await middle.settled("fs1")
        assert await middle.runs("fs1", {"gw"})
        assert not await middle.pusher.let_through(push.id, "fs1")

        await middle.commit(user("s"))
        await middle.settled("fs1")
        revision = middle.desired.catalog.revision
        assert (await middle.pushes("fs1"))[0].state is State.APPLIED
        assert (await middle.status("fs1")).applied_revision == revision


@asynchronous
async def test_a_turn_in_a_rollout_waits_for_the_window_and_others_go_first(url: str, vault: Vault) -> None:
    async with world(url, vault, (EXTERNAL, gateway("gw"))) as land:
        middle = land.middle
        await land.add("fs1", "fs2")
        await middle.settled("fs1", "fs2")
        opens = await closed(land)
        await middle.commit(gateway("gw", "second"))
        await middle.settled("fs2")
        assert await middle.runs("fs2", {"gw"})
        told = (
            f"rollout 1 is running: its turn has not come; its change window opens {opens:%Y-%m-%d %H:%M} UTC"
        )
        assert (await middle.status("fs1")).why == told
        await windows(middle)
        await middle.settled("fs1")
        assert await middle.runs("fs1", {"gw"})


@asynchronous
async def test_what_waits_goes_out_when_the_window_is_taken_away(url: str, vault: Vault) -> None:
    async with world(url, vault, (EXTERNAL,)) as land:
        await land.add("fs1")
        await land.middle.settled("fs1")
        await closed(land)
        await land.middle.commit(gateway("gw"))
        await land.middle.waiting_for("fs1", "waits for its change window")
        await windows(land.middle)
        await land.middle.settled("fs1")
        assert await land.middle.runs("fs1", {"gw"})


@asynchronous
async def test_a_node_forgets_users_only_once_nobody_tells_it_the_old_any_more(
    url: str, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, follows = asyncio.Event(), asyncio.Event()

    async def settled() -> None:
        asked.set()
        await follows.wait()

    async with world(url, vault, (EXTERNAL, CACHED, user("p"))) as land:
        middle = land.middle
        await land.add("fs1")
        await middle.settled("fs1")
        await closed(land)
        before = len(land.commands("fs1"))
        monkeypatch.setattr(middle.answers, "settled", settled)
        await middle.commit(user("q"))
        async with asyncio.timeout(10):
            await asked.wait()
        assert land.commands("fs1")[before:] == []
        follows.set()
        await until(lambda: land.commands("fs1")[before:] == ["xml_flush_cache id 1 c.example"])
