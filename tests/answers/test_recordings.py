"""Every request that a real switch was recorded with, against what it was answered then.

Where the recorded answer was one of ours-to-be (`tests/data/canned`), the tree must be equivalent; for all
else `verdict` says what we answer and why.
"""

import json
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from controlplane.answers.question import Question, read
from tests.answers import switch_model
from tests.answers.equivalence import masked
from tests.answers.memory import Rows
from tests.answers.recorded_state import CANNED, DOCUMENTS, DOMAIN, NODE, state
from tests.answers.switch_model import Element

RECORDINGS = Path(__file__).parents[1] / "data" / "http"

Record = dict[str, Any]


def records(file: str) -> list[Record]:
    return [json.loads(line) for line in (RECORDINGS / f"{file}.jsonl").read_text().splitlines()]


FILES = sorted(path.stem for path in RECORDINGS.glob("*.jsonl"))


def question_of(record: Record) -> Question:
    form = record["body"] if record["method"] != "GET" else record["path"].partition("?")[2]
    return read(form.encode())


@cache
def rows(answer: str) -> Rows:
    return Rows(state(answer))


def ours(answer: str, question: Question) -> Element | None:
    made = rows(answer).made(NODE, question, may_cache=True)
    return switch_model.read(made.body) if made is not None else None


WAITING = {
    "languages": "phrase macros are not served yet",
    "phrases": "phrase macros are not served yet",
    "chatplan": "chat plans are not served yet",
}

UNREPEATABLE = {
    "sofia-dupgw.conf.xml": "one gateway name on two profiles: refused when written: rescans would add it",
}

NOT_AS_THEN = {
    "variants/escaped-params": "its user is none of ours: the domain without him",
}


def no_lookup(record: Record) -> bool:
    """A redirect is followed as GET without parameters; we never send one."""
    return record["method"] == "GET" and "?" not in record["path"]


def repeatable(record: Record) -> bool:
    """Whether the recorded answer should be ours too."""
    answered, scenario = record["answered"], record["scenario"]
    return (
        answered.endswith(".xml")
        and answered not in UNREPEATABLE
        and scenario not in NOT_AS_THEN
        and question_of(record).section not in WAITING
    )


@pytest.mark.parametrize("file", FILES)
def test_what_was_answered_with_a_file_gets_an_equivalent_tree(file: str) -> None:
    compared = 0
    for record in records(file):
        if no_lookup(record) or not repeatable(record):
            continue
        answered, question = record["answered"], question_of(record)
        cut = {"profile": question.profile, "gateway": question.gateway, "purpose": question.purpose}
        counted = answered != "dir-1000-cacheable-true.xml"
        then = masked(switch_model.read((CANNED / answered).read_bytes()), **cut, counted=counted)
        now = ours(answered, question)
        assert now is not None, (record["scenario"], question)
        assert masked(now, **cut, counted=counted) == then, (record["scenario"], question)
        compared += 1
    assert compared or file == "notfound"


def verdict(question: Question) -> str:
    """What we answer to a lookup that was not answered with a file, in the state of the recordings."""
    if question.section in WAITING:
        return f"not found: {WAITING[question.section]}"
    if question.section == "configuration":
        owned = (*DOCUMENTS, "sofia.conf", "acl.conf")
        return "the document" if question.key_value in owned else "not found: no such document is ours"
    if question.section == "dialplan":
        return "the context" if question.context == "default" else "not found: no context is named"
    if question.section == "directory":
        if question.key_value not in ("", DOMAIN):
            return "not found: no such domain is ours"
        if question.purpose == "gateways":
            return "every domain by name, and users' gateways"
        if not question.key_value:
            return "every domain by name"
        if question.purpose == "network-list":
            return "the users that have a cidr"
        if question.user:
            return "the user" if question.user in ("1000", "1001") else "the domain without him"
        if question.group:
            return "the group with its users"
        return "the domain without users"
    raise AssertionError(question)


def seen(question: Question, tree: Element | None) -> str:
    """The same, told from the answer itself."""
    if tree is None:
        return "not found"
    section = tree.child("section")
    assert section.attributes["name"] == question.section
    (first, *rest) = section.children
    assert not rest
    if question.section == "configuration":
        assert first.attributes["name"] == question.key_value
        return "the document"
    if question.section == "dialplan":
        assert first.attributes["name"] == question.context
        return "the context"
    assert (first.name, first.attributes["name"]) == ("domain", DOMAIN)
    users = [
        user
        for groups in first.all("groups")
        for group in groups.children
        for user in group.child("users").children
    ]
    if question.purpose == "gateways":
        assert [user.attributes["id"] for user in users] == ["2000"]
        return "every domain by name, and users' gateways"
    if not question.key_value:
        assert not first.children
        return "every domain by name"
    if question.purpose == "network-list":
        assert all("cidr" in user.attributes for user in users)
        return "the users that have a cidr"
    if question.group:
        assert users
        return "the group with its users"
    if users:
        assert [user.attributes["id"] for user in users] == [question.user]
        return "the user"
    return "the domain without him" if question.user else "the domain without users"


@pytest.mark.parametrize("file", FILES)
def test_every_other_lookup_has_its_verdict(file: str) -> None:
    for record in records(file):
        if no_lookup(record) or repeatable(record) or record["answered"] in UNREPEATABLE:
            continue
        question = question_of(record)
        expected = verdict(question).partition(":")[0]
        assert seen(question, ours("sofia-gw1.conf.xml", question)) == expected, record["scenario"]


def test_the_recordings_hold_what_this_file_says() -> None:
    """Each kind of verdict was needed, so that none hides a change of the recordings."""
    counts = Counter(
        verdict(question_of(record))
        for file in FILES
        for record in records(file)
        if not no_lookup(record) and not repeatable(record) and record["answered"] not in UNREPEATABLE
    )
    assert {name.partition(":")[0] for name in counts} == {
        "not found", "the document", "the context", "every domain by name, and users' gateways", "the user",
        "every domain by name", "the users that have a cidr", "the domain without him",
        "the domain without users", "the group with its users",
    }  # fmt: skip
    assert sum(counts.values()) > 300
