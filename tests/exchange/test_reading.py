from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from controlplane.exchange import Imported, Refused, read_folder
from tests.exchange.folders import document, folder


def read(root: Path, **sections: str) -> Imported:
    return read_folder(folder(root, freeswitch=document(**sections)))


def row(found: Imported, key: str) -> Any:
    (one,) = [row for row in found.rows if str(row) == key]
    return one.spec


def test_a_domain_with_everything(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        directory="""<domain name="a.example">
<params><param name="dial-string" value="x"/></params>
<variables><variable name="v" value="1"/></variables>
<profile-variables><variable name="w" value="2"/></profile-variables>
<groups>
<group name="g1"><variables><variable name="team" value="1"/></variables>
<users><user id="1000" number-alias="5000" cidr="192.0.2.0/24" cacheable="true">
<params><param name="password" value="p"/></params>
<gateways><gateway name="gw"><param name="proxy" value="sip.test"/>
<variables><variable name="x" value="y" direction="inbound"/></variables></gateway></gateways>
</user></users></group>
<group name="g2"><users><user id="1000" type="pointer"/><user id="none" type="pointer"/></users></group>
</groups>
<users><user id="2000"/></users>
</domain>""",
    )
    assert row(found, "domain/a.example") == {
        "params": [{"name": "dial-string", "value": "x"}],
        "variables": [{"name": "v", "value": "1"}],
        "profile_variables": [{"name": "w", "value": "2"}],
    }
    assert row(found, "group/a.example/g1") == {"variables": [{"name": "team", "value": "1"}]}
    assert row(found, "user/a.example/1000") == {
        "number_alias": "5000",
        "cidr": "192.0.2.0/24",
        "cacheable": 2147483,
        "groups": ["g1", "g2"],
        "params": [{"name": "password", "value": "p"}],
        "gateways": [
            {
                "name": "gw",
                "params": [{"name": "proxy", "value": "sip.test"}],
                "variables": [{"name": "x", "value": "y", "direction": "inbound"}],
            }
        ],
    }
    assert row(found, "user/a.example/2000") == {}
    (note,) = found.notes
    assert (str(note.place), note.lost) == ("freeswitch.xml:14", False)


def test_what_else_stands_in_a_user(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        directory="""<X-PRE-PROCESS cmd="set" data="line=1101"/>
<domain name="a.example"><users><user id="1000">
<skinny><buttons><!-- none --><button label="$$ 1" value="$${line}"/></buttons></skinny><vcard></vcard>
<X-NO-PRE-PROCESS cmd="set" data="a=b"/>
<vcard><FN>$${line} Main</FN></vcard>
<other secret="x"/>
</user></users></domain>""",
    )
    skinny, vcard = row(found, "user/a.example/1000")["elements"]
    assert skinny == (
        '<skinny>\n  <buttons>\n    <button label="$$ 1" value="1101"/>\n  </buttons>\n</skinny>'
    )
    assert vcard == "<vcard>\n  <FN>1101 Main</FN>\n</vcard>"
    assert [(note.place.line, note.reason) for note in found.lost] == [
        (8, "<other> holds a password (secret of <other>), which only params keep sealed")
    ]


def test_the_first_of_a_name_is_the_one_that_counts(tmp_path: Path) -> None:
    found = read(tmp_path, dialplan='<context name="a"><extension name="x"/></context>\n<context name="a"/>')
    assert [str(one) for one in found.rows] == ["context/a", "extension/a/x"]
    assert found.notes[0].reason.startswith("context a stands at freeswitch.xml:3 already")


def test_extensions_of_one_name_and_of_none(tmp_path: Path) -> None:
    names = ["x", "x", None, "x#2", "x", None]
    inside = "\n".join(f'<extension name="{name}"/>' if name else "<extension/>" for name in names)
    found = read(tmp_path, dialplan=f'<context name="a">{inside}</context>')
    rows = [(one.name, one.spec["position"]) for one in found.rows if one.noun == "extension"]
    assert rows == [("x", 10), ("x#3", 20), ("#1", 30), ("x#2", 40), ("x#4", 50), ("#2", 60)]


def test_acl_entries_as_the_switch_reads_them(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        configuration="""<configuration name="acl.conf"><network-lists><list name="l" default="allow">
<node cidr="192.0.2.0/24,198.51.100.0/24"/><node type="deny" host="203.0.113.0" mask="255.255.255.0"/>
<node type="allow" domain="a.example"/><node type="deny"/>
<node type="allow" cidr="10.0.0.0/8" port="5060"/>
</list></network-lists></configuration>""",
    )
    assert row(found, "acl/l") == {
        "default": "allow",
        "entries": [
            {"type": "allow", "cidr": "192.0.2.0/24"},
            {"type": "allow", "cidr": "198.51.100.0/24"},
            {"type": "deny", "cidr": "203.0.113.0/24"},
            {"type": "allow", "domain": "a.example"},
            {"type": "allow", "cidr": "10.0.0.0/8"},
        ],
    }
    made = [one.to_json("global") for one in found.rows if one.noun == "domain"]
    assert made == [
        {"noun": "domain", "name": "a.example", "scope": "global", "spec": {}, "if_missing": True}
    ]
    assert [note.reason for note in found.lost] == ["the attribute port of <node> has no place in a row"]


@pytest.mark.parametrize(
    ("section", "xml", "reason"),
    [
        ("directory", '<domain name="a"><odd x="1"/></domain>', "<odd> in <domain> has no place in a row"),
        ("directory", '<domain name="a" odd="1"/>', "the attribute odd of <domain> has no place in a row"),
        ("directory", '<domain name="a">text</domain>', "the text in <domain> has no place in a row"),
        ("directory", '<domain name="a"><users/>text</domain>', "the text in <domain> has no place in a row"),
        ("odd", "<a/>", "the section 'odd' is none that can be taken over"),
        ("configuration", '<odd name="a"/>', "<odd> in <section> has no place in a row"),
        (
            "directory",
            '<domain name="a"><params><param name="p" value="$${x}"/></params></domain>',
            "$${x} does not expand here; say what it is (--set x=...)",
        ),
    ],
)
def test_what_has_no_place_is_told(tmp_path: Path, section: str, xml: str, reason: str) -> None:
    assert [note.reason for note in read(tmp_path, **{section: xml}).lost] == [reason]


def sets(*said: str) -> str:
    return "".join(f'<X-PRE-PROCESS cmd="set" data="{one}"/>\n' for one in said)


def test_variables_are_put_into_passwords_that_they_are_not_alone(tmp_path: Path) -> None:
    """These are sealed, and a sealed value is told as it is."""
    found = read(
        tmp_path,
        configuration=sets("pw=1234", "p=5060", "own=$${local_ip_v4}")
        + """<configuration name="xml_rpc.conf"><settings>
<param name="auth-pass" value="$${pw}"/><param name="http-port" value="$${p}"/>
<param name="other-pass" value="x$${pw}"/><param name="odd-pass" value="$${own}"/>
</settings></configuration>""",
    )
    values = [one.get("value") for one in etree.fromstring(row(found, "document/xml_rpc.conf")["xml"])[0]]
    assert values == ["$${pw}", "$${p}", "x1234", "$${local_ip_v4}"]
    assert [note.reason for note in found.lost] == [
        "$${local_ip_v4} does not expand here; say what it is (--set local_ip_v4=...)"
    ]


def test_a_dollar_that_begins_no_variable(tmp_path: Path) -> None:
    """The preprocessor does not know it, so that it is text, wherever it stands."""
    found = read(
        tmp_path,
        directory=sets("v=1")
        + """<domain name="a.example"><users><user id="a&#36;${v}"><variables>
<variable name="x" value="&#36;&#x24;{v} $${v}"/></variables></user></users></domain>""",
    )
    assert row(found, "user/a.example/a$${v}") == {"variables": [{"name": "x", "value": "$${v} 1"}]}
    assert not found.lost


def test_a_folder_in_which_nothing_can_stand_for_a_dollar(tmp_path: Path) -> None:
    text = "".join(map(chr, range(0xE000, 0xF900)))
    with pytest.raises(Refused, match="every private character"):
        read(tmp_path, configuration=f'<configuration name="{text}"/>')


HASH = "0123456789abcdef0123456789ABCDEF"


@pytest.mark.parametrize(
    ("domain", "user", "kept"),
    [
        ("", f"a1-hash={HASH}", {"a1_hashes": [{"realm": "a.example", "hash": HASH}]}),
        ("", f"A1-Hash={HASH} x=y", {"a1_hashes": [{"realm": "a.example", "hash": HASH}], "x": "y"}),
        ("", "a1-hash=short", {"a1-hash": "short"}),
        ("", f"a1-hash={HASH} password=p", {"a1-hash": HASH, "password": "p"}),
        ("password=p", f"a1-hash={HASH}", {"a1-hash": HASH}),
    ],
)
def test_a_hash_by_which_alone_a_user_is_known(
    tmp_path: Path, domain: str, user: str, kept: dict[str, Any]
) -> None:
    def params(said: str) -> str:
        pairs = (one.split("=") for one in said.split())
        return "".join(f'<param name="{name}" value="{value}"/>' for name, value in pairs)

    found = read(
        tmp_path,
        directory=f"""<domain name="a.example"><users><user id="1000"><params>{params(user)}</params></user>
</users><params>{params(domain)}</params></domain>""",
    )
    spec = row(found, "user/a.example/1000")
    assert {one["name"]: one["value"] for one in spec.pop("params", [])} | spec == kept


OLDER = """<macros>
<language name="en" say-module="en">
<macro name="a"><input pattern="1"/></macro><!-- no more -->
<macro name="b"/>
</language>
</macros>"""


def test_the_older_form_of_languages(tmp_path: Path) -> None:
    found = read(tmp_path, phrases=OLDER)
    assert not found.notes
    assert found.rows[0].place.line == 4
    language = etree.fromstring(row(found, "language/en")["xml"])
    assert sorted(language.items()) == [("name", "en"), ("say-module", "en")]
    assert [macro.get("name") for macro in language.findall("phrases/macros/macro")] == ["a", "b"]


def test_the_older_form_counts_only_where_there_is_no_newer(tmp_path: Path) -> None:
    found = read(
        tmp_path, phrases=OLDER, languages='<language name="de"><phrases><macros/></phrases></language>'
    )
    assert [str(one) for one in found.rows] == ["language/de"]
    assert [note.lost for note in found.notes] == [False]


@pytest.mark.parametrize(
    ("section", "xml", "reason"),
    [
        ("languages", '<language name="en"/>', "the language en must hold <phrases> with <macros>"),
        (
            "chatplan",
            '<context name="a"><extension name="x"><condition><condition/></condition></extension></context>',
            "the chatplan a nests conditions, which a chatplan cannot",
        ),
        (
            "dialplan",
            f'<context name="a"><extension name="x">{"<condition>" * 101}{"</condition>" * 101}'
            "</extension></context>",
            "the extension x nests conditions deeper than 100 levels",
        ),
    ],
)
def test_what_freeswitch_would_not_do_as_it_is_written(
    tmp_path: Path, section: str, xml: str, reason: str
) -> None:
    found = read(tmp_path, **{section: xml})
    assert [note.reason[: len(reason)] for note in found.lost] == [reason]
    assert {one.noun for one in found.rows} <= {"context"}


def test_global_variables_are_rows_where_they_are_always_the_same(tmp_path: Path) -> None:
    found = read(tmp_path, configuration=sets("a=1", "b=1", "b=2", "c=$${local_ip_v4}"))
    assert [one.to_json("groups:eu") for one in found.rows] == [
        {"noun": "variable", "name": "a", "scope": "groups:eu", "spec": {"value": "1"}}
    ]
    reason = "sets 3 global variables: leave it on the nodes, where calls read them as ${NAME}"
    assert [(str(note.place), note.reason, note.lost) for note in found.notes] == [
        ("freeswitch.xml:3", reason, False)
    ]


def test_what_is_said_of_a_variable_stands_in_its_row(tmp_path: Path) -> None:
    text = document(configuration=sets("domain=$${local_ip_v4}"))
    found = read_folder(
        folder(tmp_path, freeswitch=text), {"domain": "a.example", "local_ip_v4": "192.0.2.1"}
    )
    assert [(str(one), one.spec) for one in found.rows] == [("variable/domain", {"value": "a.example"})]
