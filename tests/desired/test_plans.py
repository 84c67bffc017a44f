"""Extensions as JSON and as XML: nothing is lost either way, and all that is wrong is told by its place."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from lxml import etree

from controlplane.desired import checks, codec
from controlplane.desired.conditions import DEEPEST
from controlplane.desired.errors import Invalid
from controlplane.desired.plans import chatplan_form, extension_form
from controlplane.desired.reach import TIMES
from controlplane.desired.values import Chatplan, Extension, Key, Language, Noun, Value

KEY = Key(Noun.EXTENSION, "x", "public")
CHATPLAN = Key(Noun.CHATPLAN, "default")

Json = dict[str, Any]


def checked(key: Key, **spec: Any) -> Value:
    value = codec.from_json(key, spec)
    errors = checks.check(value)
    if errors:
        raise Invalid(errors)
    return checks.uniform(value)


def extension(**spec: Any) -> str:
    value = checked(KEY, **spec)
    assert isinstance(value, Extension)
    return value.xml


def wrong(key: Key, **spec: Any) -> dict[str, str]:
    with pytest.raises(Invalid) as refused:
        checked(key, **spec)
    return {error.field: error.reason for error in refused.value.errors}


# ---- both ways

TEXTS = st.text(
    st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"]) | st.sampled_from("\n\t\r<>&\"'${}"),
    max_size=12,
).filter(lambda text: "<!" not in text)


def _some(names: tuple[str, ...], lists: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Json]:
    others = st.dictionaries(st.sampled_from(["comment", "x-y", "name", "Z_1"]), TEXTS, min_size=1)
    fields = {name.replace("-", "_"): TEXTS for name in names}
    return st.fixed_dictionaries({}, optional={**fields, "attributes": others, **lists})


def _list(of: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(of, min_size=1, max_size=2)


FILLED = TEXTS.filter(bool)
ACTIONS = _list(_some(("application", "data", "inline", "loop"), {"text": FILLED}))
REGEXES = _list(_some(("field", "expression", *TIMES), {"expression_text": TEXTS}))
_WITHIN = {"expression_text": TEXTS, "regexes": REGEXES, "actions": ACTIONS, "anti_actions": ACTIONS}
_ATTRIBUTES = ("field", "expression", "break", "regex", "require-nested", *TIMES)
CONDITIONS: st.SearchStrategy[list[Json]] = st.recursive(
    _list(_some(_ATTRIBUTES, _WITHIN)),
    lambda below: _list(_some(_ATTRIBUTES, {**_WITHIN, "conditions": below})),
    max_leaves=4,
)


@given(CONDITIONS | st.just([]), TEXTS | st.none())
def test_json_comes_back_as_it_was(conditions: list[Json], continues: str | None) -> None:
    xml = extension(conditions=conditions, **{"continue": continues})
    assert extension_form(xml) == {"conditions": conditions, "continue": continues, "attributes": None}
    again = extension(xml=xml, **extension_form(xml))
    assert again == xml


TEXT_IS_READ = ("action", "anti-action", "expression")
"""Of no other element is the text read: a blank one says nothing (mod_dialplan_xml.c, parse_exten)."""


def same(one: etree._Element, other: etree._Element) -> bool:
    """To FreeSWITCH, which looks for children by their tags, one after the other."""
    tags = sorted({child.tag for child in (*one, *other)})
    return (
        (one.tag, sorted(one.items())) == (other.tag, sorted(other.items()))
        and (one.text or "").strip() == (other.text or "").strip()
        and (one.tag not in TEXT_IS_READ or len(one) > 0 or one.text == other.text)
        and all(
            len(one.findall(tag)) == len(other.findall(tag))
            and all(map(same, one.findall(tag), other.findall(tag)))
            for tag in tags
        )
    )


PARTS = ("condition", "action", "anti-action", "regex", "expression", "other")
NODES = st.recursive(
    st.builds(
        lambda tag, attributes, text: (tag, attributes, text, ()),
        st.sampled_from(PARTS),
        st.dictionaries(
            st.sampled_from(["field", "break", "data", "comment", "tz-offset"]), TEXTS, max_size=2
        ),
        st.sampled_from([None, None, "text", " ", "${x}"]),
    ),
    lambda below: st.builds(
        lambda tag, attributes, children: (tag, attributes, None, tuple(children)),
        st.sampled_from(PARTS),
        st.dictionaries(st.sampled_from(["field", "regex", "require-nested"]), TEXTS, max_size=2),
        st.lists(below, max_size=4),
    ),
)


def built(node: Any) -> etree._Element:
    tag, attributes, text, children = node
    element = etree.Element(tag, attributes)
    element.text = text
    element.extend([built(child) for child in children])
    return element


@given(st.lists(NODES, max_size=3), st.sampled_from([{}, {"continue": "true"}, {"note": "x"}]))
@example([("condition", {}, " ", ())], {})
@example([("condition", {}, None, (("action", {}, " ", ()), ("regex", {}, " ", ())))], {})
@example([("condition", {}, None, (("expression", {}, " ", ()),))], {})
def test_xml_comes_back_or_has_no_json(nodes: list[Any], attributes: dict[str, str]) -> None:
    tree = etree.Element("extension", {"name": "x", **attributes})
    tree.extend([built(node) for node in nodes])
    xml = extension(xml=etree.tostring(tree, encoding="unicode"))
    assert same(etree.fromstring(xml), tree)
    form = extension_form(xml)
    if form["conditions"] is None:
        assert form == {"conditions": None, "continue": None, "attributes": None}
    else:
        assert same(etree.fromstring(extension(**form)), tree)


def test_the_usual_has_json() -> None:
    xml = (
        '<extension name="x" continue="true">'
        '<condition field="destination_number" expression="^(10[01][0-9])$" break="on-true" hour="9-17">\n'
        '  <anti-action application="log" data="no"/> <!-- why -->\n'
        '  <action application="set" data="a=b" inline="true" loop="2"/>\n'
        '  <condition regex="all" require-nested="false"><regex field="ani"><expression><![CDATA[^<]]>'
        "</expression></regex></condition>\n</condition></extension>"
    )
    assert extension_form(extension(xml=xml)) == {
        "continue": "true",
        "attributes": None,
        "conditions": [
            {
                "field": "destination_number",
                "expression": "^(10[01][0-9])$",
                "break": "on-true",
                "hour": "9-17",
                "actions": [{"application": "set", "data": "a=b", "inline": "true", "loop": "2"}],
                "anti_actions": [{"application": "log", "data": "no"}],
                "conditions": [
                    {
                        "regex": "all",
                        "require_nested": "false",
                        "regexes": [{"field": "ani", "expression_text": "^<"}],
                    }
                ],
            }
        ],
    }


def test_words_that_json_has_are_texts() -> None:
    xml = extension(conditions=[{"wday": 1, "actions": [{"application": "a", "inline": True, "loop": 3}]}])
    assert xml == (
        '<extension name="x"><condition wday="1"><action application="a" inline="true" loop="3"/>'
        "</condition></extension>"
    )


# ---- what is wrong


def test_mistakes_are_told_by_their_places() -> None:
    conditions = [
        {"field": 1.5, "colour": "red"},
        {
            "actions": [{"application": "a", "data": "<!"}],
            "regexes": [{"expression": "\x00"}],
            "attributes": {"field": "x", "a b": "y", "x": "\x01"},
        },
        "no object",
        {"attributes": {"x": 1}},
    ]
    assert set(wrong(KEY, conditions=conditions)) == {
        *("conditions[0].field", "conditions[0].colour", "conditions[1].actions[0].data"),
        *("conditions[1].regexes[0].expression", "conditions[1].attributes.field"),
        *("conditions[1].attributes.a b", "conditions[1].attributes.x", "conditions[2]"),
        "conditions[3].attributes",
    }


def nested(levels: int) -> list[Json]:
    conditions: list[Json] = []
    for _ in range(levels):
        conditions = [{"conditions": conditions}]
    return conditions


def test_conditions_nest_as_deep_as_freeswitch_goes() -> None:
    xml = extension(conditions=nested(DEEPEST))
    assert extension_form(xml)["conditions"] is not None
    (field,) = wrong(KEY, conditions=nested(DEEPEST + 1))
    assert field.count("conditions") == DEEPEST + 1
    deep = f'<extension name="x">{"<condition>" * 101}{"</condition>" * 101}</extension>'
    assert "100 levels" in wrong(KEY, xml=deep)["xml"]
    assert "100 levels" in wrong(KEY, xml=deep, conditions=[{}])["xml"]


def test_xml_and_conditions_must_agree() -> None:
    xml = '<extension name="x"><condition field="a"/></extension>'
    assert extension(xml=xml, conditions=[{"field": "a"}]) == xml
    assert set(wrong(KEY, xml=xml, conditions=[{"field": "b"}])) == {"conditions"}
    assert set(wrong(KEY, xml=xml, **{"continue": "true"})) == {"continue"}
    assert set(wrong(KEY)) == {"xml"}
    odd = '<extension name="x"><odd/></extension>'
    assert extension(xml=odd, **extension_form(odd)) == odd
    assert set(wrong(KEY, xml=odd, conditions=[{}])) == {"conditions"}
    assert set(wrong(KEY, xml="<x", conditions=[{}])) == {"xml"}


@pytest.mark.parametrize("number", ["", "^", "1 2", "1^", "é", "1\n", "1" * 65])
def test_numbers_that_can_be_none_are_refused(number: str) -> None:
    assert set(wrong(KEY, conditions=[], numbers=["1", number])) == {"numbers[1]"}


def test_numbers_are_named_once() -> None:
    assert set(wrong(KEY, conditions=[], numbers=["1", "1"])) == {"numbers"}


PREPROCESSED = [
    '<?xml version="1.0"?>{}',
    "<?note x?>{}",
    "<include>{}</include>",
    '<X-PRE-PROCESS cmd="set" data="a=b"/>{}',
    '<x-pre-process cmd="exec" data="reboot"/>{}',
    '<X-NO-PRE-PROCESS cmd="x"/>{}',
    '<!--#set "a=b"-->{}',
    "<!--#exec reboot-->{}",
    "<!--#include x-->{}",
    '<a x-pre-process="1"/>{}',
    '<a b="&lt;!--#exec reboot"/>{}',
    "<!DOCTYPE a>{}",
    '<n:a xmlns:n="x"/>{}',
    "<a>&b;</a>{}",
]


@pytest.mark.parametrize("form", PREPROCESSED)
@pytest.mark.parametrize(
    ("key", "root"),
    [
        (KEY, '<extension name="x">{}</extension>'),
        (CHATPLAN, '<context name="default">{}</context>'),
        (Key(Noun.LANGUAGE, "en"), '<language name="en"><phrases><macros>{}</macros></phrases></language>'),
    ],
)
def test_what_the_preprocessor_would_take_is_refused(key: Key, root: str, form: str) -> None:
    checked(key, xml=root.format(""))
    assert set(wrong(key, xml=root.format(form.format("")))) == {"xml"}


# ---- chatplans and languages


def test_a_chatplan_is_written_either_way() -> None:
    xml = (
        '<context name="default"><extension name="a" continue="true"><condition field="to" expression="^1$">'
        '<action application="reply" data="no"/></condition></extension><extension name="b"/></context>'
    )
    value = checked(CHATPLAN, xml=xml)
    assert isinstance(value, Chatplan)
    form = chatplan_form(value.xml)
    assert [one["name"] for one in form["extensions"]] == ["a", "b"]
    assert checked(CHATPLAN, **form) == value
    assert checked(CHATPLAN, xml=xml, **form) == value
    assert set(wrong(CHATPLAN, xml=xml, extensions=[])) == {"extensions"}
    assert chatplan_form('<context name="default"><odd/></context>') == {"extensions": None}


def test_what_mod_sms_does_not_do_is_refused() -> None:
    nests = [{"name": "a", "conditions": [{"conditions": [{"field": "to"}]}]}]
    assert "nests" in wrong(CHATPLAN, extensions=nests)["xml"]


def test_a_language_holds_what_freeswitch_looks_for() -> None:
    key = Key(Noun.LANGUAGE, "en")
    value = checked(key, xml='<language name="en"><phrases><macros/></phrases></language>')
    assert isinstance(value, Language)
    assert "macros" in wrong(key, xml='<language name="en"><macros/></language>')["xml"]
    assert "name" in wrong(key, xml='<language name="de"><phrases><macros/></phrases></language>')["xml"]
