import contextlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from controlplane.answers.dialect import NOT_FOUND, document, expanding, literal, rewritten
from controlplane.answers.errors import Unwritable
from controlplane.desired.values import SecretRef
from tests.answers import switch_model
from tests.answers.switch_model import Unreadable, copied, read

TRICKY = st.sampled_from(
    [
        *("$${domain}", "$$", "${x}", "$${", "$${a{b}}", "<?", "?>", "<include>", "</include>", "-->", "<!"),
        *("X-PRE-PROCESS", "x-Pre-ProcesS", '<X-PRE-PROCESS cmd="exec" data="id"/>', "<!--#exec id-->"),
        *("]]>", "&amp;", "&#36;", "&", ";", "'", '"', "\r\n", "\n", "\t", " ", "<", ">", "/", "="),
        *("\U0001f600", "é", "\ufffd", "\x7f", "\x85", "\u2028"),
    ]
)
TEXTS = st.lists(TRICKY | st.text(max_size=5), max_size=8).map("".join)

VARIABLES = {"domain": 'expanded"><', "x": "x"}


def through_the_switch(lines: list[str]) -> switch_model.Element:
    section = read(document("directory", lines), VARIABLES).child("section")
    assert section.attributes == {"name": "directory"}
    return section


@given(TEXTS)
@example("a$${domain}b")
@example("see X-PRE-PROCESS here")
@example('<X-PRE-PROCESS cmd="set" data="a=b"/>')
def test_any_text_arrives_as_typed_or_is_refused(text: str) -> None:
    try:
        lines = [f'<param name="{literal(text)}" value="{literal(text)}"/>', f"<note>{literal(text)}</note>"]
    except Unwritable:
        assert "<!" in text or any(not _is_xml(char) for char in text)
        return
    section = through_the_switch(lines)
    param, note = section.children
    assert param.attributes == {"name": text, "value": text}
    assert note.text == text
    assert copied(section).children == section.children


def _is_xml(char: str) -> bool:
    point = ord(char)
    return point in (9, 10, 13) or 0x20 <= point <= 0xD7FF or 0xE000 <= point <= 0xFFFD or point > 0xFFFF


@given(TEXTS.filter(lambda text: "$$" not in text))
def test_an_expanding_text_differs_only_by_its_variables(text: str) -> None:
    try:
        value = expanding(f"{text}$${{x}}")
    except Unwritable:
        with pytest.raises(Unwritable):
            literal(text)
        return
    assert through_the_switch([f'<param value="{value}"/>']).children[0].attributes["value"] == f"{text}x"


def test_a_value_with_declaration_marks_would_break_a_copied_user() -> None:
    """Why `<!` is refused: what the switch reads once does not survive its own writer."""
    once = read(b'<user><param value="a&#60;!b&#34; cacheable=&#34;true"/></user>')
    assert once.children[0].attributes == {"value": 'a<!b" cacheable="true'}
    with contextlib.suppress(Unreadable):
        assert copied(once) != once
    with pytest.raises(Unwritable):
        literal('a<!b" cacheable="true')


@pytest.mark.parametrize("text", ["\x00", "\x1b", "\ud800", "\ufffe", "\uffff", "<!", "<!--#exec id-->"])
def test_what_no_xml_can_carry_is_refused(text: str) -> None:
    with pytest.raises(Unwritable):
        literal(f"a{text}b")
    with pytest.raises(Unwritable):
        expanding(f"a{text}b")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$${local_ip_v4}", "$${local_ip_v4}"),
        ("sip:$${a.b-c}:5060", "sip:$${a.b-c}:5060"),
        ("$${", "&#36;${"),
        ("$${a b}", "&#36;${a b}"),
        ("^9196$", "^9196$"),
        ("${destination_number}", "${destination_number}"),
    ],
)
def test_operators_variables_are_left_for_freeswitch(text: str, expected: str) -> None:
    assert expanding(text) == expected


def test_not_found_is_what_freeswitch_takes_for_it() -> None:
    section = read(NOT_FOUND).child("section")
    assert section.attributes == {"name": "result"}
    assert section.child("result").attributes == {"status": "not found"}


def test_an_operators_element_is_rewritten_in_the_dialect() -> None:
    xml = """<configuration name="x.conf"><!-- gone -->
      <a b='1 &lt; 2 "q"' c="two&#10;lines"/>
      <text>some <b>bold</b> words</text><![CDATA[raw & ready]]>
    </configuration>"""
    lines = rewritten(xml, {}, name="y.conf")
    assert all("\n" not in line for line in lines)
    root = read(document("configuration", lines)).child("section").child("configuration", name="y.conf")
    assert root.child("a").attributes == {"b": '1 < 2 "q"', "c": "two\nlines"}
    assert root.child("text").text.split() == ["some", "words"]
    assert root.child("text").child("b").text == "bold"
    assert "raw & ready" in root.text


def test_only_the_inside_of_an_element() -> None:
    assert rewritten('<configuration><a/><b c="d"/></configuration>', {}, inner=True) == [
        "<a/>",
        '<b c="d"/>',
    ]


def test_sealed_attributes_are_opened_literally() -> None:
    xml = '<param name="odbc" value="sealed:7@2"/>'
    assert rewritten(xml, {SecretRef(7, 2): 'p$${x}"w'}) == [
        '<param name="odbc" value="p&#36;&#36;{x}&#34;w"/>'
    ]
    assert rewritten(xml, {}) == [xml]


@pytest.mark.parametrize(
    "xml",
    [
        "<a><include>b</include></a>",
        "<a><?php b?></a>",
        '<a xmlns:x="urn:x"><x:b/></a>',
        '<a x-pre-process="b"/>',
        "<a>",
        '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
    ],
)
def test_what_the_preprocessor_would_take_as_its_own_is_refused(xml: str) -> None:
    with pytest.raises(Unwritable):
        rewritten(xml, {})
