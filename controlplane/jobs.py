"""What is done again and again, such as comparing nodes."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeAlias

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger
from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from controlplane.reconcile import Compared, Reconciler, Subject
from controlplane.store import tables
from controlplane.store.engine import Store
from controlplane.store.errors import StoreError

log = logging.getLogger(__name__)

Work: TypeAlias = Callable[[], Awaitable[Mapping[str, Any]]]
"""Does a job once; gives what is to be told of it."""

_RUNS = tables.table(tables.RunRow)
_PAUSED = tables.table(tables.PausedJobRow)


@dataclass(frozen=True, slots=True)
class Job:
    """One job under its fixed name. `period` and `jitter` in seconds; `soon`: first run at once."""

    name: str
    period: float
    work: Work
    jitter: float = 0.0
    soon: bool = False


@dataclass(frozen=True, slots=True)
class Pause:
    """Who paused a job, since when, and why."""

    actor: str
    since: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True)
class JobStatus:
    """A job and its last run. `next_run`: None while it is paused; `running`: now.

    `outcome`: done, failed, cancelled; None: under way, or the daemon died in it.
    """

    name: str
    period: float
    next_run: datetime | None
    last_start: datetime | None
    last_end: datetime | None
    outcome: str | None
    detail: Mapping[str, Any]
    running: bool = False
    pause: Pause | None = None

    @property
    def duration(self) -> float | None:
        """How many seconds the last run took; None while it is not over."""
        if self.last_start is None or self.last_end is None:
            return None
        return (self.last_end - self.last_start).total_seconds()


class Jobs:
    """Runs jobs on time, each at most once at a time; every run leaves a row.

    One that is paused runs by an operator's word alone, also after a restart.
    """

    def __init__(self, store: Store, jobs: Iterable[Job]) -> None:
        self._store = store
        self._jobs = {job.name: job for job in jobs}
        self._scheduler: Any = None
        self._running: dict[str, asyncio.Task[Any]] = {}
        self._stopping = False
        self._paused: dict[str, Pause] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._jobs

    async def start(self) -> None:
        """Begin; in the event loop's thread. Raises StoreError."""
        self._paused = await self._store.read(_paused)
        # A late run is a run all the same, and of several missed ones one is enough.
        defaults = {"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
        self._scheduler = AsyncIOScheduler(timezone=UTC, job_defaults=defaults)
        now = datetime.now(UTC)
        for job in self._jobs.values():
            trigger = IntervalTrigger(seconds=job.period, jitter=job.jitter or None, timezone=UTC)
            first = {"next_run_time": now} if job.soon else {}
            self._scheduler.add_job(self._fire, trigger, args=[job.name], id=job.name, **first)
            if job.name in self._paused:
                self._scheduler.pause_job(job.name)
        self._scheduler.start()

    async def stop(self, timeout: float = 5.0) -> None:  # noqa: ASYNC109  # the bound is the promise
        """Begin no more runs; those under way are let finish for `timeout` seconds, then cancelled."""
        if self._scheduler is None:
            return
        self._stopping = True
        self._scheduler.pause()
        tasks = set(self._running.values())
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=timeout)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)
        self._scheduler.shutdown(wait=False)
        self._scheduler = None

    async def run_now(self, name: str) -> Mapping[str, Any]:
        """Run a job, or wait for the run under way; gives what it tells. Raises KeyError for no job."""
        detail: Mapping[str, Any] = await asyncio.shield(self._begin(name))
        return detail

    async def pause(self, name: str, actor: str, reason: str = "") -> None:
        """Run the job on time no more; a run under way ends. Raises KeyError for no job, and StoreError."""
        job, pause = self._jobs[name].name, Pause(actor, datetime.now(UTC), reason)
        if job in self._paused:
            return
        await self._store.write(lambda session: _pause(session, job, pause))
        self._paused[job] = pause
        self._scheduler.pause_job(job)

    async def resume(self, name: str) -> None:
        """Run the job on time again. Raises KeyError for no job, and StoreError."""
        job = self._jobs[name].name
        if job in self._paused:
            await self._store.write(lambda session: _resume(session, job))
            del self._paused[job]
            self._scheduler.resume_job(job)

    def paused(self, name: str) -> bool:
        """Whether a job runs by an operator's word alone; one that does not exist does not."""
        return name in self._paused

    async def statuses(self) -> list[JobStatus]:
        """Every job with its last run."""
        last = await self._store.read(lambda session: _last_runs(session, list(self._jobs)))
        found = []
        for name, job in self._jobs.items():
            scheduled = self._scheduler.get_job(name) if self._scheduler is not None else None
            row = last.get(name, {})
            found.append(
                JobStatus(
                    name,
                    job.period,
                    scheduled.next_run_time if scheduled is not None else None,
                    row.get("started_at"),
                    row.get("ended_at"),
                    row.get("outcome"),
                    row.get("detail", {}),
                    name in self._running,
                    self._paused.get(name),
                )
            )
        return found

    async def _fire(self, name: str) -> None:
        """Begin a run unless one is under way; not waited for, as the scheduler cancels what it waits for."""
        if not self._stopping and name not in self._running:
            self._begin(name).add_done_callback(partial(_log_failure, name))

    def _begin(self, name: str) -> asyncio.Task[Any]:
        """Begin a run of the job, or give the one under way."""
        task = self._running.get(name)
        if task is None:
            task = asyncio.create_task(self._run(self._jobs[name]), name=f"job {name}")
            self._running[name] = task
            task.add_done_callback(lambda _: self._running.pop(name, None))
        return task

    async def _run(self, job: Job) -> Mapping[str, Any]:
        started = datetime.now(UTC)
        number = await self._store.write(lambda session: _begun(session, job.name, started))
        outcome, detail = "cancelled", dict[str, Any]()
        try:
            detail = dict(await job.work())
            outcome = "done"
            return detail
        except Exception as error:
            outcome, detail = "failed", {"error": str(error)[:500]}
            raise
        finally:
            ended = datetime.now(UTC)
            end = self._store.write(lambda session: _ended(session, number, ended, outcome, detail))
            await asyncio.shield(end)


def comparing(reconciler: Reconciler, subject: Subject, period: float, jitter: float) -> Job:
    """Give the job that compares every node in one respect."""

    async def work() -> Mapping[str, Any]:
        return told(await reconciler.run(subjects=[subject]))

    return Job(job_of(subject), period, work, jitter, soon=True)


def job_of(subject: Subject) -> str:
    """The name of the job that compares in one respect."""
    return f"reconcile-{subject}"


def told(compared: Sequence[Compared]) -> dict[str, Any]:
    """In numbers, for the run's row."""
    return {
        "nodes": len(compared),
        "drifting": sum(bool(each.drift) for each in compared),
        "repairing": sum(each.pushed for each in compared),
        "not_read": sum(bool(each.error) for each in compared),
    }


def _log_failure(name: str, run: asyncio.Task[Any]) -> None:
    error = run.exception() if not run.cancelled() else None
    if isinstance(error, StoreError):
        log.warning("job %s: %s", name, error)
    elif error is not None:
        log.error("job %s failed", name, exc_info=error)


def _begun(session: Session, name: str, at: datetime) -> int:
    row = session.connection().execute(
        insert(_RUNS).values(job=name, started_at=at, detail={}).returning(_RUNS.c.id)
    )
    return int(row.scalar_one())


def _ended(session: Session, number: int, at: datetime, outcome: str, detail: Mapping[str, Any]) -> None:
    session.connection().execute(
        update(_RUNS).where(_RUNS.c.id == number).values(ended_at=at, outcome=outcome, detail=dict(detail))
    )


def _paused(session: Session) -> dict[str, Pause]:
    rows = session.execute(select(_PAUSED)).mappings()
    return {row["job"]: Pause(row["actor"], row["since"], row["reason"]) for row in rows}


def _pause(session: Session, job: str, pause: Pause) -> None:
    _resume(session, job)
    session.execute(
        insert(_PAUSED).values(job=job, actor=pause.actor, since=pause.since, reason=pause.reason)
    )


def _resume(session: Session, job: str) -> None:
    session.execute(delete(_PAUSED).where(_PAUSED.c.job == job))


def _last_runs(session: Session, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    found = {}
    for name in names:
        wanted = select(_RUNS).where(_RUNS.c.job == name).order_by(_RUNS.c.id.desc()).limit(1)
        row = session.execute(wanted).mappings().first()
        if row is not None:
            found[name] = dict(row)
    return found
