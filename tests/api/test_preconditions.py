import pytest
from starlette.requests import Request

from api.preconditions import Precondition, etag, read, unchanged
from api.problems import Problem


def request(**headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "headers": raw})


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, Precondition()),
        ({"if_match": '"3"'}, Precondition(version=3, exists=True)),
        ({"if_match": "*"}, Precondition(exists=True)),
        ({"if_none_match": "*"}, Precondition(exists=False)),
    ],
)
def test_preconditions_are_read(headers: dict[str, str], expected: Precondition) -> None:
    assert read(request(**headers)) == expected


@pytest.mark.parametrize(
    "headers",
    [
        {"if_match": "3"},
        {"if_match": 'W/"3"'},
        {"if_match": '"3", "4"'},
        {"if_match": '"9999999999999999"'},
        {"if_match": ""},
        {"if_none_match": '"3"'},
        {"if_match": '"3"', "if_none_match": "*"},
    ],
)
def test_what_cannot_be_honoured_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(Problem) as caught:
        read(request(**headers))
    assert caught.value.status == 400


def test_a_reader_who_holds_the_version_is_told_so() -> None:
    assert unchanged(request(if_none_match=f'"1", W/{etag(7)}'), 7)
    assert not unchanged(request(if_none_match='"1"'), 7)
    assert not unchanged(request(), 7)
