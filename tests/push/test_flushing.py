"""No node goes on with a user whom we have changed: races of keeping and flushing, and lost links."""

from typing import Any

from controlplane.desired.revisions import Put
from controlplane.desired.values import NodeMode, Noun
from controlplane.push.queue import State
from controlplane.store import Vault
from tests.desired.house import put
from tests.push.living import World, until, world
from tests.push.loop import asynchronous
from tests.push.test_living import come_back, leave

DOMAIN = put(Noun.DOMAIN, "c.example", cacheable=60_000)
FLUSH = "xml_flush_cache id 1 c.example"


def user(password: str, **spec: Any) -> Put:
    return put(Noun.USER, "1", "c.example", params={"password": password}, **spec)


def node(land: World, mode: str) -> Put:
    row = land.middle.desired.catalog.node("fs1")
    assert row is not None
    return put(
        Noun.NODE,
        "fs1",
        host="127.0.0.1",
        port=row.value.port,
        mode=mode,
        event_socket_password="ClueCon",
        lookup_passwords=["lookup"],
    )


async def password(land: World, name: str = "1") -> str:
    return await land.api("fs1", f"user_data {name}@c.example param password")


@asynchronous
async def test_a_kept_user_is_flushed_again_once_nothing_older_is_under_way(url: str, vault: Vault) -> None:
    async with world(url, vault, (DOMAIN, user("one"))) as land:
        middle = land.middle
        middle.answers.under_way.settling = 0.3
        await land.add("fs1")
        await middle.settled("fs1")
        await until(lambda: middle.pusher.may_cache("fs1"))
        before = len(land.commands("fs1"))
        assert await password(land) == "one"
        await middle.commit(user("two"))
        await middle.settled("fs1")
        assert land.commands("fs1")[before:] == [FLUSH, FLUSH]
        assert await password(land) == "two"


@asynchronous
async def test_one_flush_does_when_nothing_was_given_lately(url: str, vault: Vault) -> None:
    async with world(url, vault, (DOMAIN, user("one"))) as land:
        middle = land.middle
        middle.answers.under_way.settling = 0.0
        await land.add("fs1")
        await middle.settled("fs1")
        await until(lambda: middle.pusher.may_cache("fs1"))
        before = len(land.commands("fs1"))
        assert await password(land) == "one"
        await middle.commit(user("two"))
        await middle.settled("fs1")
        assert land.commands("fs1")[before:] == [FLUSH]
        assert await password(land) == "two"


@asynchronous
async def test_a_deleted_user_and_a_moved_number_are_kept_nowhere(url: str, vault: Vault) -> None:
    async with world(url, vault, (DOMAIN, user("one", number_alias="77"))) as land:
        middle = land.middle
        middle.answers.under_way.settling = 0.0
        await land.add("fs1")
        await middle.settled("fs1")
        await until(lambda: middle.pusher.may_cache("fs1"))
        assert [await password(land, name) for name in ("1", "77")] == ["one", "one"]
        await middle.commit(user("one"), put(Noun.USER, "77", "c.example", params={"password": "other"}))
        await middle.settled("fs1")
        assert [await password(land, name) for name in ("1", "77")] == ["one", "other"]
        await middle.delete(Noun.DOMAIN, "c.example")
        await middle.settled("fs1")
        assert [await password(land, name) for name in ("1", "77")] == ["-ERR no reply\n"] * 2


@asynchronous
async def test_a_node_that_was_away_forgets_before_anything_else(url: str, vault: Vault) -> None:
    async with world(url, vault, (DOMAIN, user("one"))) as land:
        middle = land.middle
        middle.answers.under_way.settling = 0.0
        await land.add("fs1")
        await middle.settled("fs1")
        await until(lambda: middle.pusher.may_cache("fs1"))
        assert await password(land) == "one"
        await leave(land, "fs1")
        assert not middle.pusher.may_cache("fs1")
        before = len(land.commands("fs1"))
        await middle.commit(user("two"))
        assert await password(land) == "one"  # out of reach: kept for a minute at most
        await come_back(land, "fs1")
        await middle.settled("fs1")
        assert land.commands("fs1")[before:][:1] == ["xml_flush_cache"]
        assert await password(land) == "two"
        assert middle.last().state is State.APPLIED


@asynchronous
async def test_an_adopted_node_is_flushed_before_it_may_keep_anything(url: str, vault: Vault) -> None:
    async with world(url, vault, (DOMAIN, user("one"))) as land:
        middle = land.middle
        await land.add("fs1", mode=NodeMode.OBSERVING)
        assert not middle.pusher.may_cache("fs1")
        assert land.commands("fs1") == []
        await middle.commit(node(land, "managed"))
        await middle.settled("fs1")
        assert land.commands("fs1")[:1] == ["xml_flush_cache"]
        assert middle.pusher.may_cache("fs1")
        await middle.commit(node(land, "observing"))
        assert not middle.pusher.may_cache("fs1")
        before = len(land.commands("fs1"))
        await middle.commit(node(land, "managed"))
        await middle.settled("fs1")
        assert land.commands("fs1")[before:][:1] == ["xml_flush_cache"]
        assert middle.pusher.may_cache("fs1")


@asynchronous
async def test_a_node_that_cannot_be_flushed_is_not_pushed_to_and_says_why(url: str, vault: Vault) -> None:
    async with world(url, vault, (DOMAIN, user("one"))) as land:
        middle = land.middle
        middle.answers.under_way.settling = 0.0
        await land.add("fs1")
        await middle.settled("fs1")
        await leave(land, "fs1")
        land.switches["fs1"].faults.errors["xml_flush_cache"] = "-ERR xml_flush_cache Command not found!"
        await middle.commit(put(Noun.PROFILE, "external", params={"sip-port": "5080"}))
        await come_back(land, "fs1")

        async def told() -> bool:
            status = await middle.pusher.status("fs1")
            return status.why == (
                "a push is waiting: the node cannot be flushed: "
                "xml_flush_cache: -ERR xml_flush_cache Command not found!"
            )

        await until(told)
        assert not middle.pusher.may_cache("fs1")
        land.switches["fs1"].faults.errors.clear()
        await middle.settled("fs1")
        assert middle.pusher.may_cache("fs1")
