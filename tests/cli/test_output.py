import json

import pytest

from controlplane.cli.output import Column, Output, complain

HOSTILE = "[bold]:smile:\x1b[31m\x07\x9b\r"
SHOWN = "[bold]:smile:\ufffd[31m\ufffd"


def test_what_others_wrote_is_no_markup_and_does_not_steer_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = Output(as_json=False)
    out.say(HOSTILE)
    out.text(HOSTILE)
    out.table([Column("A", "a"), Column("B", lambda item: item["a"])], [{"a": HOSTILE}])
    complain(HOSTILE)
    said, complained = capsys.readouterr()
    assert said.count(SHOWN) == 4
    assert complained == f"controlplane: {SHOWN}\n"
    assert "\x1b" not in said + complained


def test_nothing_is_cut_or_wrapped_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    long = "x" * 5000
    Output(as_json=False).table([Column("A", "a"), Column("B", "b.c")], [{"a": long, "b": {"c": long}}])
    assert capsys.readouterr().out.splitlines()[1].split() == [long, long]


def test_json_is_one_document_or_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    out = Output(as_json=True)
    out.document({"a": ["ü", None]})
    out.item({"b": 1})
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [
        {"a": ["ü", None]},
        {"b": 1},
    ]
