"""The fleet follows the nodes of the desired state."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from controlplane.desired.catalog import Catalog, catalog_of
from controlplane.desired.values import Node, NodeMode, SecretRef, Stored
from controlplane.holding import Holding
from controlplane.store.errors import DatabaseUnreachable
from esl.link import NodeAddress
from tests.push.living import until
from tests.push.loop import asynchronous

FIRST, SECOND = SecretRef(1, 1), SecretRef(1, 2)


class Fleet:
    """Notes what it is told to hold."""

    def __init__(self) -> None:
        self.held: dict[str, NodeAddress] = {}
        self.told: list[str] = []

    async def hold(self, address: NodeAddress) -> None:
        self.told.append(f"hold {address.name}")
        self.held[address.name] = address

    async def release(self, node: str) -> None:
        self.told.append(f"release {node}")
        del self.held[node]


class Secrets:
    def __init__(self) -> None:
        self.texts = {FIRST: "first", SECOND: "second"}
        self.errors: list[Exception] = []

    async def __call__(self, refs: set[SecretRef]) -> Mapping[SecretRef, str]:
        if self.errors:
            raise self.errors.pop(0)
        return {ref: self.texts[ref] for ref in refs}


def node(name: str, host: str = "192.0.2.1", password: SecretRef | str = FIRST) -> Node:
    return Node(name, name, host, 8021, (), NodeMode.OBSERVING, password, ("p",))


def catalog(*nodes: Node) -> Catalog:
    return catalog_of(1, [Stored(number, 1, 1, each) for number, each in enumerate(nodes)])


@asynccontextmanager
async def following(fleet: Fleet, secrets: Secrets) -> AsyncIterator[Holding]:
    holding = Holding(fleet, secrets, retry=0.01)
    holding.start()
    try:
        yield holding
    finally:
        await holding.stop()


@asynchronous
async def test_nodes_are_held_as_they_are_and_let_go() -> None:
    fleet = Fleet()
    async with following(fleet, Secrets()) as holding:
        holding.look(catalog(node("fs1"), node("fs2", password="plain")))
        await until(lambda: set(fleet.held) == {"fs1", "fs2"})
        assert fleet.held["fs1"] == NodeAddress("fs1", "192.0.2.1", 8021, "first")
        assert fleet.held["fs2"].password == "plain"
        holding.look(catalog(node("fs2", password="plain"), node("fs3", "192.0.2.3")))
        await until(lambda: set(fleet.held) == {"fs2", "fs3"})
        # What stays as it was is not held anew.
        assert fleet.told.count("hold fs2") == 1


@asynchronous
async def test_another_address_or_password_is_held_anew_and_a_mode_is_not() -> None:
    fleet = Fleet()
    async with following(fleet, Secrets()) as holding:
        holding.look(catalog(node("fs1")))
        await until(lambda: fleet.held)
        holding.look(catalog(replace(node("fs1"), mode=NodeMode.MANAGED, groups=("eu",))))
        holding.look(catalog(node("fs1", password=SECOND)))
        await until(lambda: fleet.held["fs1"].password == "second")
        holding.look(catalog(node("fs1", "192.0.2.9", SECOND)))
        await until(lambda: fleet.held["fs1"].host == "192.0.2.9")
        holding.look(catalog(replace(node("fs1", "192.0.2.9", SECOND), event_socket_user="a@b")))
        await until(lambda: fleet.held["fs1"].user == "a@b")
        assert fleet.told == ["hold fs1"] * 4


@pytest.mark.parametrize("error", [DatabaseUnreachable("away"), KeyError("the secret 1@1 does not exist")])
@asynchronous
async def test_a_password_that_cannot_be_opened_now_is_opened_later(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    fleet, secrets = Fleet(), Secrets()
    secrets.errors = [error, error]
    async with following(fleet, secrets) as holding:
        holding.look(catalog(node("fs1")))
        await until(lambda: fleet.held)
    assert caplog.text.count("trying again") == 2


@asynchronous
async def test_an_address_that_cannot_be_connected_to_keeps_no_other_from_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    fleet = Fleet()
    async with following(fleet, Secrets()) as holding:
        holding.look(catalog(node("bad", "not a host"), node("fs2")))
        await until(lambda: "fs2" in fleet.held)
        assert "bad" not in fleet.held
        holding.look(catalog(node("bad", "192.0.2.2"), node("fs2")))
        await until(lambda: "bad" in fleet.held)
    assert "node bad cannot be connected to" in caplog.text
