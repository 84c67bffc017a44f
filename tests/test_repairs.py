"""Which differences are repaired now: decided without a node."""

import pytest

from controlplane.observed.drift import Drift, Kind
from controlplane.push.findings import Tried
from controlplane.push.touches import EVERYTHING, Touches
from controlplane.reconcile.policy import KINDS, ReconcilePolicy, Subject, subject_of
from controlplane.reconcile.repairs import History, Repairs, decide, mark, touches_of

POLICY = ReconcilePolicy({}, attempts=3, wipe_share=0.5, wipe_few=2)


def extra(*names: str) -> list[Drift]:
    return [Drift(Kind.EXTRA, name, "desired no more") for name in names]


def decided(drifted: list[Drift], history: History | None = None, gateways: int = 10, **how: bool) -> Repairs:
    return decide(
        drifted, history or History(), POLICY, core="core", gateways=gateways, **{"allowed": False, **how}
    )


def tried(drift: Drift, times: int, core: str = "core") -> History:
    return History(tried={(drift.kind.value, drift.name): Tried(times, mark(drift, core))})


def test_every_kind_belongs_to_one_subject() -> None:
    assert sum(len(kinds) for kinds in KINDS.values()) == len(Kind)
    assert all(subject_of(kind) is subject for subject, kinds in KINDS.items() for kind in kinds)
    assert all(KINDS[subject] for subject in Subject)


def test_what_no_push_mends_is_told_of_only() -> None:
    foreign = [Drift(Kind.FOREIGN, "a", ""), Drift(Kind.DUPLICATE, "b", ""), Drift(Kind.UNWELL, "c", "")]
    assert decided(foreign) == Repairs()
    assert not touches_of(foreign)


def test_a_repair_counts_once_however_often_it_is_looked_at_while_it_is_under_way() -> None:
    [gone] = extra("a")
    assert decided([gone]).tried[gone].times == 1
    under_way = History(under_way=Touches(gateways=frozenset({"a"})), tried=tried(gone, 1).tried)
    found = decided([gone], under_way)
    assert (found.tried[gone].times, found.touches) == (1, Touches(gateways=frozenset({"a"})))


@pytest.mark.parametrize("times", [3, 4])
def test_so_many_times_and_no_more(times: int) -> None:
    [gone] = extra("a")
    assert decided([gone], tried(gone, 2)).repaired == {gone}
    found = decided([gone], tried(gone, times))
    assert found.given_up == {gone}
    assert (found.touches, found.tried[gone].times) == (Touches(), times)


def test_another_process_or_another_wish_is_another_repair() -> None:
    [gone] = extra("a")
    assert decided([gone], tried(gone, 3, core="before")).tried[gone].times == 1
    assert mark(Drift(Kind.CHANGED, "a", "", "one"), "c") != mark(Drift(Kind.CHANGED, "a", "", "two"), "c")


def test_what_a_push_gave_up_lately_is_left_to_it() -> None:
    assert decided(extra("a"), History(stalled=EVERYTHING)) == Repairs()
    found = decided(extra("a", "b"), History(stalled=Touches(gateways=frozenset({"a"}))))
    assert found.touches == Touches(gateways=frozenset({"b"}))


@pytest.mark.parametrize(
    ("killed", "gateways", "goes"),
    [(2, 2, True), (3, 6, True), (3, 5, False), (5, 10, True), (6, 10, False), (6, 0, False)],
)
def test_more_than_a_share_of_the_gateways_waits_for_a_word(killed: int, gateways: int, goes: bool) -> None:
    drifted = extra(*map(str, range(killed)))
    missing = Drift(Kind.MISSING, "new", "does not run")
    found = decided([*drifted, missing], gateways=gateways)
    assert (len(found.guarded), "new" in found.touches.gateways) == (0 if goes else killed, True)
    assert found.repaired == ({missing, *drifted} if goes else {missing})
    assert decided(drifted, gateways=gateways, allowed=True).repaired == set(drifted)
