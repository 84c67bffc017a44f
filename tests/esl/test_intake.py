"""Connecting to many nodes at once: so many in the making, and so many begun a second."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from select import select

import pytest

from esl import queries
from esl.keeper import Intake
from esl.link import LinkPolicy, LinkState, NodeAddress
from tests.esl.scripted import QUICK, ScriptedNode, fleet_of, scripted
from tests.esl.switch.client import until

NODES = 500


class Clock:
    """Time passes while somebody sleeps, and no other."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds


def test_connections_are_begun_no_faster_than_the_rate() -> None:
    clock = Clock()
    intake = Intake(LinkPolicy(connects_per_second=100.0), clock, clock.sleep)
    begun = []
    for _ in range(NODES):
        intake.pace()
        begun.append(clock.now)
    assert begun[0] == 1000.0
    assert [begun[index] - begun[0] for index in (1, 100, NODES - 1)] == pytest.approx([0.01, 1.0, 4.99])
    # Who comes after a quiet while need not wait, and the while is not made up for.
    clock.now += 60
    quiet = clock.now
    for _ in range(3):
        intake.pace()
        begun.append(clock.now)
    assert [at - quiet for at in begun[-3:]] == pytest.approx([0.0, 0.01, 0.02])


@contextmanager
def unreachable() -> Iterator[int]:
    """A port whose connections are never made: its listener's queue is full."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, ExitStack() as stack:
        for _ in range(10):
            one = stack.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(full.getsockname())
            if not select([], [one], [], 0.2)[1]:
                break
        else:
            raise AssertionError("the queue does not fill")
        yield full.getsockname()[1]


def test_nodes_that_are_dead_or_hang_or_refuse_us_keep_no_other_waiting() -> None:
    async def main() -> None:
        # Whoever held the one turn for its whole time would hold it for ten minutes.
        policy = replace(QUICK, connects_at_once=1, connect_timeout=600.0)
        async with (
            scripted() as hangs,
            scripted() as refuses,
            scripted() as node,
            fleet_of(up=False, policy=policy) as (fleet, watch),
        ):
            hangs.greet = False
            with unreachable() as port:
                await fleet.hold(NodeAddress("dead", "127.0.0.1", port, "x"))
                await fleet.hold(hangs.address("hangs"))
                await until(lambda: hangs.accepted, "it connects to the one that hangs")
                await fleet.hold(refuses.address("refuses", password="wrong"))
                await watch.state(LinkState.DOWN, node="refuses")
                await fleet.hold(node.address("fs1"))
                await watch.state(LinkState.UP)
                for name in ("dead", "hangs"):
                    link = fleet.link(name)
                    assert link is not None
                    assert link.state is LinkState.CONNECTING

    asyncio.run(main())


class Crowd:
    """Holds every login till as many are in the making as may be, and notes the most there ever were."""

    def __init__(self, node: ScriptedNode, at_once: int) -> None:
        self._node = node
        self._at_once = at_once
        self._making: set[asyncio.StreamWriter] = set()
        self._full = asyncio.Event()
        self.most = 0
        self.left = 0
        node.on_line = self._on_line

    def expect(self, nodes: int) -> None:
        self.left = nodes

    async def _on_line(self, line: str, writer: asyncio.StreamWriter) -> bool:
        if line.startswith("auth"):
            self._making.add(writer)
            self.most = max(self.most, len(self._making))
            full = self._full
            if len(self._making) >= min(self._at_once, self.left):
                self._full = asyncio.Event()
                full.set()
            await full.wait()
        elif line.startswith("bgapi version") and writer in self._making:
            self._making.discard(writer)
            self.left -= 1
        return False


def test_nodes_that_come_back_together_are_taken_in_a_few_at_once() -> None:
    async def main() -> None:
        policy = replace(QUICK, connects_per_second=1e6, connects_at_once=8, connect_timeout=10.0)
        async with scripted() as node, fleet_of(up=False, policy=policy) as (fleet, watch):
            crowd = Crowd(node, at_once=8)
            names = [f"n{index}" for index in range(NODES)]
            for life in (1, 2):
                crowd.expect(NODES)
                for name in names if life == 1 else ():
                    await fleet.hold(node.address(name))
                await watch.until(
                    lambda life=life: (
                        len(fleet.links()) == NODES  # type: ignore[misc]
                        and all(link.state is LinkState.UP and link.epoch == life for link in fleet.links())
                    ),
                    within=30,
                )
                assert crowd.most == 8
                assert node.accepted == life * NODES
                if life == 1:
                    node.cut()  # all of them vanish, and come back
            node.api["module_exists mod_x"] = "true"
            outcomes = await asyncio.gather(
                *(fleet.run(name, queries.ModuleExists("mod_x")) for name in names)
            )
            assert outcomes == [True] * NODES

    asyncio.run(main())
