"""When changes may go out: hours of the week, in a time zone. Pure.

Written `[DAYS ]HH:MM-HH:MM[ ZONE]`, such as `22:00-04:00`, `Sat,Sun 00:00-24:00` or
`Mon-Fri 02:00-04:30 Europe/Berlin`. Without days it is every day, without a zone UTC. A window that ends
before it begins ends on the next day, and the days are those on which it begins.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_WRITTEN = re.compile(
    r"(?:(?P<days>[A-Za-z,-]+) )?(?P<begin>\d\d:\d\d)-(?P<end>\d\d:\d\d)(?: (?P<zone>[\w/+-]+))?", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Window:
    """One window: the days (Monday is 0) on which it begins, and its minutes from their midnight on."""

    days: frozenset[int]
    begins: int
    ends: int
    zone: tzinfo

    def spans(self, day: date) -> Iterator[tuple[datetime, datetime]]:
        """The window that begins on that day, if one does, in UTC."""
        if day.weekday() in self.days:
            midnight = datetime.combine(day, time(), self.zone)
            # Sums of a zone's own times go by its clocks, whatever these do in that night.
            begin, end = (midnight + timedelta(minutes=minutes) for minutes in (self.begins, self.ends))
            yield begin.astimezone(UTC), end.astimezone(UTC)


@lru_cache(maxsize=1024)
def parse(text: str) -> Window:
    """Read the written form; raises ValueError with the reason."""
    found = _WRITTEN.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no window: write it as in Mon-Fri 22:00-04:00 Europe/Berlin")
    begins, ends = _minutes(found["begin"]), _minutes(found["end"])
    if begins == 24 * 60 or begins == ends:
        raise ValueError(f"{text!r} is no window: it must begin, and end at another time")
    return Window(
        _days(found["days"]), begins, ends if ends > begins else ends + 24 * 60, _zone(found["zone"])
    )


def opening(windows: Iterable[Window], at: datetime) -> datetime | None:
    """When the first of the windows opens; None: one is open at that moment, or there are none."""
    next_ones = []
    for window in windows:
        today = at.astimezone(window.zone).date()
        for days in range(-1, 9):
            for begin, end in window.spans(today + timedelta(days=days)):
                if begin <= at < end:
                    return None
                if begin > at:
                    next_ones.append(begin)
    return min(next_ones, default=None)


def _minutes(text: str) -> int:
    hours, minutes = int(text[:2]), int(text[3:])
    if minutes > 59 or hours * 60 + minutes > 24 * 60:
        raise ValueError(f"{text} is no time of a day")
    return hours * 60 + minutes


def _days(text: str | None) -> frozenset[int]:
    if text is None:
        return frozenset(range(7))
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        begin, end = _day(first), _day(last or first)
        found |= {(begin + step) % 7 for step in range((end - begin) % 7 + 1)}
    return frozenset(found)


def _day(text: str) -> int:
    if text not in _DAYS:
        raise ValueError(f"{text!r} is no day: {', '.join(_DAYS)}")
    return _DAYS.index(text)


def _zone(text: str | None) -> tzinfo:
    if text in (None, "UTC"):
        return UTC
    try:
        return ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        # Folders and files that are no zones are among what its lookup trips over.
        raise ValueError(f"there is no time zone {text!r} on this machine") from None
