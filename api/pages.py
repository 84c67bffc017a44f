"""Lists in pages: `?limit=` and `?after=`, the cursor that the page before gave as `next`.

A cursor holds the sort key of the last item, not a position: what is added or removed
between two pages neither repeats nor hides another item.
"""

import base64
import binascii
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from starlette.requests import Request

from api.problems import bad_request

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000

T = TypeVar("T")
SortKey = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is asked for; `after` is exclusive, None from the start."""

    limit: int
    after: SortKey | None


def asked(request: Request, *shape: type[str] | type[int]) -> Page:
    """Read `limit` and `after`; `shape` is the types of the sort key. Raises `Problem` 400."""
    return Page(_limit(request.query_params.get("limit")), _after(request.query_params.get("after"), shape))


def cursor(key: SortKey) -> str:
    """Write a sort key as text that callers pass back untouched."""
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


def cut(items: Iterable[T], page: Page, key: Callable[[T], SortKey]) -> tuple[list[T], str | None]:
    """Cut one page out of unsorted items; returns it with the cursor of the next one, if any."""
    rest = sorted((item for item in items if page.after is None or key(item) > page.after), key=key)
    return page_of(rest[: page.limit + 1], page, key)


def page_of(found: list[T], page: Page, key: Callable[[T], SortKey]) -> tuple[list[T], str | None]:
    """Make a page of what a query gave that asked for one item more than the limit."""
    items = found[: page.limit]
    return items, cursor(key(items[-1])) if len(found) > page.limit else None


def _limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_LIMIT
    if not (text.isascii() and text.isdecimal() and len(text) <= 6 and 1 <= int(text) <= MAX_LIMIT):
        raise bad_request("limit", f"a number from 1 to {MAX_LIMIT}")
    return int(text)


def _after(text: str | None, shape: tuple[type, ...]) -> SortKey | None:
    if text is None:
        return None
    try:
        key = json.loads(base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        key = None
    if not isinstance(key, list) or tuple(type(part) for part in key) != shape:
        raise bad_request("after", "this is no cursor of this list: pass `next` as it was given")
    return tuple(key)
