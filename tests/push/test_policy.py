"""What becomes of a push that failed."""

import pytest

from controlplane.answers.errors import Unanswerable
from controlplane.observed.errors import Unreadable
from controlplane.push.errors import NotAnswering, NotReady, NotRenderable, NotSeen, Refused
from controlplane.push.policy import Verdict, judge
from controlplane.store.errors import DatabaseUnreachable
from esl.errors import (
    CommandFailed,
    CommandRejected,
    CommandTimeout,
    ConnectionLost,
    NotConnected,
    TooSoon,
    UnknownProfile,
)


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        # what time alone cures is tried till it is cured
        (TooSoon("stop", "wait", 8.0), Verdict("stop: wait", counts=False, after=8.5)),
        (NotConnected("refused"), Verdict("the node is away: refused", counts=False)),
        (ConnectionLost("reset"), Verdict("the node is away: reset", counts=False)),
        (CommandTimeout("x"), Verdict("the node did not answer in time: x", counts=False)),
        (TimeoutError(), Verdict("the node did not answer in time", counts=False)),
        (NotAnswering("a"), Verdict("a", counts=False)),
        (NotRenderable("b"), Verdict("b", counts=False)),
        (NotReady("c"), Verdict("c", counts=False)),
        (DatabaseUnreachable("d"), Verdict("d", counts=False)),
        (Unanswerable("e"), Verdict("e", counts=False)),
        # what will not be otherwise next time
        (Refused("f"), Verdict("f", stalls=True)),
        (CommandRejected("g"), Verdict("g", stalls=True)),
        # what may be, some times
        (CommandFailed("startgw", "-ERR no\n"), Verdict("startgw: -ERR no")),
        (UnknownProfile("rescan", "Invalid Profile [x]"), Verdict("rescan: Invalid Profile [x]")),
        (NotSeen("h"), Verdict("h")),
        (Unreadable("i"), Verdict("i")),
        (ZeroDivisionError("j"), Verdict("ZeroDivisionError: j")),
    ],
)
def test_judge(error: Exception, verdict: Verdict) -> None:
    assert judge(error) == verdict
