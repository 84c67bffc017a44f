"""When a change window opens, whatever the clocks do."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from controlplane.desired.windows import opening, parse


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


FIRST, LAST = at("2020-01-01"), at("2030-01-01")


@pytest.mark.parametrize(
    ("written", "moment", "opens"),
    [
        # 25 November 2026 is a Wednesday.
        ("22:00-04:00", "2026-11-25T21:59:59", "2026-11-25T22:00"),
        ("22:00-04:00", "2026-11-25T22:00", None),
        ("22:00-04:00", "2026-11-26T03:59", None),
        ("22:00-04:00", "2026-11-26T04:00", "2026-11-26T22:00"),
        ("Wed 22:00-04:00", "2026-11-26T03:59", None),
        ("Wed 22:00-04:00", "2026-11-26T04:00", "2026-12-02T22:00"),
        ("Sat,Sun 00:00-24:00", "2026-11-25T12:00", "2026-11-28T00:00"),
        ("Sat,Sun 00:00-24:00", "2026-11-29T23:59", None),
        ("Fri-Mon 08:00-09:00", "2026-11-29T09:00", "2026-11-30T08:00"),
        ("Fri-Mon 08:00-09:00", "2026-11-30T09:00", "2026-12-04T08:00"),
        ("02:00-04:00 Europe/Berlin", "2026-11-25T00:59", "2026-11-25T01:00"),
        ("02:00-04:00 Europe/Berlin", "2026-07-01T00:00", None),
        # Its begin is skipped as the clocks go forward, and comes twice as they go back.
        ("02:30-04:00 Europe/Berlin", "2026-03-29T00:00", "2026-03-29T01:30"),
        ("02:30-04:00 Europe/Berlin", "2026-10-25T00:00", "2026-10-25T00:30"),
        ("02:30-04:00 Europe/Berlin", "2026-10-25T01:45", None),
    ],
)
def test_a_window_opens_and_closes(written: str, moment: str, opens: str | None) -> None:
    assert opening([parse(written)], at(moment)) == (at(opens) if opens is not None else None)


def test_of_several_windows_the_first_to_open_counts() -> None:
    several = [parse("Sat 10:00-11:00"), parse("Thu 12:00-13:00 UTC")]
    assert opening(several, at("2026-11-25T12:00")) == at("2026-11-26T12:00")
    assert opening([], at("2026-11-25T12:00")) is None


@given(
    some.sampled_from(["22:00-04:00", "Mon 03:00-03:01", "Sat,Sun 00:00-24:00", "Tue-Thu 01:30-02:30"]),
    some.sampled_from(["", " Europe/Berlin", " America/New_York", " Asia/Kathmandu", " Pacific/Apia"]),
    some.integers(0, int((LAST - FIRST).total_seconds())).map(
        lambda passed: FIRST + timedelta(seconds=passed)
    ),
)
def test_it_is_open_when_it_opens_and_not_before(written: str, zone: str, moment: datetime) -> None:
    windows = [parse(written + zone)]
    opens = opening(windows, moment)
    if opens is not None:
        assert moment < opens <= moment + timedelta(days=8)
        assert opening(windows, opens) is None
        assert opening(windows, opens - timedelta(microseconds=1)) == opens


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("", "is no window"),
        ("always", "is no window"),
        ("22-04", "is no window"),
        ("24:00-01:00", "must begin"),
        ("10:00-10:00", "must begin"),
        ("10:60-11:00", "10:60 is no time"),
        ("10:00-24:01", "24:01 is no time"),
        ("Mo 10:00-11:00", "'Mo' is no day"),
        ("Mon, 10:00-11:00", "'' is no day"),
        ("10:00-11:00 Mars/Olympus", "no time zone 'Mars/Olympus'"),
        ("10:00-11:00 Europe", "no time zone 'Europe'"),
        ("10:00-11:00 /etc/passwd", "no time zone '/etc/passwd'"),
    ],
)
def test_what_is_no_window_is_told_why(written: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse(written)
