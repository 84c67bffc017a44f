from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controlplane.exchange.files import Folder
from controlplane.exchange.preprocess import Source, preprocess
from controlplane.exchange.variables import replaced
from tests.answers import switch_model
from tests.exchange import disk_model
from tests.exchange.folders import folder


def read(root: Path, text: str, **more: str) -> Source:
    return preprocess(Folder(folder(root, freeswitch=text, **more)), {})


def kept(root: Path, text: str, **more: str) -> str:
    return read(root, text, **more).text


def sets(name: str, value: str) -> str:
    return f'<X-PRE-PROCESS cmd="set" data="{name}={value}"/>\n'


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("<?xml version='1.0'?>\n<a/>\n", "<a/>\n"),
        ("<include>\n<a/>\n</include>\n", "<a/>\n"),
        ("<a/>\r\n<b/>\r\n", "<a/>\n<b/>\n"),
        ("<a/><!--#comment x --><b/>\n", "<a/><b/>\n"),
        ("<a/><!--#comment x\ny <b/>\nz --><c/>\n", "<a/><c/>\n"),
        ("see X-PRE-PROCESS here\n<a/>\n", "<a/>\n"),
        ("<!-- <X-PRE-PROCESS cmd='x'/> -->\n<a/>\n", "<a/>\n"),
        (
            '<X-NO-PRE-PROCESS cmd="include" data="none.xml"/>\n',
            '<X-NO-PRE-PROCESS cmd="include" data="none.xml"/>\n',
        ),
        ("a $${unknown} b\n", "a $${unknown} b\n"),
        ("a $${open b\n", "a $${open b\n"),
    ],
)
def test_lines(tmp_path: Path, text: str, result: str) -> None:
    assert kept(tmp_path, text) == result


@pytest.mark.parametrize(
    "directive",
    [
        '<X-PRE-PROCESS cmd="include" data="in.xml"/>',
        '<x-pre-process CMD = "Include"   DATA = "in.xml" />  trailing',
        '<!--#include "in.xml"-->',
        "<!--#include in.xml-->",
        '<!-- <X-PRE-PROCESS cmd="include" data="in.xml"/> -->',
    ],
)
def test_forms_of_include(tmp_path: Path, directive: str) -> None:
    """Commented out or not: the preprocessor knows nothing of comments."""
    assert "<in/>" in kept(tmp_path, f"<a/>\n{directive}\n<b/>\n", **{"in": "<in/>\n"})


def test_includes_are_relative_to_the_file_and_sorted(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        '<X-PRE-PROCESS cmd="include" data="d/*.xml"/>\n',
        d__b='<b/>\n<X-PRE-PROCESS cmd="include" data="e/x.xml"/>\n',
        d__a="<a/>\n",
        d__e__x='<x/>\n<X-PRE-PROCESS cmd="include" data="../../top.xml"/>\n',
        top="<top/>\n",
    )
    assert found.text == "<a/>\n<b/>\n<x/>\n<top/>\n"
    assert [str(found.place(line)) for line in (1, 2, 3, 4)] == [
        "d/a.xml:1",
        "d/b.xml:1",
        "d/e/x.xml:1",
        "top.xml:1",
    ]


def test_a_variable_is_put_into_the_name_of_a_file(tmp_path: Path) -> None:
    text = sets("which", "in") + '<X-PRE-PROCESS cmd="include" data="$${which}.xml"/>\n'
    assert kept(tmp_path, text, **{"in": "<in/>\n"}) == "<in/>\n"


def test_variables_are_kept_where_they_always_mean_the_same(tmp_path: Path) -> None:
    found = read(tmp_path, sets("a", "1") + sets("b ", "$${a}2") + "$${a} $${b} $${switch}\n")
    assert found.text == "$${a} $${b} $${switch}\n"
    assert found.variables == {"a": "1", "b": "12"}


def test_a_variable_set_to_something_else_later_is_put_in(tmp_path: Path) -> None:
    assert kept(tmp_path, sets("a", "1") + "$${a}\n" + sets("a", "$${a}2") + "$${a}\n") == "1\n12\n"


def test_a_variable_that_holds_the_switchs_own_is_put_in(tmp_path: Path) -> None:
    """What we put in for a name is not looked through again."""
    found = read(tmp_path, sets("domain", "$${local_ip_v4}") + "$${domain}\n")
    assert found.text == "$${local_ip_v4}\n"
    assert not found.variables


@pytest.mark.parametrize(
    ("name", "value"),
    [("a", "x &amp; y"), ("a", "<b>"), ("a", "see x-Pre-Process"), ("a b", "1"), ("a", "x ")],
)
def test_a_variable_that_would_mean_something_else_as_a_row_is_put_in(
    tmp_path: Path, name: str, value: str
) -> None:
    found = read(tmp_path, sets(name, value) + f"$${{{name}}}\n")
    assert (found.text, found.variables) == (f"{value}\n", {})


def test_what_is_given_stands_whatever_the_files_say(tmp_path: Path) -> None:
    root = folder(tmp_path, freeswitch=sets("domain", "$${local_ip_v4}") + "$${domain}\n")
    found = preprocess(Folder(root), {"domain": "pbx.example"})
    assert (found.text, found.variables) == ("$${domain}\n", {"domain": "pbx.example"})


def test_what_is_dropped_with_its_line_is_told(tmp_path: Path) -> None:
    found = read(tmp_path, "<include><a/></include>\n<include> <!-- x -->\n</include>\n")
    assert [(str(note.place), note.lost) for note in found.notes] == [("freeswitch.xml:1", True)]


PIECES = [
    "<a>", "</a>", "<include>", "</include>", "<?xml?>", "<!--#comment ", "-->", "<!-- ",
    "$${v}", "$${w}", "$${open",
    '<X-PRE-PROCESS cmd="set" data="v=1"/>', '<x-pre-process cmd="set" data="v=2 $${w}"/>', "X-PRE-PROCESS",
    '<X-PRE-PROCESS cmd="set" data="w= $${v} "/>', '<!--#set "w=3"-->',
    '<X-PRE-PROCESS cmd="include" data="in.xml"/>',
    "\n", "\n", "\n", "\r\n", " text ",
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=30))
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_comes_to_what_the_switch_makes_of_it(tmp_path: Path, pieces: list[str]) -> None:
    """With the variables put in at the end, as the switch puts them in at once."""
    text = sets("v", "0") + sets("w", "0") + "".join(pieces)
    found = read(tmp_path, text, **{"in": "<in v='$${v}'/>\n"})
    variables: dict[str, str] = {}
    out: list[bytes] = []
    disk_model._file(tmp_path / "freeswitch.xml", variables, {}, out)
    disk = b"".join(out).decode().replace("\r", "")
    assert found.values == variables
    ours = switch_model._expand(found.text.encode(), dict(found.values)).decode()
    assert replaced(ours, lambda _: "") == disk
