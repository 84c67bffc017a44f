import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.answers.errors import BadLookup
from controlplane.answers.question import Question, read

RECORDINGS = Path(__file__).parents[1] / "data" / "http"

FRONT = b"hostname=fs1&section=directory&tag_name=domain&key_name=name&key_value=example.com"


def test_only_the_first_five() -> None:
    form = b"hostname=fs1&section=configuration&tag_name=configuration&key_name=name&key_value=acl.conf"
    assert read(form) == Question("fs1", "configuration", "configuration", "name", "acl.conf")


def test_empty_front() -> None:
    form = b"hostname=fs1&section=directory&tag_name=&key_name=&key_value=&purpose=gateways&profile=external"
    assert read(form) == Question("fs1", "directory", purpose="gateways")


def test_parameters_are_percent_decoded_and_a_plus_is_a_plus() -> None:
    assert read(FRONT + b"&key=id&user=10%2B0%26x%3Dy%252f%C3%A9/~*()!+&domain=example.com") == Question(
        "fs1", "directory", "domain", "name", "example.com",
        key="id", user="10+0&x=y%2fé/~*()!+", domain="example.com",
    )  # fmt: skip


def test_the_front_is_not_decoded() -> None:
    assert read(FRONT.replace(b"example.com", b"a%41b")).key_value == "a%41b"


def test_the_last_of_a_parameter_counts() -> None:
    question = read(FRONT + b"&key=id&user=1&domain=a&key=number-alias&user=2&domain=b")
    assert (question.key, question.user, question.domain) == ("number-alias", "2", "b")


def test_a_domain_cannot_bring_parameters_that_count() -> None:
    form = (
        FRONT.replace(b"example.com", b"example.com&user=admin&action=none") + b"&action=sip_auth&user=1000"
    )
    question = read(form)
    assert (question.key_value, question.user, question.action) == ("example.com", "1000", "sip_auth")


@pytest.mark.parametrize(
    "more", [b"&hostname=fs2", b"&section=dialplan", b"&x=y&section=", b"&hostname=fs1&hostname=x"]
)
def test_a_second_hostname_or_section_that_disagrees_is_refused(more: bytes) -> None:
    with pytest.raises(BadLookup, match="twice"):
        read(FRONT + more)


def test_a_second_section_that_agrees_is_fine() -> None:
    assert read(FRONT + b"&section=directory&hostname=fs1").section == "directory"


@pytest.mark.parametrize(
    "form",
    [
        b"",
        b"hostname=fs1",
        b"section=directory&hostname=fs1&tag_name=&key_name=&key_value=",
        b"hostname=fs1&section=directory&tag_name=&key_name=",
        b"hostname&section=directory&tag_name=&key_name=&key_value=",
        b"hostname=fs1&section=directory&tag_name=x&Event-Name=REQUEST_PARAMS&x=y",
    ],
)
def test_what_is_no_lookup_is_refused(form: bytes) -> None:
    with pytest.raises(BadLookup):
        read(form)


def test_the_hunted_context_goes_before_the_channels() -> None:
    front = b"hostname=fs1&section=dialplan&tag_name=&key_name=&key_value="
    assert read(front + b"&Caller-Context=public").context == "public"
    assert read(front + b"&Hunt-Context=a%20b&Caller-Context=public").context == "a b"


def test_bytes_that_are_not_utf8_equal_nothing_and_spoil_nothing() -> None:
    question = read(FRONT + b"&variable_x=%ff%fe\xff&Caller-Caller-ID-Name=\xff&user=%ff&domain=example.com")
    assert question.domain == "example.com"
    with pytest.raises(UnicodeEncodeError):
        question.user.encode()


def test_a_parameter_is_not_taken_for_another_that_ends_like_it() -> None:
    question = read(FRONT + b"&sip_auth_user=x&FreeSWITCH-Hostname=other&variable_domain=y&my-key=z")
    assert (question.user, question.domain, question.key) == ("", "", "")


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(tail: bytes) -> None:
    for form in (tail, FRONT + tail, FRONT + b"&" + tail):
        try:
            read(form)
        except BadLookup:
            continue


def test_every_recorded_form_is_read() -> None:
    count = 0
    for path in sorted(RECORDINGS.glob("*.jsonl")):
        for line in path.read_text().splitlines():
            record = json.loads(line)
            form = record["body"] or record["path"].partition("?")[2]
            if form:
                question = read(form.encode())
                assert question.hostname == "fs1"
                count += 1
    assert count > 500
