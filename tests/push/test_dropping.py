"""Whose password changed, and who is no more, loses his registrations."""

from typing import Any

import pytest

from controlplane.desired.revisions import Delete
from controlplane.desired.values import Key, Noun
from controlplane.push.queue import State
from controlplane.store import Vault
from tests.desired.house import put
from tests.push.living import EXTERNAL, World, world
from tests.push.loop import asynchronous

DOMAIN = put(Noun.DOMAIN, "a.example")
DROP = "sofia profile external flush_inbound_reg"


def user(name: str, password: str, **more: Any) -> Any:
    return put(Noun.USER, name, "a.example", params={"password": password}, **more)


async def register(land: World, *names: str) -> None:
    for name in names:
        assert await land.api("fs1", f"standin register external {name}@a.example call-{name}") == "+OK\n"


def phones(land: World) -> set[str]:
    return {phone.user for phone in land["fs1"].profiles["external"].phones.values()}


@pytest.mark.parametrize("dropping", [True, False])
@asynchronous
async def test_where_set(url: str, vault: Vault, dropping: bool) -> None:
    users = user("1", "first", number_alias="901"), user("2", "first"), user("3", "first")
    async with world(url, vault, (EXTERNAL, DOMAIN, *users), drop_registrations=dropping) as land:
        middle = land.middle
        await land.add("fs1")
        await middle.settled("fs1")
        await register(land, "1", "901", "2", "3")
        before = len(land.commands("fs1"))
        # Nothing that lets him in.
        await middle.commit(user("3", "first", variables={"toll_allow": "domestic"}))
        await middle.commit(user("1", "second", number_alias="901"))
        await middle.settled("fs1")
        assert phones(land) == ({"2", "3"} if dropping else {"1", "901", "2", "3"})
        await middle.commit(Delete(Key(Noun.USER, "2", "a.example")))
        await middle.settled("fs1")
        assert phones(land) == ({"3"} if dropping else {"1", "901", "2", "3"})
        done = [f"{DROP} {name}@a.example" for name in ("1", "901", "2")] if dropping else []
        dropped = [line for line in land.commands("fs1")[before:] if line.startswith(DROP)]
        assert dropped == done
        assert not (await middle.pushes("fs1"))[0].touches.registrations


@asynchronous
async def test_one_that_stays_is_not_taken_for_gone(url: str, vault: Vault) -> None:
    async with world(url, vault, (EXTERNAL, DOMAIN, user("1", "first")), drop_registrations=True) as land:
        middle = land.middle
        await land.add("fs1")
        await middle.settled("fs1")
        await register(land, "1")
        # The node says that it was done, and it was not.
        land["fs1"].faults.errors["flush_inbound_reg"] = (
            "+OK flushing all registrations matching specified call_id\n"
        )
        land["fs1"].faults.lookups_blocked = True
        await middle.commit(user("1", "second"))
        waiting = await middle.waiting_for("fs1", "still registered: 1@a.example with external")
        assert waiting.touches.registrations == {"1@a.example"}
        land["fs1"].faults.errors.clear()
        await middle.settled("fs1")
        # Nothing of ours was needed for that.
        assert middle.last().state is State.APPLIED
        assert phones(land) == set()
