"""A revision's pushes are part of it, on each database."""

import pytest

from controlplane.desired import Desired, Invalid
from controlplane.desired.revisions import Delete
from controlplane.desired.values import Noun
from controlplane.push import queue
from controlplane.push.enqueue import Enqueues
from controlplane.push.queue import State
from controlplane.push.touches import Touches
from controlplane.store import Store, Vault
from tests.desired.house import House, key, node, put

OWN = "192.0.2.1"
EVENT_SOCKET = (
    '<configuration name="event_socket.conf"><settings>'
    '<param name="apply-inbound-acl" value="lan"/></settings></configuration>'
)


def allowing(*cidrs: str) -> list[dict[str, str]]:
    return [{"type": "allow", "cidr": each} for each in cidrs]


@pytest.fixture
def house(store: Store, vault: Vault) -> House:
    """Two managed nodes, one of which is connected to."""
    made = House(store, vault)
    made.desired = Desired.open(store, vault, Enqueues({"fs1": OWN}.get))
    made.commit(
        node("fs1"),
        node("fs2"),
        node("watched", mode="observing"),
        put(Noun.PROFILE, "external"),
        put(Noun.DOMAIN, "a.example"),
        put(Noun.ACL, "lan", default="deny", entries=allowing("192.0.2.0/24")),
    )
    return made


def waiting(house: House) -> dict[str, queue.Push]:
    with house.store.reading() as session:
        return {each.node: each for each in queue.waiting(session)}


def test_new_nodes_are_compared_whole(house: House) -> None:
    assert {node: each.touches.everything for node, each in waiting(house).items()} == {
        "fs1": True,
        "fs2": True,
    }


def test_a_revision_tells_which_nodes_it_pushes_to(house: House) -> None:
    revision = house.put(Noun.GATEWAY, "gw", profile="external", placed_on="fs2")
    assert revision is not None
    assert revision.nodes == ("fs2",)
    push = waiting(house)["fs2"]
    assert (push.revision, set(push.touches.gateways)) == (revision.number, {"gw"})
    nothing = house.put(Noun.USER, "1", "a.example", params={"password": "p"})
    assert nothing is not None
    assert nothing.nodes == ()


def test_a_refused_revision_leaves_no_push(house: House) -> None:
    before = waiting(house)
    with pytest.raises(Invalid, match=r"guards the Event Socket of node fs1 and would refuse our own"):
        house.commit(
            put(Noun.DOCUMENT, "event_socket.conf", xml=EVENT_SOCKET),
            put(Noun.ACL, "lan", default="deny"),
        )
    assert waiting(house) == before


@pytest.mark.parametrize(
    ("entries", "refused"),
    [
        (allowing("192.0.2.0/24", "10.0.0.0/8"), False),
        (allowing("10.0.0.0/8"), True),
        ([{"type": "deny", "cidr": f"{OWN}/32"}, *allowing("192.0.2.0/24")], True),
        ([{"type": "allow", "domain": "a.example"}], False),
        ([{"type": "allow", "domain": "b.example"}], True),
    ],
)
def test_a_list_that_guards_the_event_socket_lets_us_in(
    house: House, entries: list[dict[str, str]], refused: bool
) -> None:
    house.commit(
        put(Noun.DOCUMENT, "event_socket.conf", xml=EVENT_SOCKET),
        put(Noun.DOMAIN, "b.example"),
        put(Noun.USER, "1", "a.example", cidr="192.0.2.0/28", params={"password": "p"}),
    )
    item = put(Noun.ACL, "lan", default="deny", entries=entries)
    if refused:
        with pytest.raises(Invalid) as caught:
            house.commit(item)
        assert [error.field for error in caught.value.errors] == ["acl/lan"]
    else:
        assert house.commit(item) is not None


def test_a_users_network_that_lets_us_in_does_not_go(house: House) -> None:
    """The list stays; what it is made of changes."""
    house.commit(
        put(Noun.DOCUMENT, "event_socket.conf", xml=EVENT_SOCKET),
        put(Noun.USER, "1", "a.example", cidr="192.0.2.0/28", params={"password": "p"}),
        put(Noun.ACL, "lan", default="deny", entries=[{"type": "allow", "domain": "a.example"}]),
    )
    with pytest.raises(Invalid, match="would refuse our own address"):
        house.delete(key(Noun.USER, "1", "a.example"))


def test_users_caching_for_themselves_are_found_in_the_database(house: House) -> None:
    house.put(Noun.USER, "1", "a.example", params={"password": "p"}, cacheable=5000)
    before = {name: each.touches.flush_all for name, each in waiting(house).items()}
    assert before == {"fs1": True, "fs2": True}
    with house.store.writing() as session:
        queue.take(session, ["fs1", "fs2"], waiting(house)["fs1"].created_at)
    revision = house.put(Noun.DOMAIN, "a.example", params={"dial-string": "x"})
    assert revision is not None
    assert revision.nodes == ("fs1", "fs2")
    assert waiting(house)["fs1"].touches == Touches(flush_all=True)


def test_a_deleted_nodes_pushes_go_with_it(house: House) -> None:
    house.commit(Delete(key(Noun.NODE, "fs1")))
    assert set(waiting(house)) == {"fs2"}
    with house.store.reading() as session:
        [push] = queue.page(session, node="fs1")
        assert "fs1" not in queue.states(session)
    assert (push.state, push.reason) == (State.SUPERSEDED, "the node was deleted")


def test_what_waits_for_a_node_is_withdrawn_when_it_is_only_observed(house: House) -> None:
    assert "fs2" in waiting(house)
    revision = house.commit(node("fs2", mode="observing"))
    assert revision is not None
    assert revision.nodes == ()
    assert set(waiting(house)) == {"fs1"}
    with house.store.reading() as session:
        [push] = queue.page(session, node="fs2")
    assert (push.state, push.reason) == (State.SUPERSEDED, "the node is only observed")
    house.commit(node("fs2"))
    again = waiting(house)["fs2"].touches
    assert again.everything
    assert again.flush_all
