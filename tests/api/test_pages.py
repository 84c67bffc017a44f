import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from api.pages import Page, asked, cursor, cut
from api.problems import Problem


def request(query: bytes) -> Request:
    return Request({"type": "http", "query_string": query, "headers": []})


@given(st.sets(st.tuples(st.text(), st.integers())), st.integers(1, 5))
def test_following_the_cursors_gives_every_item_once_in_order(
    items: set[tuple[str, int]], limit: int
) -> None:
    found: list[tuple[str, int]] = []
    after = None
    while True:
        query = f"limit={limit}" + (f"&after={after}" if after else "")
        part, after = cut(items, asked(request(query.encode()), str, int), lambda item: item)
        found += part
        if after is None:
            break
        assert len(part) == limit
    assert found == sorted(items)


def test_an_item_removed_between_two_pages_hides_no_other() -> None:
    items = {("a",), ("b",), ("c",)}
    first, after = cut(items, Page(2, None), lambda item: item)
    assert first == [("a",), ("b",)]
    assert after == cursor(("b",))
    rest, end = cut(items - {("b",)}, asked(request(f"after={after}".encode()), str), lambda item: item)
    assert (rest, end) == ([("c",)], None)


@pytest.mark.parametrize(
    "query",
    [
        b"limit=0",
        b"limit=1001",
        b"limit=-1",
        b"limit=x",
        b"limit=%C2%B2",
        b"after=!",
        b"after=%FF",
        b"after=e30",
        b"after=" + cursor((1,)).encode(),
        b"after=" + cursor(("a", "b")).encode(),
        b"after=" + b"W1tb" * 50_000,
    ],
)
def test_a_wrong_page_is_refused(query: bytes) -> None:
    with pytest.raises(Problem) as caught:
        asked(request(query), str)
    assert caught.value.status == 400
