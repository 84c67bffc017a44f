"""Each fault by itself: changes come while it lasts; once it is lifted every node is as it should be."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.e2e.house import wait
from tests.faults.house import ASKS, PROFILES, FragileHouse
from tests.faults.nodes import Fragile

_marks = map(str, itertools.count(1))
RELOADED = "Reload XML [Success]\n"


@pytest.fixture(scope="module")
def house(built: FragileHouse) -> FragileHouse:
    built.begin()
    change(built, user=False)
    built.settled()
    return built


def change(house: FragileHouse, *, user: bool = True) -> None:
    """A bit of everything that a node is told of; a user costs seconds, till no old answer is under way."""
    mark = next(_marks)
    assert house.gateway("carrier", "external", mark)
    assert house.gateway("other", "second", mark)
    assert house.profile("second", f"context-{mark}", PROFILES["second"])
    assert not user or house.user("1000", mark)
    assert house.network(mark)


@dataclass(frozen=True)
class Case:
    """`shows`: what tells that the fault has done its harm; by default, that a push waits and says why."""

    fault: Callable[[Fragile], object]
    shows: Callable[[FragileHouse, Fragile], bool]
    user: bool = False
    blind: bool = False
    """The node cannot fetch from us: what it runs must not be touched."""


def waits(house: FragileHouse, node: Fragile) -> bool:
    return any(push["reason"] for push in house.status(node.name)["pushes"])


def away(house: FragileHouse, node: Fragile) -> bool:
    return not house.status(node.name)["connected"]


def done(house: FragileHouse, node: Fragile) -> bool:
    """It does no harm: the change arrives all the same."""
    return bool(house.status(node.name)["in_sync"])


def lies(pattern: str, reply: str) -> Callable[[Fragile], object]:
    return lambda node: node.switch.faults.errors.update({pattern: reply})


def cut_after(count: int) -> Callable[[Fragile], object]:
    return lambda node: node.socket.cut(count)


def deaf(node: Fragile) -> None:
    node.switch.faults.stall = True


def blind(node: Fragile) -> None:
    node.switch.faults.lookups_blocked = True


def closed(node: Fragile) -> None:
    node.switch.faults.refuse = True
    node.socket.reset()


def refusing(node: Fragile) -> None:
    node.socket.refuses = True
    node.socket.reset()


def unreachable(node: Fragile) -> None:
    node.lookups.refuses = True


def slow(node: Fragile) -> None:
    node.socket.delay = node.lookups.delay = 0.05


def forgetful(node: Fragile) -> None:
    node.switch.faults.lose |= {
        "sofia::gateway_delete",
        "sofia::gateway_add",
        "sofia::profile_start",
        "UNPUBLISH",
    }


CASES = {
    "the link stalls": Case(lambda node: node.socket.stall(), away),
    "the link is cut": Case(lambda node: node.socket.reset(), done),
    "the link is refused": Case(refusing, away),
    "the link is half open, we are gone": Case(lambda node: node.socket.lose_clients(), done),
    "the link garbles": Case(lambda node: node.socket.garble(), done),
    **{f"the link is cut {count} bytes on": Case(cut_after(count), done) for count in (0, 7, 150, 700, 2500)},
    "both ways are slow": Case(slow, done),
    "the way to us stalls": Case(lambda node: node.lookups.stall(), waits, blind=True),
    "the way to us is closed": Case(unreachable, waits, blind=True),
    "the way to us is cut": Case(lambda node: node.lookups.cut(60), done),
    "the way to us garbles": Case(lambda node: node.lookups.garble(), done),
    "the node reboots": Case(lambda _: None, done),
    "the node hangs": Case(deaf, away),
    "the node refuses": Case(closed, away),
    "the node cannot reach us": Case(blind, waits, blind=True),
    "the node loses events": Case(forgetful, done),
    "the node lies of killing": Case(lies(" killgw ", "+OK gateway marked for deletion.\n"), waits),
    "the node lies of starting": Case(
        lies(" startgw carrier", f"{RELOADED}+OK start gateway carrier complete\n"), waits
    ),
    "the node lies of scanning": Case(lies(" rescan", f"{RELOADED}+OK scan complete\n"), waits),
    "the node lies of its lists": Case(lies("^reloadacl", "+OK acl reloaded\n"), waits),
    "the node refuses to kill": Case(lies(" killgw ", "-ERR not now\n"), waits),
    # From the first user on, a link that comes up waits till no answer from before is under way.
    "the link is half open, the node gone": Case(lambda node: node.socket.lose_target(), done, user=True),
    "the node loses its power": Case(lambda _: None, done, user=True),
    "the node refuses to flush": Case(lies("^xml_flush_cache ", "-ERR not now\n"), waits, user=True),
}
BOOTS = {"the node reboots": Fragile.reboot, "the node loses its power": Fragile.lose_power}


@pytest.mark.parametrize("name", CASES)
def test_after_a_fault_every_node_is_as_it_should_be(house: FragileHouse, name: str) -> None:
    case, node = CASES[name], house.nodes["fs1"]
    node.backstage.do(lambda: case.fault(node))
    sent = len(node.commands)
    change(house, user=case.user)
    if name in BOOTS:
        BOOTS[name](node)
    wait(lambda: case.shows(house, node), f"{name}: it shows")
    if case.blind:
        assert not [line for line in node.commands[sent:] if not ASKS.match(line)]
    house.mend()
    house.settled()
    house.check()
