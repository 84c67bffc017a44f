"""FreeSWITCH's own directives in documents: refused, unless settings allow them."""

import asyncio

import pytest

from controlplane.answers.configuration import stored
from controlplane.desired.checks import check, uniform
from controlplane.desired.directives import NONE, Allowed
from controlplane.desired.errors import Invalid
from controlplane.desired.revisions import Author, ChangeSet
from controlplane.desired.state import Desired
from controlplane.desired.values import GLOBAL, Document, Noun
from controlplane.store import Store, Vault
from esl.switch.preprocessor import preprocess
from tests.desired.house import Told, put

PLAIN, ALL = Allowed(preprocessor=True), Allowed(preprocessor=True, exec=True)
SET = '<X-PRE-PROCESS cmd="set" data="a=b c"/>'
EXEC = '<X-PRE-PROCESS cmd="exec" data="id -u"/>'


def document(inside: str) -> Document:
    return Document("x.conf", GLOBAL, f'<configuration name="x.conf"><settings/>{inside}</configuration>')


@pytest.mark.parametrize(
    ("inside", "allowed", "reason"),
    [
        (SET, NONE, "allow_preprocessor in [documents] is off"),
        (SET, PLAIN, None),
        ('<x-pre-process cmd="include" data="a/*.xml"/>', PLAIN, None),
        (EXEC, PLAIN, "runs a command"),
        ('<X-PRE-PROCESS cmd="exec-set" data="a=id"/>', PLAIN, "runs a command"),
        ('<X-PRE-PROCESS cmd="EXEC" data="id"/>', PLAIN, "runs a command"),
        (EXEC, ALL, None),
        (EXEC, Allowed(exec=True), "allow_preprocessor in [documents] is off"),
        ('<!--#set "a=b"-->', NONE, "no setting allows it"),
        ('<!--#set "a=b"-->', PLAIN, None),
        ('<!--#exec "id"-->', PLAIN, "runs a command"),
        ('<!--#exec "id"-->', ALL, None),
        ("<!--#exec id-->", ALL, "another form"),
        ('<X-PRE-PROCESS cmd="format" data="c:"/>', ALL, "unknown cmd"),
        ('<X-PRE-PROCESS cmd="set" data="a=&quot;b"/>', ALL, "one line"),
        ('<X-PRE-PROCESS cmd="set" data="a=&#10;b"/>', ALL, "one line"),
        ('<X-PRE-PROCESS cmd="set" data="a=b" more="c"/>', ALL, "more than"),
        ('<X-PRE-PROCESS cmd="set"/>', ALL, "empty"),
        ('<X-NO-PRE-PROCESS cmd="set" data="a=b"/>', ALL, "takes for itself"),
    ],
)
def test_what_may_stand(inside: str, allowed: Allowed, reason: str | None) -> None:
    errors = check(document(inside), allowed)
    assert [reason in error.reason for error in errors if reason] == ([True] if reason else [])
    assert bool(errors) == bool(reason)


@pytest.mark.parametrize("inside", [SET, '<!--#set "a=b c"-->'])
def test_what_is_allowed_reaches_the_switch_as_a_directive(inside: str) -> None:
    value = uniform(document(inside))
    assert isinstance(value, Document)
    body, _ = stored(value, "x.conf", {})
    variables: dict[str, str] = {}
    read = preprocess(body.decode(), variables)
    assert read.acts == (("set", "a=b c"),)
    assert variables == {"a": "b c"}
    assert "<settings/>" in read.text


def test_the_setting_reaches_the_writer(store: Store, vault: Vault) -> None:
    changes = ChangeSet((put(Noun.DOCUMENT, "x.conf", xml=document(SET).xml),))
    desired = Desired.open(store, vault, Told(), PLAIN)
    assert asyncio.run(desired.commit(changes, Author("me"))) is not None
    (row,) = desired.catalog.documents.values()
    assert SET in row.value.xml


def test_what_is_allowed_no_more_is_not_brought_back(store: Store, vault: Vault) -> None:
    author = Author("me")
    before = Desired.open(store, vault, Told(), ALL)
    for inside in (EXEC, ""):
        changes = ChangeSet((put(Noun.DOCUMENT, "x.conf", xml=document(inside).xml),))
        assert asyncio.run(before.commit(changes, author)) is not None
    desired = Desired.open(store, vault, Told(), PLAIN)
    with pytest.raises(Invalid, match="runs a command"):
        asyncio.run(desired.rollback(1, author))
    assert asyncio.run(Desired.open(store, vault, Told(), ALL).rollback(1, author)) is not None
