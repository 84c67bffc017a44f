"""A model of what FreeSWITCH holds of a folder on its disk: its preprocessor with includes, and its parser.

Written from reading switch_xml.c (preprocess, preprocess_glob), not copied from it, and apart from what is
tested. `exec` and its kin are recorded and give nothing.
"""

import glob
import re
from pathlib import Path

from tests.answers import switch_model
from tests.answers.switch_model import Element

_LINE = re.compile(rb"[^\r\n]*[\r\n]|[^\r\n]+$")


def read(root: Path, variables: dict[str, str], fixed: dict[str, str]) -> Element:
    """The tree of freeswitch.xml. `variables`: the core's; gets what the files set, but for `fixed`."""
    variables.update(fixed)
    out: list[bytes] = []
    _file(root / "freeswitch.xml", variables, fixed, out)
    return switch_model.parse(b"".join(out))


def _file(path: Path, variables: dict[str, str], fixed: dict[str, str], out: list[bytes]) -> None:
    comment = False
    for line in _LINE.findall(path.read_bytes()):
        now = switch_model._expand(line, variables)
        if any(mark in line for mark in (b"<include>", b"</include>", b"<?")):
            continue
        if comment:
            if b"-->" not in line:
                continue
            # FreeSWITCH forgets to expand what follows on the line; nobody can mean that.
            comment, now = False, switch_model._expand(line.partition(b"-->")[2], variables)
        at = now.lower().find(b"x-pre-process")
        if at >= 0:
            if at and now[at - 1 : at] == b"<":
                said = re.search(rb'cmd\s*=\s*"([^"]*)"\s+data\s*=\s*"([^"]*)"', now[at:], re.I)
                if said is not None:
                    _obey(said[1].decode(), said[2].decode(), path.parent, variables, fixed, out)
            continue
        if b"<!--#" in now:
            before, _, rest = now.partition(b"<!--#")
            inside, end, after = rest.partition(b"-->")
            out += [before, after]
            comment = not end
            word, _, argument = inside.decode().strip("\r\n").partition(" ")
            quoted = argument.split('"')
            what = quoted[1] if len(quoted) > 2 else argument
            _obey(word, what, path.parent, variables, fixed, out)
            continue
        out.append(now)


def _obey(
    word: str, data: str, cwd: Path, variables: dict[str, str], fixed: dict[str, str], out: list[bytes]
) -> None:
    if word.lower() == "set" and "=" in data:
        name, _, value = data.partition("=")
        if name.rstrip(" ") not in fixed:
            variables[name.rstrip(" ")] = value.lstrip(" ")
    elif word.lower() == "include":
        for path in sorted(glob.glob(str(cwd / data))):  # noqa: PTH207
            _file(Path(path), variables, fixed, out)


def section(tree: Element, name: str) -> list[Element]:
    """What stands in a section."""
    return tree.child("section", name=name).children
