"""What is said of a node."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from controlplane.desired.values import NodeMode
from controlplane.observed.conditions import OpenPush, Progress, status
from esl.link import Link, LinkState

AT = datetime(2026, 11, 24, tzinfo=UTC)
UP = Link("fs1", LinkState.UP, AT, core_uuid="core", version="1.11", own_address="192.0.2.1")
DOWN = Link("fs1", LinkState.DOWN, AT, "refused")
SEEN = Progress(7, 7, 7, AT)


def push(state: str, reason: str = "") -> OpenPush:
    return OpenPush(1, state, 7, reason, 1, None)


@pytest.mark.parametrize(
    ("link", "progress", "pushes", "held", "drifting", "in_sync", "why"),
    [
        (UP, SEEN, [], {}, [], True, ""),
        (UP, SEEN, [push("waiting")], {}, [], False, "a push is waiting"),
        (UP, SEEN, [push("waiting", "no way")], {}, [], False, "a push is waiting: no way"),
        (UP, SEEN, [push("running")], {}, [], False, "a push is running"),
        (UP, SEEN, [push("waiting"), push("stalled", "-ERR")], {}, [], False, "a push stalled: -ERR"),
        (DOWN, SEEN, [push("waiting")], {}, [], False, "a push waits till the node is back: refused"),
        (None, SEEN, [push("waiting")], {}, [], False, "a push waits till the node is back: not connected"),
        (UP, SEEN, [], {"b": "2", "a": "1"}, ["x"], False, "a waits for a restart: 1"),
        (UP, SEEN, [], {}, ["first", "second"], False, "first"),
        (DOWN, SEEN, [], {}, ["first"], False, "first"),
        # nothing known against it, and yet it cannot be told
        (DOWN, SEEN, [], {}, [], None, "the node is away"),
        (None, SEEN, [], {}, [], None, "the node is away"),
        (UP, Progress(), [], {}, [], None, "the node was not compared yet"),
        (UP, Progress(7, 7, 7, None), [], {}, [], True, ""),
    ],
)
def test_in_sync(
    link: Link | None,
    progress: Progress,
    pushes: Sequence[OpenPush],
    held: Mapping[str, str],
    drifting: Sequence[str],
    in_sync: bool | None,
    why: str,
) -> None:
    found = status("fs1", NodeMode.MANAGED, link, 7, progress, pushes, held, drifting)
    assert (found.in_sync, found.why) == (in_sync, why)
    assert found.findings == len(drifting)


def test_an_observed_node_is_in_sync_once_it_was_compared() -> None:
    """What was ever applied to it tells nothing: others command it."""
    progress = Progress(7, 7, 7, None)
    assert status("fs1", NodeMode.OBSERVING, UP, 7, progress, [], {}, []).in_sync is None
    compared = replace(progress, observed_at=AT)
    assert status("fs1", NodeMode.OBSERVING, UP, 7, compared, [], {}, []).in_sync is True


def test_a_node_that_is_not_held_is_down() -> None:
    found = status("fs1", NodeMode.MANAGED, None, 7, SEEN, [], {}, [])
    assert (found.link, found.link_reason, found.link_since) == (LinkState.DOWN, "not held", None)
    assert (found.core_uuid, found.version, found.own_address) == (None, None, None)
