import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.bodies import MAX_DEPTH, parse_json, validate
from api.problems import Problem
from api.resources.gateways import GatewayIn
from api.resources.users import UserIn

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def refused(body: bytes) -> Problem:
    with pytest.raises(Problem) as caught:
        parse_json(body)
    return caught.value


@given(JSON)
def test_json_arrives_as_it_was_sent(value: Any) -> None:
    assert parse_json(json.dumps(value).encode()) == value


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_with_a_problem(body: bytes) -> None:
    try:
        parse_json(body)
    except Problem as problem:
        if problem.status not in (400, 422):
            raise


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"", 400, "not JSON"),
        (b"\xff\xfe", 400, "not JSON"),
        (b'{"a": NaN}', 400, "NaN"),
        (b'{"a": -Infinity}', 400, "Infinity"),
        (b'{"a": 1e999}', 422, "2^53"),
        (b'{"a": ' + b"9" * 400 + b"}", 422, "2^53"),
        (b'{"a": ' + b"9" * 5000 + b"}", 400, "not JSON"),
        (b'{"a": 1, "a": 2}', 400, "twice"),
        (rb'{"a": "\ud800"}', 422, "surrogate"),
        (rb'{"\udc00": 1}', 422, "surrogate"),
        (b"[" * 100_000, 422, "nested"),
        (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), 422, "nested"),
        (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, 422, "nested"),
    ],
)
def test_what_no_column_could_hold_is_refused(body: bytes, status: int, said: str) -> None:
    problem = refused(body)
    assert problem.status == status
    assert said in problem.detail


def test_an_unknown_field_is_named_with_its_path() -> None:
    with pytest.raises(Problem) as caught:
        validate(
            GatewayIn,
            {"profile": "external", "params": [{"name": "a", "value": "b", "vlaue": "c"}], "prox": 1},
        )
    errors = {error.field: error.reason for error in caught.value.errors}
    assert errors == {"prox": "unknown field", "params[0].vlaue": "unknown field"}


def test_types_are_not_guessed() -> None:
    with pytest.raises(Problem) as caught:
        validate(UserIn, {"groups": "sales", "cacheable": "1000", "cidr": 5})
    assert {error.field for error in caught.value.errors} == {"groups", "cacheable", "cidr"}


@pytest.mark.parametrize("body", [[], "text", 5, None])
def test_a_body_that_is_no_object_is_told_without_names_of_ours(body: object) -> None:
    with pytest.raises(Problem) as caught:
        validate(GatewayIn, body)
    assert caught.value.body("")["errors"] == [{"field": "", "reason": "must be an object"}]
    with pytest.raises(Problem) as caught:
        validate(GatewayIn, {"profile": "external", "params": [body]})
    assert caught.value.body("")["errors"] == [{"field": "params[0]", "reason": "must be an object"}]


@pytest.mark.parametrize(
    ("params", "field", "said"),
    [
        (5, "params", "an object {name: value}"),
        (None, "params", "an object {name: value}"),
        ({"a": 5}, "params.a", "a text, or"),
        ({"a": {"secret": "5"}}, "params.a.secret", "pattern"),
        ({"a": {"secret": "5@1", "b": 1}}, "params.a.b", "unknown field"),
        ([{"name": "a"}], "params[0].value", "required"),
        ([{"name": "a", "value": ["b"]}], "params[0].value", "a text, or"),
    ],
)
def test_wrong_params_are_told_once_and_where(params: object, field: str, said: str) -> None:
    with pytest.raises(Problem) as caught:
        validate(UserIn, {"params": params})
    [error] = caught.value.errors
    assert error.field == field
    assert said in error.reason


def test_only_what_was_sent_is_passed_on() -> None:
    user = validate(UserIn, {"name": "1000", "version": 3, "revision": 9, "params": {"password": "x"}})
    assert user.fields() == {"params": {"password": "x"}}
