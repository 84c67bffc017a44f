import json
import sys

import pytest

from controlplane.cli.output import Column, Output, complain

HOSTILE = "[bold]:smile:\x1b[31m\x7f\x9b\u202e\u00a0"
SHOWN = "[bold]:smile:\ufffd[31m\ufffd\ufffd\ufffd\u00a0"


def test_what_others_wrote_is_no_markup_and_does_not_steer_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = Output(as_json=False)
    out.table([Column("A", "a"), Column("B", lambda item: item["a"])], [{"a": HOSTILE}])
    assert capsys.readouterr().out.count(SHOWN) == 2
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    out = Output(as_json=False)
    out.say(HOSTILE)
    out.text(HOSTILE)
    out.document([HOSTILE])
    out.item({"a": HOSTILE})
    complain(HOSTILE)
    said, complained = capsys.readouterr()
    assert said.splitlines()[:2] == [SHOWN, SHOWN]
    assert said.count("\\u009b") == 2
    assert complained == f"controlplane: {SHOWN}\n"
    assert not set(said) & set("\x1b\x7f\x9b\u202e")


def test_a_file_gets_a_text_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=False).text(f"a\t{HOSTILE}\n")
    assert capsys.readouterr().out == f"a\t{HOSTILE}\n"


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
