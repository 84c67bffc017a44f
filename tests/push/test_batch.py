"""Writes in batches, and waiting for events."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from controlplane.push.batch import Batch
from controlplane.push.watch import Watch
from esl.link import NodeEvent
from tests.push.loop import asynchronous


@asynchronous
async def test_what_comes_during_a_write_is_written_together() -> None:
    written: list[list[int]] = []
    begun, first = asyncio.Event(), asyncio.Event()

    async def write(items: Sequence[int]) -> None:
        written.append(list(items))
        begun.set()
        await first.wait()

    batch = Batch(write)
    adding = [asyncio.create_task(batch.add(0))]
    await begun.wait()
    adding += [asyncio.create_task(batch.add(number)) for number in (1, 2, 3)]
    await asyncio.sleep(0)
    assert not any(task.done() for task in adding)
    first.set()
    await asyncio.gather(*adding)
    assert written == [[0], [1, 2, 3]]


@asynchronous
async def test_an_error_is_every_callers_and_ends_nothing() -> None:
    async def write(items: Sequence[int]) -> None:
        if 1 in items:
            raise LookupError("one")

    batch = Batch(write)
    outcomes = await asyncio.gather(*(batch.add(number) for number in (1, 2)), return_exceptions=True)
    assert [repr(each) for each in outcomes] == ["LookupError('one')"] * 2
    await batch.add(3)
    await batch.drain()


@asynchronous
async def test_a_caller_that_goes_keeps_nobody_from_the_write() -> None:
    written: list[int] = []

    async def write(items: Sequence[int]) -> None:
        written.extend(items)

    batch = Batch(write, linger=0.01)
    going, staying = (asyncio.create_task(batch.add(number)) for number in (1, 2))
    await asyncio.sleep(0)
    going.cancel()
    await staying
    with pytest.raises(asyncio.CancelledError):
        await going
    assert written == [1, 2]


def event(node: str, name: str) -> NodeEvent:
    return NodeEvent(node, name, None, {}, datetime.now(UTC))


@asynchronous
async def test_an_ear_hears_its_nodes_events_from_when_it_listens() -> None:
    watch = Watch()
    watch.saw(event("fs1", "before"))
    with watch.listening("fs1") as ear, watch.listening("fs1") as other:
        watch.saw(event("fs2", "elsewhere"))
        watch.saw(event("fs1", "one"))
        watch.saw(event("fs1", "two"))
        heard = [await ear.next(10), await ear.next(10)]
        assert [each.name for each in heard if each is not None] == ["one", "two"]
        assert await ear.next(0) is None
        assert await ear.next(-1) is None
        waiting = asyncio.create_task(ear.next(10))
        await asyncio.sleep(0)
        watch.saw(event("fs1", "three"))
        found = await waiting
        assert found is not None
        assert found.name == "three"
        first = await other.next(0)
        assert first is not None
        assert first.name == "one"
    watch.saw(event("fs1", "after"))
