"""What a revision withholds, as rows on each database."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from controlplane.desired import Desired
from controlplane.desired.revisions import Put
from controlplane.desired.values import Noun
from controlplane.push import queue, rollout_rows
from controlplane.push.enqueue import Enqueues
from controlplane.push.rollout_rows import State, Turn
from controlplane.push.touches import Touches
from controlplane.store import Store, Vault
from controlplane.strategy import ONE_BY_ONE
from tests.desired.house import AUTHOR, House, node, put

NOW = datetime(2026, 11, 25, tzinfo=UTC)
GW = Touches(gateways=frozenset({"gw"}))


@pytest.fixture
def house(store: Store, vault: Vault) -> House:
    """Three nodes with two gateways, and nothing that waits."""
    made = House(store, vault)
    made.desired = Desired.open(store, vault, Enqueues(lambda _: None, ONE_BY_ONE))
    made.commit(node("fs1"), node("fs2", "eu"), node("fs3", mode="observing"), put(Noun.PROFILE, "external"))
    made.commit(gateway("gw"), gateway("other", placed_on="fs1"))
    taken(made)
    return made


def gateway(name: str, proxy: str = "a.example", **spec: Any) -> Put:
    return put(Noun.GATEWAY, name, profile="external", params={"proxy": proxy}, **spec)


def taken(house: House) -> dict[str, Touches]:
    """What waited, and is taken from the queue as done."""
    with house.store.writing() as session:
        found = queue.take(session, ["fs1", "fs2", "fs3"], NOW)
        ended = [queue.Ended(each.push.id, each.push.node, queue.State.APPLIED, Touches()) for each in found]
        queue.end(session, ended, NOW)
    return {each.push.node: each.push.touches for each in found}


def withheld(house: House) -> dict[str, Touches]:
    with house.store.reading() as session:
        return rollout_rows.withheld_touches(session)


def test_what_interrupts_is_withheld_from_all_but_its_turn_and_the_rest_is_not(house: House) -> None:
    changed = gateway("gw", "b.example"), gateway("other", "b.example", placed_on="fs1")
    revision = house.commit(*changed, gateway("new"))
    assert revision is not None
    assert revision.nodes == ("fs1", "fs2")
    assert withheld(house) == {"fs1": Touches(gateways=frozenset({"gw", "other"})), "fs2": GW}
    assert taken(house) == dict.fromkeys(("fs1", "fs2"), Touches(gateways=frozenset({"new"})))
    with house.store.writing() as session:
        assert rollout_rows.begin(session, 1, "fs1", {}, NOW) == Touches(gateways=frozenset({"gw", "other"}))
        assert rollout_rows.begin(session, 1, "fs1", {}, NOW) is None
    assert taken(house) == {"fs1": Touches(gateways=frozenset({"gw", "other"}))}
    with house.store.reading() as session:
        assert {name: each.desired_revision for name, each in queue.states(session).items()} == {
            "fs1": revision.number,
            "fs2": revision.number,
        }


def test_what_a_later_revision_touches_again_is_withheld_by_it_alone(house: House) -> None:
    house.commit(gateway("gw", "b.example"))
    house.commit(gateway("gw", "c.example"))
    assert withheld(house) == {"fs1": GW, "fs2": GW}
    with house.store.writing() as session:
        first, second = sorted(rollout_rows.unfinished(session), key=lambda each: each.id)
        assert {turn.state for turn in first.turns} == {Turn.SUPERSEDED}
        assert {turn.state for turn in second.turns} == {Turn.WAITING}
        assert rollout_rows.become(session, second.id, State.PAUSED, NOW)
        assert rollout_rows.begin(session, second.id, "fs1", {}, NOW) is None
    # One node's row goes to it at once, and is withheld no more.
    house.commit(put(Noun.GATEWAY, "gw", scope="node:fs1", profile="external", params={"proxy": "d.example"}))
    assert withheld(house) == {"fs2": GW}
    assert taken(house) == {"fs1": GW}


def test_a_strategy_asked_for_withholds_everything_but_what_makes_nodes_forget(house: House) -> None:
    house.commit(
        put(Noun.DOMAIN, "a.example", cacheable=1000),
        put(Noun.USER, "1", "a.example", params={"password": "p"}),
    )
    taken(house)
    items = (
        put(Noun.ACL, "lan", default="deny"),
        put(Noun.USER, "1", "a.example", params={"password": "q"}),
    )
    house.commit(*items, author=replace(AUTHOR, rollout="batches:1"))
    assert withheld(house) == dict.fromkeys(("fs1", "fs2"), Touches(acls=frozenset({"lan"})))
    assert all(touches.flushes and not touches.acls for touches in taken(house).values())
    house.commit(gateway("gw", "z.example"), author=replace(AUTHOR, rollout="all-at-once"))
    assert taken(house) == {"fs1": GW, "fs2": GW}
