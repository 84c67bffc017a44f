"""From settings to the policies and jobs of the rooms, which know of no settings."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from controlplane.desired import windows
from controlplane.desired.directives import Allowed
from controlplane.jobs import Job, Work, comparing
from controlplane.push import PushPolicy, RolloutPolicy
from controlplane.reconcile import Mode, ReconcilePolicy, Reconciler, Subject
from controlplane.settings import Documents, EventSocket, Probe, Push, Reconcile, Retention, Rollout, Settings
from controlplane.store.engine import Store
from controlplane.store.retention import Keep, prune
from esl.link import LinkPolicy

# Seconds between two looks for history that is old enough to be forgotten.
RETENTION_PERIOD = 3600.0


def link_policy(settings: EventSocket) -> LinkPolicy:
    """Say how links are kept."""
    return LinkPolicy(
        connect_timeout=settings.connect_timeout,
        command_timeout=settings.command_timeout,
        background_timeout=settings.job_timeout,
        idle_timeout=settings.idle_timeout,
        backoff_min=settings.backoff_min,
        backoff_max=settings.backoff_max,
        connects_at_once=settings.connects_at_once,
        connects_per_second=settings.connects_per_second,
    )


def allowed(settings: Documents) -> Allowed:
    """Say which directives documents may hold."""
    return Allowed(settings.allow_preprocessor, settings.allow_exec)


def push_policy(settings: Push, probe: Probe) -> PushPolicy:
    """Say how pushes are timed."""
    return PushPolicy(
        debounce=settings.debounce,
        debounce_most=settings.debounce_max,
        at_once=settings.parallel,
        begun_per_second=settings.per_second,
        attempts=settings.attempts,
        backoff_min=settings.retry_min,
        backoff_max=settings.retry_max,
        deadline=settings.deadline,
        change_windows=tuple(map(windows.parse, settings.change_windows)),
        replaced_at_most=settings.gateway_changes_per_hour,
        when_idle=settings.when_idle,
        idle_poll=settings.idle_check,
        probe_timeout=probe.timeout,
    )


def rollout_policy(settings: Rollout) -> RolloutPolicy:
    """Say how nodes are given their turns."""
    return RolloutPolicy(
        settle=settings.settle,
        deadline=settings.deadline,
        skip_away=settings.away == "skip",
        canary_wait=settings.canary_wait,
        error_rate=settings.error_rate,
        error_calls=settings.error_calls,
    )


def reconcile_policy(settings: Reconcile) -> ReconcilePolicy:
    """Say what is done about drift."""
    return ReconcilePolicy(
        modes={subject: Mode(getattr(settings, subject)) for subject in Subject},
        ignore={subject: getattr(settings.ignore, subject) for subject in Subject},
        attempts=settings.attempts,
        wipe_share=settings.wipe_share,
        wipe_few=settings.wipe_few,
        events=settings.events,
    )


def jobs(settings: Settings, store: Store, reconciler: Reconciler, probe: Work) -> list[Job]:
    """Give the jobs: one for each subject that is compared at all, one that asks nodes for proof that they
    can fetch from us, and one that forgets history.
    """
    found = [
        comparing(
            reconciler,
            subject,
            getattr(settings.reconcile.periods, subject) or settings.reconcile.period,
            settings.reconcile.jitter,
        )
        for subject, mode in reconciler.policy.modes.items()
        if mode is not Mode.OFF
    ]
    work = partial(_forget, store, keep(settings.retention))
    return [
        *found,
        Job("probe", settings.probe.period, probe, jitter=settings.probe.jitter),
        Job("retention", RETENTION_PERIOD, work, jitter=60.0),
    ]


def keep(settings: Retention) -> Keep:
    """Say how long history is kept; runs of jobs and rollouts as long as pushes."""
    return Keep(
        revisions=timedelta(days=settings.revisions),
        audit=timedelta(days=settings.audit),
        pushes=timedelta(days=settings.pushes),
        findings=timedelta(days=settings.findings),
        repairs=timedelta(days=settings.findings),
        runs=timedelta(days=settings.pushes),
        rollouts=timedelta(days=settings.pushes),
    )


async def _forget(store: Store, kept: Keep) -> Mapping[str, Any]:
    total: dict[str, int] = {}
    while True:
        pruned = await store.write(lambda session: prune(session, kept, datetime.now(UTC)))
        for name, rows in asdict(pruned).items():
            total[name] = total.get(name, 0) + rows
        if not pruned.more:
            return total
