import os
from pathlib import Path

import pytest

from controlplane.exchange import Refused, read_folder, tree
from controlplane.exchange import files as bounds
from tests.exchange.folders import document, folder, include


def variable(name: str, value: str) -> str:
    return f'<X-PRE-PROCESS cmd="set" data="{name}={value}"/>'


def refusal(root: Path) -> str:
    with pytest.raises(Refused) as refused:
        read_folder(root)
    return str(refused.value)


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    assert refusal(tmp_path / "missing") == f"{tmp_path / 'missing'}: No such file or directory"
    (tmp_path / "file").touch()
    assert refusal(tmp_path / "file").endswith("is not a folder")
    assert refusal(tmp_path) == "freeswitch.xml: No such file or directory"


def test_a_file_that_includes_itself_over_another(tmp_path: Path) -> None:
    root = folder(tmp_path, freeswitch=document(dialplan=include("a.xml")), a=f"\n{include('b.xml')}\n")
    folder(root, b=f"\n\n{include('*.xml')}\n")
    assert refusal(root) == "b.xml:3: a.xml includes itself"


def test_a_file_that_is_missing(tmp_path: Path) -> None:
    root = folder(tmp_path, freeswitch=document(dialplan=include("dialplan/none.xml")))
    assert refusal(root) == "freeswitch.xml:3: dialplan/none.xml is included but does not exist"


def test_a_pattern_that_matches_nothing_is_no_mistake(tmp_path: Path) -> None:
    assert read_folder(folder(tmp_path, freeswitch=document(dialplan=include("dialplan/*.xml")))).rows == ()


@pytest.mark.parametrize("pattern", ["../*", "../outside.xml", "/etc/passw*", "a/../../outside.xml"])
def test_a_pattern_that_leads_upward(tmp_path: Path, pattern: str) -> None:
    folder(tmp_path, outside="<context/>", conf__a__x="<a/>")
    root = folder(tmp_path / "conf", freeswitch=document(dialplan=include(pattern)))
    assert refusal(root).startswith(f"freeswitch.xml:3: {pattern} leads out of the folder, to ")


def test_a_symbolic_link_that_leads_out(tmp_path: Path) -> None:
    folder(tmp_path, outside="<context/>")
    root = folder(tmp_path / "conf", freeswitch=document(dialplan=include("in.xml")))
    (root / "in.xml").symlink_to(tmp_path / "outside.xml")
    assert "freeswitch.xml:3: in.xml leads out of the folder" in refusal(root)


def test_a_link_within_the_folder_is_followed(tmp_path: Path) -> None:
    root = folder(tmp_path, freeswitch=document(dialplan=include("in.xml")), real='<context name="a"/>\n')
    (root / "in.xml").symlink_to("real.xml")
    assert [str(row) for row in read_folder(root).rows] == ["context/a"]


def test_a_pipe_does_not_hold_us_up(tmp_path: Path) -> None:
    root = folder(tmp_path, freeswitch=document(dialplan=include("pipe.xml")))
    os.mkfifo(root / "pipe.xml")
    assert refusal(root) == "freeswitch.xml:3: pipe.xml is no regular file"


def test_a_file_too_large(tmp_path: Path) -> None:
    root = folder(tmp_path, freeswitch=document(dialplan=include("big.xml")), big="")
    os.truncate(root / "big.xml", bounds.LARGEST_FILE + 1)
    assert refusal(root) == f"freeswitch.xml:3: big.xml is larger than {bounds.LARGEST_FILE} bytes"


def test_files_that_include_others_over_and_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MOST_FILES", 500)
    many = {f"f{n}": f"{include(f'f{n + 1}.xml')}\n" * 10 for n in range(9)}
    root = folder(tmp_path, freeswitch=document(dialplan=include("f0.xml")), f9="<!-- -->\n", **many)
    assert refusal(root).endswith("more than 500 files are included")


def test_all_together_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "LARGEST_FOLDER", 4000)
    root = folder(tmp_path, freeswitch=document(dialplan=f"{include('a.xml')}\n" * 9))
    folder(root, a=f"<!-- {'x' * 900} -->\n")
    assert refusal(root).endswith("all that is included comes to more than 4000 bytes")


def test_a_variable_that_doubles(tmp_path: Path) -> None:
    sets = "\n".join(
        f'<X-PRE-PROCESS cmd="set" data="v={"$${v}$${v}" if number else "0123456789"}"/>'
        for number in range(40)
    )
    assert "freeswitch.xml:16: the variable v grows longer" in refusal(
        folder(tmp_path, freeswitch=document(dialplan=sets))
    )


@pytest.mark.parametrize(
    ("more", "inside"),
    [
        # What changes is put in line by line, what does not once the tree stands.
        (f"{variable('v', 'y')}\n", "dialplan"),
        ("", "dialplan"),
        ("", "directory"),
    ],
)
def test_variables_that_grow_out_of_all_measure(tmp_path: Path, more: str, inside: str) -> None:
    name = "$${v}" * 3000
    elements = {
        "dialplan": f'<context name="{name}"/>',
        "directory": f'<domain name="d"><params><param name="a" value="{name}"/></params></domain>',
    }
    sets = f"{more}{variable('v', 'x' * 60_000)}\n"
    root = folder(tmp_path, freeswitch=document(**{inside: f"{sets}{elements[inside]}"}))
    assert refusal(root).startswith(
        f"freeswitch.xml:{5 if more else 4}: variables come to more than 134217728 "
    )


def test_many_variables_that_grow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, "LARGEST_TEXT", 5000)
    params = '<param name="a" value="$${v}"/>\n' * 60
    domain = f'<domain name="d">\n<params>\n{params}</params>\n</domain>'
    root = folder(tmp_path, freeswitch=document(directory=f"{variable('v', 'x' * 105)}\n{domain}"))
    assert refusal(root) == "freeswitch.xml:56: all variables put in come to more than 5000 characters"


def test_braces_that_never_close_cost_no_more_than_others(tmp_path: Path) -> None:
    """A look at all that follows, for each of them, would take for ever."""
    root = folder(tmp_path, freeswitch=document(dialplan="<!-- {} -->".format("$${" * 1_000_000)))
    assert read_folder(root).rows == ()


def test_what_a_command_is_given_is_not_told(tmp_path: Path) -> None:
    exec_ = '<X-PRE-PROCESS cmd="exec" data="curl -u fs1:hush http://192.0.2.1/"/>'
    (note,) = read_folder(folder(tmp_path, freeswitch=document(dialplan=exec_))).notes
    assert note.reason == "exec is never run here: 'curl' is the switch's to find out"


def test_not_utf_8(tmp_path: Path) -> None:
    root = folder(
        tmp_path, freeswitch=document(dialplan=include("l1.xml")), l1="\n<a b='\u00e4'/>".encode("latin-1")
    )
    assert refusal(root) == "l1.xml:2: is not UTF-8"


def test_a_nul(tmp_path: Path) -> None:
    root = folder(tmp_path, freeswitch=document(dialplan=include("n.xml")), n="\n\n\0")
    assert refusal(root).startswith("n.xml:3: holds a NUL")


def test_broken_xml_in_an_included_file(tmp_path: Path) -> None:
    root = folder(tmp_path, freeswitch=document(dialplan=include("dialplan/*.xml")))
    folder(root, dialplan__a='<include>\n<context name="a">\n</context>\n</include>\n')
    folder(root, dialplan__b='<include>\n<context name="b">\n<extension\n</context>\n</include>\n')
    assert refusal(root).startswith("dialplan/b.xml:4: is not well-formed XML: ")


def test_entities_are_not_expanded(tmp_path: Path) -> None:
    bomb = '<!DOCTYPE d [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>\n' + document(
        dialplan="<context name='&b;'/>"
    )
    assert refusal(folder(tmp_path, freeswitch=bomb)) == "freeswitch.xml:1: holds a document type"


def test_what_is_no_configuration(tmp_path: Path) -> None:
    assert (
        refusal(folder(tmp_path, freeswitch="\n<html/>"))
        == "freeswitch.xml:2: must be one <document>, not <html>"
    )


def test_nothing_is_run(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    lines = "\n".join(
        [
            f'<X-PRE-PROCESS cmd="exec" data="touch {marker}"/>',
            f'<X-PRE-PROCESS cmd="exec-set" data="a=touch {marker}"/>',
            f'<!--#exec "touch {marker}"-->',
            '<X-PRE-PROCESS cmd="stun-set" data="b=stun:127.0.0.1"/>',
            '<X-PRE-PROCESS cmd="env-set" data="c=$HOME"/>',
        ]
    )
    found = read_folder(folder(tmp_path / "conf", freeswitch=document(dialplan=lines)))
    assert not marker.exists()
    assert [(str(note.place), note.lost) for note in found.notes] == [
        ("freeswitch.xml:3", True),
        ("freeswitch.xml:4", False),
        ("freeswitch.xml:5", True),
        ("freeswitch.xml:6", False),
        ("freeswitch.xml:7", False),
    ]


def test_a_name_that_only_the_switch_knows(tmp_path: Path) -> None:
    root = folder(tmp_path, freeswitch=document(directory='\n<domain name="$${local_ip_v4}"/>'))
    assert refusal(root) == (
        "freeswitch.xml:4: $${local_ip_v4} is known on the switch alone: "
        "say what local_ip_v4 is (--set local_ip_v4=...)"
    )
    assert [row.name for row in read_folder(root, {"local_ip_v4": "192.0.2.1"}).rows] == ["192.0.2.1"]
