"""Since when something is so."""

from datetime import UTC, datetime, timedelta

import pytest

from controlplane.observed.conditions import Condition, Name, dated, keep, kept

THEN = datetime(2026, 11, 24, tzinfo=UTC)
NOW = THEN + timedelta(hours=1)
FOUND = (Condition(Name.IN_SYNC, True), Condition(Name.STALLED, False, "why"))


def test_what_is_new_is_so_from_now_on() -> None:
    assert [each.since for each in dated(FOUND, {}, NOW)] == [NOW, NOW]


def test_what_was_so_before_is_so_since_then() -> None:
    before = {Name.IN_SYNC: (True, THEN), Name.STALLED: (True, THEN)}
    assert [each.since for each in dated(FOUND, before, NOW)] == [THEN, NOW]


@pytest.mark.parametrize("before", [True, False])
def test_not_to_be_known_is_another_status(before: bool) -> None:
    [found] = dated([Condition(Name.IN_SYNC, None)], {Name.IN_SYNC: (before, THEN)}, NOW)
    assert found.since == NOW
    [again] = dated([Condition(Name.IN_SYNC, None)], {Name.IN_SYNC: (None, THEN)}, NOW)
    assert again.since == THEN


def test_what_knows_its_own_time_keeps_it() -> None:
    found = Condition(Name.CONNECTED, True, since=THEN)
    assert dated([found], {Name.CONNECTED: (True, NOW)}, NOW) == (found,)


def test_they_are_kept_as_they_were() -> None:
    found = dated(FOUND, {}, NOW)
    assert kept(keep(found)) == {Name.IN_SYNC: (True, NOW), Name.STALLED: (False, NOW)}
    assert keep(FOUND) == {}
