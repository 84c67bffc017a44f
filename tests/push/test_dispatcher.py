"""Who is pushed to when, with rows in a real database and a runner that a test holds up."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar, cast

import pytest
from sqlalchemy.orm import Session

from controlplane.push import queue
from controlplane.push.dispatcher import Dispatcher
from controlplane.push.policy import PushPolicy
from controlplane.push.queue import Ended, State, Taken
from controlplane.push.runner import Runner
from controlplane.push.touches import Touches
from controlplane.store import Store
from controlplane.store.errors import DatabaseUnreachable
from tests.push.living import until
from tests.push.loop import asynchronous

T = TypeVar("T")

POLICY = PushPolicy(debounce=0.03, debounce_most=0.2, at_once=2, backoff_min=0.01, linger=0.0)


class Runs:
    """Holds every push up while `hold` names its node; ends it as `become` says."""

    def __init__(self) -> None:
        self.hold: set[str] = set()
        self.now: set[str] = set()
        self.most = 0
        self.taken: list[Taken] = []
        self.become: Callable[[Taken], Ended] = applied

    async def run(self, taken: Taken) -> Ended:
        node = taken.push.node
        self.taken.append(taken)
        assert node not in self.now
        self.now.add(node)
        self.most = max(self.most, len(self.now))
        try:
            await until(lambda: node not in self.hold)
            return self.become(taken)
        finally:
            self.now.discard(node)

    def nodes(self) -> list[str]:
        return [each.push.node for each in self.taken]


def applied(taken: Taken) -> Ended:
    return Ended(taken.push.id, taken.push.node, State.APPLIED, Touches())


class Flaky(Store):
    """A store whose next writes fail."""

    errors: list[Exception]

    async def write(self, work: Callable[[Session], T]) -> T:
        if self.errors:
            raise self.errors.pop(0)
        return await super().write(work)


class Desk:
    def __init__(self, url: str, policy: PushPolicy = POLICY) -> None:
        self.store = cast(Flaky, Flaky.open(url))
        self.store.errors = []
        self.runs = Runs()
        self.ready: set[str] = {f"fs{number}" for number in range(10)}
        self.dispatcher = Dispatcher(
            self.store, cast(Runner, self.runs), lambda node: node in self.ready, policy
        )

    async def enqueue(self, *nodes: str, name: str = "gw") -> None:
        touches = Touches(gateways=frozenset({name}))
        now = datetime.now(UTC)
        await Store.write(
            self.store, lambda session: queue.enqueue(session, 1, dict.fromkeys(nodes, touches), now)
        )
        self.dispatcher.notify(nodes)

    async def states(self, node: str) -> list[State]:
        found = await self.store.read(lambda session: queue.page(session, node=node))
        return [each.state for each in found]

    async def done(self, *nodes: str) -> None:
        async def so() -> bool:
            return all([set(await self.states(node)) == {State.APPLIED} for node in nodes])

        await until(so)


@asynccontextmanager
async def desk(url: str, policy: PushPolicy = POLICY) -> AsyncIterator[Desk]:
    made = Desk(url, policy)
    await made.dispatcher.start()
    try:
        yield made
    finally:
        made.runs.hold.clear()
        await made.dispatcher.stop()
        made.store.close()


@asynchronous
async def test_what_comes_together_goes_out_together(url: str) -> None:
    async with desk(url) as at:
        names = {f"gw{number}" for number in range(5)}
        for name in names:
            await at.enqueue("fs1", name=name)
        await at.done("fs1")
        assert set().union(*(each.push.touches.gateways for each in at.runs.taken)) == names
        assert len(at.runs.taken) < len(names)


@asynchronous
async def test_edits_without_end_hold_nothing_up_for_ever(url: str) -> None:
    async with desk(url) as at:
        while not at.runs.taken:
            await at.enqueue("fs1")
            await asyncio.sleep(POLICY.debounce / 10)


@asynchronous
async def test_so_many_nodes_at_once_and_one_push_of_a_node(url: str) -> None:
    async with desk(url) as at:
        nodes = [f"fs{number}" for number in range(6)]
        at.runs.hold = set(nodes)
        await at.enqueue(*nodes)
        await until(lambda: len(at.runs.now) == 2)
        first, second = at.runs.now
        await at.enqueue(first)
        at.runs.hold -= {second}
        await until(lambda: second not in at.runs.now and len(at.runs.now) == 2)
        assert first in at.runs.now
        at.runs.hold.clear()
        await at.done(*nodes)
        assert at.runs.most == 2
        assert at.runs.nodes().count(first) == 2


@asynchronous
async def test_nodes_that_do_not_answer_keep_no_other_waiting(url: str) -> None:
    async with desk(url, replace(POLICY, patience=0.05)) as at:
        dead = ("fs1", "fs2", "fs3")
        at.runs.hold = set(dead)
        await at.enqueue(*dead)
        await at.enqueue("fs4")
        await at.done("fs4")
        assert at.runs.now == set(dead)


@asynchronous
async def test_one_that_is_not_ready_waits_till_it_is(url: str) -> None:
    async with desk(url) as at:
        at.ready.discard("fs1")
        await at.enqueue("fs1", "fs2")
        await at.done("fs2")
        assert await at.states("fs1") == [State.WAITING]
        at.ready.add("fs1")
        at.dispatcher.wake("fs1")
        await at.done("fs1")


@asynchronous
async def test_serial_has_the_node_between_its_pushes(url: str) -> None:
    async with desk(url) as at:
        at.runs.hold.add("fs1")
        await at.enqueue("fs1")
        await until(lambda: at.dispatcher.busy("fs1"))
        order: list[str] = []

        async def action(name: str) -> None:
            async with at.dispatcher.serial("fs1"):
                assert not at.dispatcher.busy("fs1")
                order.append(name)
                await at.enqueue("fs1")
                await at.enqueue("fs2")
                await until(lambda: "fs2" in at.runs.nodes())
                assert not at.dispatcher.busy("fs1")

        actions = [asyncio.create_task(action(name)) for name in "ab"]
        await until(lambda: at.dispatcher.running == ("fs1",))
        assert order == []
        at.runs.hold.clear()
        await asyncio.gather(*actions)
        assert order == ["a", "b"]
        await at.done("fs1", "fs2")


@pytest.mark.parametrize("error", [DatabaseUnreachable("away"), RuntimeError("a defect")])
@pytest.mark.parametrize("write", ["take", "end"])
@asynchronous
async def test_a_database_that_fails_loses_nothing(
    url: str, error: Exception, write: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with desk(url) as at:
        await at.enqueue("fs1")
        at.runs.hold.add("fs1")
        if write == "end":
            await until(lambda: at.runs.now)
        at.store.errors = [error, error]
        at.runs.hold.clear()
        await at.done("fs1")
        assert at.store.errors == []
    assert caplog.text.count(str(error)) >= 2


@asynchronous
async def test_what_failed_is_tried_when_its_turn_comes_or_a_newer_revision_does(url: str) -> None:
    async with desk(url) as at:
        far = datetime.now(UTC) + timedelta(hours=1)

        def later(taken: Taken) -> Ended:
            push = taken.push
            return Ended(push.id, push.node, State.WAITING, push.touches, "no", far, attempts=1)

        at.runs.become = later
        await at.enqueue("fs1")
        await until(lambda: at.runs.taken and not at.dispatcher.busy("fs1"))
        at.dispatcher.notify(["fs1"], patient=True)
        await at.enqueue("fs2")
        await until(lambda: len(at.runs.taken) == 2)
        assert at.runs.nodes() == ["fs1", "fs2"]
        at.runs.become = applied
        await at.enqueue("fs1", name="other")
        await at.done("fs1")
        assert set(at.runs.taken[-1].push.touches.gateways) == {"gw", "other"}


@asynchronous
async def test_a_restart_takes_up_what_waits_in_its_turn(url: str) -> None:
    async with desk(url) as at:
        at.ready.clear()
        await at.enqueue("fs1", "fs2")
    async with desk(url) as at:
        await at.done("fs1", "fs2")


@asynchronous
async def test_stop_lets_pushes_end(url: str) -> None:
    async with desk(url) as at:
        at.runs.hold = {"fs1"}
        await at.enqueue("fs1")
        await until(lambda: at.runs.now)
        stopping = asyncio.create_task(at.dispatcher.stop(30))
        await at.enqueue("fs2")
        at.runs.hold.clear()
        await stopping
        assert await at.states("fs1") == [State.APPLIED]
        assert await at.states("fs2") == [State.WAITING]


@asynchronous
async def test_stop_puts_back_what_does_not_end(url: str) -> None:
    async with desk(url) as at:
        at.runs.hold = {"fs1"}
        await at.enqueue("fs1")
        await until(lambda: at.runs.now)
        await at.dispatcher.stop(0)
        [push] = await at.store.read(queue.waiting)
        assert (push.node, push.reason, push.attempts) == ("fs1", "the daemon was stopped", 0)
        assert at.dispatcher.running == ()


@asynchronous
async def test_what_waits_for_its_turn_does_not_begin_once_we_stop(url: str) -> None:
    async with desk(url, replace(POLICY, begun_per_second=0.5, begun_at_once=1)) as at:
        await at.enqueue("fs1", "fs2")
        await at.done("fs1")
        await at.dispatcher.stop(30)
        assert at.runs.nodes() == ["fs1"]
        [push] = await at.store.read(queue.waiting)
        assert (push.node, push.reason, push.attempts) == ("fs2", "the daemon was stopped", 0)
