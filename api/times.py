"""Times in JSON: RFC 3339, in UTC."""

from datetime import UTC, datetime


def told(moment: datetime | None) -> str | None:
    """Write a moment, `2026-11-24T02:09:01.123456Z`."""
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
