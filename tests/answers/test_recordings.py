"""Every request that a real switch was recorded with, against what it was answered then.

Where the recorded answer was one of ours-to-be (`tests/data/canned`), the tree must be equivalent; for all
else `verdict` says what we answer and why.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from controlplane.answers.dialect import NOT_FOUND
from controlplane.answers.question import Question, read
from controlplane.desired.errors import Invalid
from tests.answers import switch_model
from tests.answers.equivalence import masked
from tests.answers.living import Ground, Living, living
from tests.answers.recorded_state import CANNED, DOCUMENTS, DOMAIN, NODE, SOFIA, state
from tests.answers.switch_model import Element

RECORDINGS = Path(__file__).parents[1] / "data" / "http"

Record = dict[str, Any]


RECORDS: list[Record] = [
    json.loads(line) for path in sorted(RECORDINGS.glob("*.jsonl")) for line in path.read_text().splitlines()
]


def question_of(record: Record) -> Question:
    form = record["body"] if record["method"] != "GET" else record["path"].partition("?")[2]
    return read(form.encode())


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
    return answered.endswith(".xml") and answered not in UNREPEATABLE and scenario not in NOT_AS_THEN


ANSWERS = sorted({record["answered"] for record in RECORDS if not no_lookup(record) and repeatable(record)})


async def ours(daemon: Living, question: Question) -> Element | None:
    body = (await daemon.ask(question, NODE)).body
    return switch_model.read(body) if body != NOT_FOUND else None


def only(question: Question) -> tuple[str, str]:
    """The container of conference.conf that the request is answered from, and which child of it."""
    if question.key_value == "conference.conf":
        for container, name in (
            ("caller-controls", question.controls),
            ("profiles", question.conference_profile),
            ("advertise", question.presence and "any"),
        ):
            if name:
                return container, name
    return "", ""


def with_state(ground: Ground, answer: str, talk: Callable[[Living], Awaitable[None]]) -> None:
    """Run `talk` with the state in which the switch was given `answer`."""

    async def run() -> None:
        daemon = await living(ground, *state(answer))
        daemon.may_cache.add(NODE)
        await talk(daemon)

    asyncio.run(run())


@pytest.mark.parametrize("answered", ANSWERS)
def test_what_was_answered_with_a_file_gets_an_equivalent_tree(ground: Ground, answered: str) -> None:
    recorded = switch_model.read((CANNED / answered).read_bytes())
    counted = answered != "dir-1000-cacheable-true.xml"

    async def talk(daemon: Living) -> None:
        for record in RECORDS:
            if record["answered"] != answered or not repeatable(record):
                continue
            question = question_of(record)
            cut: dict[str, Any] = {
                "profile": question.profile,
                "gateway": question.gateway,
                "purpose": question.purpose,
                "number": question.number,
                "macro": question.macro,
                "only": only(question),
            }
            now = await ours(daemon, question)
            assert now is not None, (record["scenario"], question)
            then = masked(recorded, **cut, counted=counted)
            assert masked(now, **cut, counted=counted) == then, (record["scenario"], question)

    with_state(ground, answered, talk)


def test_every_recorded_answer_is_compared() -> None:
    """All but those that have a reason of their own."""
    files = {path.name for path in CANNED.glob("*.xml")}
    never_given = {"sofia.conf.xml", "dir-reverse.xml", "ivr.conf.xml"}
    assert files - set(ANSWERS) - never_given == set(UNREPEATABLE)


def test_one_gateway_name_on_two_profiles_is_refused(ground: Ground) -> None:
    async def talk(daemon: Living) -> None:
        with pytest.raises(Invalid, match="twice"):
            await daemon.put(*SOFIA["sofia-dupgw.conf.xml"])

    with_state(ground, "sofia-gw1.conf.xml", talk)


def verdict(question: Question) -> str:
    """What we answer to a lookup that was not answered with a file, in the state of the recordings."""
    if question.section == "chatplan":
        return "every chatplan"
    if question.section in ("languages", "phrases"):
        return "the languages" if question.lang in ("", "en") else "not found: no such language is ours"
    if question.section == "configuration":
        owned = (*DOCUMENTS, "sofia.conf", "acl.conf")
        return "the document" if question.key_value in owned else "not found: no such document is ours"
    if question.section == "dialplan":
        if not question.context:
            return "every context"
        return "the context" if question.context == "default" else "not found: no such context is ours"
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
        assert first.attributes["name"] == (question.context or "default")
        return "the context" if question.context else "every context"
    if question.section == "chatplan":
        assert (first.name, first.attributes["name"]) == ("context", "default")
        return "every chatplan"
    if question.section in ("languages", "phrases"):
        if question.section == "phrases":
            assert first.name == "macros"
            (first,) = first.children
        assert (first.name, first.attributes["name"]) == ("language", "en")
        return "the languages"
    assert (first.name, first.attributes["name"]) == ("domain", DOMAIN)
    users = [
        user
        for groups in first.all("groups")
        for group in groups.children
        for user in group.child("users").children
        if user.attributes.get("type") != "pointer"
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


OTHERS = [
    record
    for record in RECORDS
    if not no_lookup(record) and not repeatable(record) and record["answered"] not in UNREPEATABLE
]


def test_every_other_lookup_has_its_verdict(ground: Ground) -> None:
    async def talk(daemon: Living) -> None:
        for record in OTHERS:
            question = question_of(record)
            expected = verdict(question).partition(":")[0]
            assert seen(question, await ours(daemon, question)) == expected, record["scenario"]

    with_state(ground, "sofia-gw1.conf.xml", talk)


def test_each_verdict_is_needed() -> None:
    """So that none hides a change of the recordings."""
    assert {verdict(question_of(record)).partition(":")[0] for record in OTHERS} == {
        "not found", "the document", "the context", "every context",
        "every domain by name, and users' gateways", "the user",
        "every domain by name", "the users that have a cidr", "the domain without him",
        "the domain without users", "the group with its users", "every chatplan", "the languages",
    }  # fmt: skip
    assert len(OTHERS) > 300
