"""The `controlplane` command, its waits on nodes shortened: stand-ins are quicker than FreeSWITCH."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from controlplane import configured
from controlplane.cli import main

_QUICKER: dict[str, dict[str, float]] = {
    "link_policy": {"send_timeout": 2.0, "probe_timeout": 1.0, "refused_min": 0.1, "refused_max": 0.3},
    "push_policy": {
        "gone_timeout": 1.5,
        "gone_poll": 0.2,
        "up_timeout": 2.0,
        "seen_timeout": 1.0,
        "linger": 0.01,
    },
    "rollout_policy": {"look": 0.05},
    "reconcile_policy": {"deadline": 5.0},
}
"""What is no setting, by the function that makes the policy it belongs to."""


def _quicker(policy: Callable[..., Any], changes: dict[str, float]) -> Callable[..., Any]:
    return lambda *settings: replace(policy(*settings), **changes)


if __name__ == "__main__":
    with ExitStack() as patches:
        for name, changes in _QUICKER.items():
            made = _quicker(getattr(configured, name), changes)
            patches.enter_context(patch.object(configured, name, made))
        main()
