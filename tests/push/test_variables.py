"""A changed variable is set on its nodes at once, and read back; what is sealed never lies open there."""

from dataclasses import replace

from controlplane.desired.values import Noun
from controlplane.push.queue import State
from controlplane.push.touches import Touches
from controlplane.store import Vault
from tests.desired.house import put
from tests.push.living import EXTERNAL, world
from tests.push.loop import asynchronous
from tests.push.states import gateway, seen, wanted
from tests.push.test_plan import lines, planned


def test_variables_are_set_last_and_only_where_one_command_can() -> None:
    should = replace(wanted(gateway("gw")), variables={"a": "1", "b": "x=y", "c": "3"})
    touches = Touches(gateways=frozenset({"gw"}), variables=frozenset({"a", "b", "gone"}))
    assert lines(planned(touches, should, seen())) == [
        "sofia profile external startgw gw",
        "global_setvar a=1",
    ]


@asynchronous
async def test_a_changed_variable_is_set_and_read_back(url: str, vault: Vault) -> None:
    trunk = put(
        Noun.GATEWAY, "gw", profile="external", params={"realm": "$${city}.test", "register": "false"}
    )
    async with world(url, vault, (EXTERNAL, put(Noun.VARIABLE, "city", value="Rome"), trunk)) as land:
        middle = land.middle
        await land.add("fs1")
        await middle.settled("fs1")
        await middle.commit(put(Noun.VARIABLE, "city", value="Bonn"))
        await middle.settled("fs1")
        assert await land.api("fs1", "global_getvar city") == "Bonn"
        # What is made of it goes out with it.
        assert land["fs1"].gateways["gw"].params["realm"] == "Bonn.test"
        assert all(push.state is State.APPLIED for push in await middle.pushes("fs1"))
        assert (await middle.status("fs1")).in_sync
        # What is gone stays as it was, and what is sealed is not laid open.
        await middle.delete(Noun.GATEWAY, "gw")
        await middle.delete(Noun.VARIABLE, "city")
        await middle.commit(put(Noun.VARIABLE, "outbound_password", value="hush"))
        await middle.settled("fs1")
        assert await land.api("fs1", "global_getvar city") == "Bonn"
        assert await land.api("fs1", "global_getvar outbound_password") in ("", "-ERR no reply\n")


@asynchronous
async def test_a_variable_that_the_node_does_not_take_is_not_applied(url: str, vault: Vault) -> None:
    async with world(url, vault, (EXTERNAL,)) as land:
        middle = land.middle
        await land.add("fs1")
        await middle.settled("fs1")
        land["fs1"].faults.errors["global_setvar city"] = "+OK"
        await middle.commit(put(Noun.VARIABLE, "city", value="Rome"))
        await middle.waiting_for("fs1", "variable city has another value on the node")
