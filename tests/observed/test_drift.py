"""The comparison of wanted and seen, as a table."""

from collections.abc import Iterable
from datetime import UTC, datetime

import pytest

from controlplane.observed import Seen, SeenGateway, SeenProfile, Wanted, WantedGateway, WantedProfile, drift
from controlplane.observed.drift import Kind

AT = datetime(2026, 11, 24, tzinfo=UTC)


def wanted(
    gateways: Iterable[WantedGateway] = (), profiles: Iterable[str] = ("external", "internal")
) -> Wanted:
    return Wanted(
        "fs1",
        7,
        {each.name: each for each in gateways},
        {name: WantedProfile(name, 1) for name in profiles},
    )


def seen(gateways: Iterable[SeenGateway] = (), profiles: Iterable[SeenProfile] | None = None) -> Seen:
    running = [SeenProfile("external", True), SeenProfile("internal", True)] if profiles is None else profiles
    return Seen("fs1", AT, {each.name: each for each in gateways}, {each.name: each for each in running})


GW = WantedGateway("gw", "external", "aa")
BY_USER = WantedGateway("gw", "external", "aa", by_user=True)


def runs(
    profile: str = "external", state: str = "REGED", mark: str | None = "aa", copies: int = 1
) -> SeenGateway:
    return SeenGateway("gw", profile, state, state == "REGED", mark, copies)


@pytest.mark.parametrize(
    ("should", "does", "kinds"),
    [
        (GW, runs(), []),
        (GW, None, [Kind.MISSING]),
        (None, runs(), [Kind.EXTRA]),
        (None, runs(mark=None), [Kind.FOREIGN]),
        (GW, runs(mark="bb"), [Kind.CHANGED]),
        (GW, runs(mark=None), [Kind.UNMANAGED]),
        (GW, runs(profile="internal"), [Kind.WRONG_PROFILE]),
        (GW, runs(profile="internal", mark=None), [Kind.UNMANAGED]),
        (GW, runs(copies=3), [Kind.DUPLICATE]),
        (GW, runs(copies=2, mark="bb"), [Kind.CHANGED, Kind.DUPLICATE]),
        (GW, runs(state="FAIL_WAIT"), [Kind.UNWELL]),
        (GW, runs(state="FAILED"), [Kind.UNWELL]),
        (GW, runs(state="TIMEOUT"), [Kind.UNWELL]),
        (GW, runs(state="EXPIRED"), [Kind.UNWELL]),
        (GW, runs(state="TRYING"), []),
        (GW, runs(state="NOREG"), []),
        (GW, runs(state="UNREGED"), []),
        (GW, runs(state="FAILED", mark="bb"), [Kind.CHANGED]),
        (None, runs(state="FAILED", mark=None), [Kind.FOREIGN]),
        (BY_USER, runs(), []),
        (BY_USER, None, [Kind.MISSING]),
    ],
)
def test_gateway(should: WantedGateway | None, does: SeenGateway | None, kinds: list[Kind]) -> None:
    found = drift(wanted([should] if should else []), seen([does] if does else []))
    assert [each.kind for each in found] == kinds
    assert all(each.name == "gw" and each.reason for each in found)


@pytest.mark.parametrize(
    ("running", "kinds"),
    [
        ([SeenProfile("external", True)], []),
        ([], [Kind.PROFILE_DOWN]),
        ([SeenProfile("external", False, "DOWN")], [Kind.PROFILE_DOWN]),
        ([SeenProfile("external", True), SeenProfile("other", True)], [Kind.PROFILE_UNKNOWN]),
        ([SeenProfile("other", True)], [Kind.PROFILE_DOWN, Kind.PROFILE_UNKNOWN]),
    ],
)
def test_profile(running: list[SeenProfile], kinds: list[Kind]) -> None:
    found = drift(wanted(profiles=["external"]), seen(profiles=running))
    assert [each.kind for each in found] == kinds


def test_what_was_not_asked_for_is_not_told_of() -> None:
    asked = Seen("fs1", AT, asked_gateways=frozenset({"other"}), asked_profiles=frozenset())
    assert drift(wanted([GW]), asked) == ()


def test_sorted_by_name() -> None:
    many = [WantedGateway(name, "external", "x") for name in ("c", "a", "b")]
    assert [each.name for each in drift(wanted(many), seen())] == ["a", "b", "c"]
