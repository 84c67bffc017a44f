"""`import` and `export`, over a daemon of their own."""

import stat
from pathlib import Path

import pytest

from tests.cli.program import Control
from tests.exchange.folders import document, folder, include

NODE = ("node", "add", "fs1", "--host", "127.0.0.1", "--port", "1")


def small(root: Path, port: str = "5080") -> Path:
    return folder(
        root,
        freeswitch=document(
            configuration='<configuration name="sofia.conf"><profiles>\n'
            f"{include('profiles/*.xml')}\n</profiles></configuration>",
            directory=include("directory/*.xml"),
        ),
        profiles__external='<profile name="external"><settings>'
        f'<param name="sip-port" value="{port}"/></settings></profile>\n',
        directory__a='<domain name="$${domain}"><users><user id="1000"/></users></domain>\n',
    )


def test_a_folder_becomes_rows_and_the_second_time_nothing(control: Control, tmp_path: Path) -> None:
    root = str(small(tmp_path))
    said = control.done("import", root, "--set", "domain=cli.example", "--dry-run")
    assert "profiles/external.xml  1 profile" in said
    assert "directory/a.xml        1 domain, 1 user" in said
    assert "user/cli.example/1000  created" in said
    assert said.endswith("3 rows created, 0 changed, 0 as they were; nothing was written\n")
    assert "3 rows created" in control.done("import", root, "--set", "domain=cli.example")
    assert "nothing to change" in control.done("import", root, "--set", "domain=cli.example")
    assert control.json("get", "user", "cli.example/1000")["name"] == "1000"
    folder(tmp_path, profiles__external='<profile name="external"/>\n')
    told = control.json("import", root, "--set", "domain=cli.example", "--dry-run")
    assert told["changes"] == [{"key": "profile/external", "what": "changed"}]


def test_a_scope(control: Control, tmp_path: Path) -> None:
    root = str(small(tmp_path))
    control.done("import", root, "--set", "domain=scoped.example", "--scope", "groups:eu")
    assert control.json("get", "domain", "scoped.example")["scope"] == "groups:eu"


def test_what_would_be_lost_keeps_it_from_being_written(control: Control, tmp_path: Path) -> None:
    text = document(directory='<domain name="lost.example"><odd x="1"/></domain>')
    root = str(folder(tmp_path, freeswitch=text))
    refused = control("import", root)
    assert refused.exit_code == 2
    assert "freeswitch.xml:3: <odd> in <domain> has no place in a row" in refused.stderr
    assert control("get", "domain", "lost.example").exit_code == 2
    assert "1 rows created" in control.done("import", root, "--leave-out")


@pytest.mark.parametrize(
    ("directory", "reason"),
    [
        ("<domain name='$${domain}'/>", "freeswitch.xml:3: $${domain} is known on the switch alone"),
        ("<domain", "freeswitch.xml:4: is not well-formed XML"),
        ("\n<domain name='a b'/>", "freeswitch.xml:4: name: may not hold white space"),
        ("<domain name='a'/>\n<domain name='b c'/>", "freeswitch.xml:4: domain/b c: name: may not hold"),
    ],
)
def test_a_refusal_names_the_file_and_the_line(
    control: Control, tmp_path: Path, directory: str, reason: str
) -> None:
    refused = control("import", str(folder(tmp_path, freeswitch=document(directory=directory))))
    assert refused.exit_code == 2
    assert reason in refused.stderr


def test_an_export_is_read_back_to_the_same(control: Control, tmp_path: Path) -> None:
    control.done("import", str(small(tmp_path / "in")), "--set", "domain=out.example")
    control.done(*NODE, CONTROLPLANE_NODE_PASSWORD="esl")
    out = tmp_path / "out"
    assert "files, revision" in control.done("export", str(out), "--node", "fs1")
    assert stat.S_IMODE((out / "freeswitch.xml").stat().st_mode) == 0o600
    assert "nothing to change" in control.done("import", str(out))
    again = control("export", str(out), "--node", "fs1")
    assert (again.exit_code, "is not empty" in again.stderr) == (2, True)


def test_a_variable_that_is_none(control: Control, tmp_path: Path) -> None:
    refused = control("import", str(tmp_path), "--set", "odd")
    assert (refused.exit_code, "'odd' is not NAME=VALUE" in refused.stderr) == (2, True)
