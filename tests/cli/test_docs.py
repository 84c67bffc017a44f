import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from controlplane.cli.program import app

ROOT = Path(__file__).parents[2]
TOP: Any = get_command(app)


def promised() -> Iterator[tuple[str, str]]:
    """Every command line that the documents show, in a block or within a sentence."""
    for document in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        text = document.read_text()
        blocks = re.findall(r"^(?:\.venv/bin/)?(controlplane .+)$", text, re.MULTILINE)
        for line in (*blocks, *re.findall(r"`(controlplane [^`]+)`", text)):
            yield document.name, line


@pytest.mark.parametrize(("document", "line"), list(promised()))
def test_documents_show_only_commands_and_options_that_there_are(document: str, line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    command = TOP
    while hasattr(command, "commands"):
        assert words, line
        assert words[0] in command.commands, line
        command = command.commands[words.pop(0)]
    known = {option for param in command.params for option in param.opts}
    for word in words:
        if word.startswith("--"):
            assert word in known, line


def test_the_nouns_examples_leave_what_getting_started_made() -> None:
    made = {
        name: set(
            re.findall(r"^controlplane put (\S+ \S+)", (ROOT / "docs" / name).read_text(), re.MULTILINE)
        )
        for name in ("getting-started.md", "nouns.md")
    }
    assert all(made.values())
    assert not set.intersection(*made.values())


def test_the_documents_show_some() -> None:
    assert len({line for _, line in promised()}) > 15
