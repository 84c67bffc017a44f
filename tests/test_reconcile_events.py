"""A node is compared at once for what it reports, and not more often than it can bear."""

import asyncio
from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from controlplane.reconcile import Mode, Subject
from controlplane.reconcile.soon import EVERY_RESPECT, Soon, respects
from controlplane.store import Vault, upgrade
from esl.link import NodeEvent
from tests.push.living import EXTERNAL, INTERNAL, RECONCILING, gateway, until, world
from tests.push.loop import asynchronous

HEEDING = replace(RECONCILING, settle=0.02, rest=0.1)
GATEWAYS = frozenset({Subject.GATEWAYS})


@pytest.fixture
def url(tmp_path: Path) -> str:
    made = f"sqlite:///{tmp_path}/controlplane.db"
    upgrade(made)
    return made


def event(name: str, subclass: str | None = None, **headers: str) -> NodeEvent:
    return NodeEvent("fs1", name, subclass, headers, datetime.now(UTC))


def test_what_tells_of_something_gone() -> None:
    assert respects(event("CUSTOM", "sofia::gateway_delete", Gateway="gw")) == GATEWAYS
    assert respects(event("UNPUBLISH", profile_name="external")) == {Subject.GATEWAYS, Subject.PROFILES}
    assert respects(event("UNPUBLISH", service="_http._tcp")) == frozenset()
    assert respects(event("CUSTOM", "sofia::gateway_state", Gateway="gw")) == frozenset()


@asynchronous
async def test_what_goes_without_our_asking_is_put_right_at_once(url: str, vault: Vault) -> None:
    items = (EXTERNAL, INTERNAL, gateway("gw"), gateway("other"))
    async with world(url, vault, items, reconciling=HEEDING, heeding=True) as land:
        await land.add("fs1", "fs2")
        await land.middle.settled("fs1", "fs2")
        others = len(land.commands("fs2"))
        await land.api("fs1", "sofia profile external killgw gw")
        await until(lambda: "sofia profile external startgw gw" in land.commands("fs1"))
        await land.middle.settled("fs1")
        assert await land.middle.runs("fs1", {"gw", "other"})
        await until(lambda: land["fs1"].profiles["internal"].age() > 10)
        await land.api("fs1", "sofia profile internal stop")
        await until(lambda: "sofia profile internal start" in land.commands("fs1"))
        await until(lambda: "internal" in land["fs1"].profiles)
        # Only the node that reported it.
        assert land.commands("fs2")[others:] == []


@asynchronous
async def test_a_node_that_was_started_anew_is_compared_in_every_respect(url: str, vault: Vault) -> None:
    reporting = replace(HEEDING, modes=dict.fromkeys(Subject, Mode.REPORT))
    async with world(url, vault, (EXTERNAL,), reconciling=reporting, heeding=True) as land:
        compared: list[tuple[Collection[str], Collection[Subject]]] = []
        run = land.middle.reconciler._asked_for_by_nodes

        async def noted(nodes: Collection[str], subjects: Collection[Subject]) -> None:
            await run(nodes, subjects)
            compared.append((tuple(nodes), frozenset(subjects)))

        land.middle.reconciler._soon._compare = noted
        await land.add("fs1")
        await until(lambda: compared == [(("fs1",), EVERY_RESPECT)])
        await land.reboot("fs1")
        await until(lambda: (("fs1",), EVERY_RESPECT) in compared[1:])


@asynchronous
async def test_what_an_operator_paused_is_not_looked_at(url: str, vault: Vault) -> None:
    async with world(url, vault, (EXTERNAL, gateway("gw")), reconciling=HEEDING, heeding=True) as land:
        land.middle.reconciler.asleep = lambda subject: subject is Subject.GATEWAYS
        await land.add("fs1")
        await land.middle.settled("fs1")
        await land.api("fs1", "sofia profile external killgw gw")
        await until(lambda: "gw" not in land["fs1"].gateways)
        await land.middle.reconciler._asked_for_by_nodes(["fs1"], EVERY_RESPECT)
        assert await land.middle.findings("fs1") == {}


@asynchronous
async def test_reports_that_follow_each_other_are_one_comparison() -> None:
    asked: list[tuple[Collection[str], Collection[Subject]]] = []
    go = asyncio.Event()

    async def compare(nodes: Collection[str], subjects: Collection[Subject]) -> None:
        asked.append((sorted(nodes), frozenset(subjects)))
        if len(asked) == 2:
            go.set()
        if len(asked) == 1:
            raise RuntimeError("once")

    soon = Soon(compare, settle=0.01, rest=0.05)
    soon.start()
    try:
        for _ in range(100):
            soon.ask("fs1", GATEWAYS)
            soon.ask("fs2", GATEWAYS)
        await until(lambda: asked == [(["fs1", "fs2"], GATEWAYS)])
        # What went wrong once does not end it.
        soon.ask("fs1", GATEWAYS)
        soon.ask("fs1", frozenset({Subject.PROFILES}))
        await go.wait()
        assert asked[1:] == [(["fs1"], frozenset({Subject.GATEWAYS, Subject.PROFILES}))]
    finally:
        await soon.stop()
