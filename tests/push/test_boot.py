"""What a node goes by since it started."""

from dataclasses import replace

import pytest

from controlplane.answers.ledger import Ledger
from controlplane.observed.values import Wanted, WantedDocument
from controlplane.push import settings
from controlplane.push.applied import Applied
from controlplane.push.boot import SinceBoot, since_start, with_restarted
from controlplane.push.touches import Touches
from tests.push.states import EXTERNAL, LAN, applied, wanted

NOTHING = Touches()
SHOULD: Wanted = replace(
    wanted(
        profiles=[EXTERNAL],
        acls=[LAN],
        cidrs={"a.example": ()},
        documents=[WantedDocument("modules.conf", "m", 1), WantedDocument("lcr.conf", "l", 1)],
    ),
    acl_revision=1,
)
ALL = (
    "sofia.conf",
    "acl.conf",
    "network-list/a.example",
    "configuration/post_load_modules.conf",
    "configuration/lcr.conf",
)


def asked(*whats: str, revision: int = 3) -> Ledger:
    ledger = Ledger()
    for what in whats:
        ledger.note("fs1", what, revision)
    return ledger


def test_what_was_fetched_is_in_force() -> None:
    assert since_start(SHOULD, asked(*ALL), 0, NOTHING, 7) == applied(SHOULD)
    assert since_start(SHOULD, asked(), 0, NOTHING, 7) == Applied()


@pytest.mark.parametrize(
    ("missing", "unknown"),
    [
        ("sofia.conf", {"profiles": {}}),
        ("acl.conf", {"acl": None}),
        ("network-list/a.example", {"acl": None}),
        ("configuration/lcr.conf", {"documents": {"modules.conf": "m"}}),
    ],
)
def test_each_by_itself(missing: str, unknown: dict[str, object]) -> None:
    ledger = asked(*(each for each in ALL if each != missing))
    known = applied(SHOULD)
    assert since_start(SHOULD, ledger, 0, NOTHING, 7) == replace(known, **unknown)  # type: ignore[arg-type]


def test_a_profile_may_have_asked_for_itself() -> None:
    assert since_start(SHOULD, asked("sofia.conf/external"), 0, NOTHING, 7).profiles == {
        "external": settings.in_force(EXTERNAL)
    }


def test_before_the_row_changed_or_before_the_boot_is_not_in_force() -> None:
    assert since_start(SHOULD, asked(*ALL, revision=0), 0, NOTHING, 7) == Applied()
    ledger = asked(*ALL)
    assert since_start(SHOULD, ledger, ledger.mark(), NOTHING, 7) == Applied()


def test_what_a_push_is_about_must_have_been_fetched_at_its_revision() -> None:
    touches = Touches.from_json({"documents": ["lcr.conf"], "profiles": ["external"], "acls": ["lan"]})
    assert since_start(SHOULD, asked(*ALL, revision=3), 0, touches, 4).documents == {"modules.conf": "m"}
    assert since_start(SHOULD, asked(*ALL, revision=4), 0, touches, 4) == applied(SHOULD)


def test_a_profile_that_others_started_goes_by_what_it_fetched() -> None:
    old = Applied(profiles={"external": {"old": ""}})
    assert with_restarted(old, SHOULD, asked(), []) == old
    assert with_restarted(old, SHOULD, asked(), ["external"]).profiles == {}
    assert with_restarted(old, SHOULD, asked("sofia.conf/external"), ["external", "gone"]).profiles == {
        "external": settings.in_force(EXTERNAL)
    }


def test_the_boot_came_after_the_last_sign_of_life() -> None:
    since = SinceBoot()
    assert since("fs1") == 0
    since.heard("fs1", 5)
    since.heard("fs1", 9)
    since.down("fs1", 20)
    assert since("fs1") == 9
    # nothing heard of it at all
    since.down("fs1", 30)
    assert since("fs1") == 30


def test_a_start_counts_till_it_is_accounted_for() -> None:
    since = SinceBoot()
    assert since.restarted("fs1") == {}
    since.profile("fs1", "external", 5)
    begun = since.restarted("fs1")
    assert begun == {"external": 5} == since.restarted("fs1")
    # once more meanwhile
    since.profile("fs1", "external", 6)
    since.settled("fs1", begun)
    assert since.restarted("fs1") == {"external": 6}
    since.settled("fs1", since.restarted("fs1"))
    assert since.restarted("fs1") == {}
    since.profile("fs1", "external", 7)
    since.down("fs1", 8)
    assert since.restarted("fs1") == {}
