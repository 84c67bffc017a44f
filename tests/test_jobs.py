"""Jobs run on time, one at a time, and every run leaves a row; on each database."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select

from controlplane.jobs import Job, Jobs, JobStatus, told
from controlplane.observed.drift import Drift, Kind
from controlplane.reconcile import Compared
from controlplane.store import Store, tables
from controlplane.store.errors import DatabaseUnreachable
from tests.push.living import until
from tests.push.loop import asynchronous

HOUR = 3600.0


class Work:
    """Counts its runs; one takes as long as a test holds it."""

    def __init__(self, *errors: Exception) -> None:
        self.runs = 0
        self.now = 0
        self.most = 0
        self.errors = list(errors)
        self.go = asyncio.Event()
        self.go.set()

    async def __call__(self) -> Mapping[str, Any]:
        self.runs += 1
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await self.go.wait()
            if self.errors:
                raise self.errors.pop(0)
            return {"run": self.runs}
        finally:
            self.now -= 1


@asynccontextmanager
async def running(store: Store, *jobs: Job) -> AsyncIterator[Jobs]:
    made = Jobs(store, jobs)
    await made.start()
    try:
        yield made
    finally:
        await made.stop(0.0)


async def rows(store: Store) -> list[tuple[str, str | None]]:
    table = tables.table(tables.RunRow)
    wanted = select(table.c.job, table.c.outcome).order_by(table.c.id)
    return [(job, outcome) for job, outcome in await store.read(lambda s: s.execute(wanted).all())]


async def only(jobs: Jobs) -> JobStatus:
    [status] = await jobs.statuses()
    return status


@asynchronous
async def test_a_run_is_recorded(store: Store) -> None:
    work, before = Work(), datetime.now(UTC)
    async with running(store, Job("compare", HOUR, work, jitter=60.0)) as jobs:
        status = await only(jobs)
        assert (status.last_start, status.last_end, status.outcome) == (None, None, None)
        assert status.next_run is not None
        assert status.next_run > before
        work.go.clear()
        run = asyncio.create_task(jobs.run_now("compare"))
        await until(lambda: work.now)
        status = await only(jobs)
        assert status.last_start is not None
        assert status.outcome is None
        work.go.set()
        assert await run == {"run": 1}
        status = await only(jobs)
        assert (status.outcome, status.detail) == ("done", {"run": 1})
        assert status.last_end is not None
        with pytest.raises(KeyError):
            await jobs.run_now("unknown")


@asynchronous
async def test_a_run_that_fails_is_recorded_and_keeps_no_other_from_running(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    work = Work(LookupError("a defect"), DatabaseUnreachable("away"))
    async with running(store, Job("compare", 0.02, work)) as jobs:
        await until(lambda: work.runs > 2)
        await until(lambda: _done(jobs))
    found = await rows(store)
    assert found[:3] == [("compare", "failed"), ("compare", "failed"), ("compare", "done")]
    assert "job compare failed" in caplog.text
    assert "job compare: away" in caplog.text


async def _done(jobs: Jobs) -> bool:
    return (await only(jobs)).outcome == "done"


@asynchronous
async def test_who_asks_for_a_run_under_way_gets_that_one(store: Store) -> None:
    work = Work(LookupError("a defect"))
    work.go.clear()
    async with running(store, Job("compare", HOUR, work)) as jobs:
        first, second = (asyncio.create_task(jobs.run_now("compare")) for _ in range(2))
        await until(lambda: work.now)
        # One who gives up does not end it for the other.
        first.cancel()
        work.go.set()
        with pytest.raises(LookupError, match="a defect"):
            await second
        assert work.runs == 1
        assert await jobs.run_now("compare") == {"run": 2}


@asynchronous
async def test_never_two_at_a_time(store: Store) -> None:
    work, due = Work(), set[datetime | None]()
    work.go.clear()

    async def passed_over() -> bool:
        due.add((await only(jobs)).next_run)
        return len(due) > 3

    async with running(store, Job("compare", 0.02, work)) as jobs:
        await until(lambda: work.now)
        await until(passed_over)
        assert work.runs == 1
        work.go.set()
        await until(lambda: work.runs > 2)
        assert work.most == 1


@asynchronous
async def test_a_late_run_is_a_run_all_the_same(store: Store) -> None:
    """The scheduler's own rule would skip it: after a second it is told of as missed, and that is all."""
    work = Work()
    async with running(store, Job("compare", HOUR, work, soon=True)):
        _hang(1.1)
        await until(lambda: work.runs)


def _hang(seconds: float) -> None:
    time.sleep(seconds)


@asynchronous
async def test_the_first_run_is_at_once_where_it_is_to_be(store: Store) -> None:
    now, later = Work(), Work()
    async with running(store, Job("now", HOUR, now, soon=True), Job("later", HOUR, later)):
        await until(lambda: now.runs)
        assert later.runs == 0


@asynchronous
async def test_stop_lets_runs_end(store: Store) -> None:
    work = Work()
    work.go.clear()
    async with running(store, Job("compare", HOUR, work, soon=True)) as jobs:
        await until(lambda: work.now)
        stopping = asyncio.create_task(jobs.stop(30))
        await asyncio.sleep(0)
        work.go.set()
        await stopping
    assert await rows(store) == [("compare", "done")]


@asynchronous
async def test_stop_cancels_what_does_not_end_and_says_so(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    work = Work()
    work.go.clear()
    async with running(store, Job("compare", HOUR, work, soon=True)) as jobs:
        await until(lambda: work.now)
        await jobs.stop(0.0)
        assert work.now == 0
    assert await rows(store) == [("compare", "cancelled")]
    assert caplog.records == []


def test_told() -> None:
    drift = (Drift(Kind.MISSING, "gw", "does not run"),)
    compared = [Compared("a"), Compared("b", drift, pushed=True), Compared("c", error="away")]
    assert told(compared) == {"nodes": 3, "drifting": 1, "repairing": 1, "not_read": 1}


@asynchronous
async def test_a_paused_job_runs_by_word_alone_also_after_a_restart(store: Store) -> None:
    work = Work()
    job = Job("compare", 0.02, work, soon=True)
    async with running(store, job, Job("other", HOUR, Work())) as jobs:
        await until(lambda: work.runs)
        await jobs.pause("compare", "ann", "too much")
        await jobs.pause("compare", "bob")
        with pytest.raises(KeyError):
            await jobs.pause("unknown", "ann")
        assert (jobs.paused("compare"), jobs.paused("other"), jobs.paused("unknown")) == (True, False, False)
    async with running(store, job) as jobs:
        status = await only(jobs)
        assert status.next_run is None
        assert status.pause is not None
        assert (status.pause.actor, status.pause.reason) == ("ann", "too much")
        runs = work.runs
        assert await jobs.run_now("compare") == {"run": runs + 1}
        status = await only(jobs)
        assert status.duration is not None
        assert status.running is False
        await jobs.resume("compare")
        await jobs.resume("compare")
        await until(lambda: work.runs > runs + 2)
    async with running(store, job) as jobs:
        assert (await only(jobs)).pause is None
