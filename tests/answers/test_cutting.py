"""Documents cut down to what the request will be answered from."""

import asyncio

import pytest
from lxml import etree

from controlplane.answers.cutting import Cut, cut_down
from controlplane.answers.question import read
from controlplane.desired.values import GLOBAL, Document
from tests.answers import switch_model
from tests.answers.living import Ground, Living, living
from tests.answers.switch_model import Element
from tests.answers.test_directory import NODE

IVR = Document(
    "ivr.conf",
    GLOBAL,
    '<configuration name="ivr.conf"><settings/><menus>'
    '<menu name="main"><entry action="menu-sub" digits="1" param="Second"/>'
    '<entry action="menu-exec-app" digits="2" param="alone"/></menu>'
    '<menu name="second"><entry action="menu-sub" digits="1" param="third"/>'
    '<entry action="menu-sub" digits="2" param="main"/></menu>'
    '<menu name="third"/><menu name="alone"/></menus></configuration>',
)
CONFERENCE = Document(
    "conference.conf",
    GLOBAL,
    '<configuration name="conference.conf"><advertise><room name="r"/></advertise>'
    '<caller-controls><group name="a"/><group name="b"/></caller-controls>'
    '<profiles><profile name="default"><param name="rate" value="8000"/></profile><profile name="wide"/>'
    "</profiles></configuration>",
)
CALLCENTER = Document(
    "callcenter.conf",
    GLOBAL,
    '<configuration name="callcenter.conf"><settings/><queues><queue name="a@x"/><queue name="b@x"/></queues>'
    '<agents><agent name="1"/></agents><tiers><tier agent="1" queue="b@x"/></tiers></configuration>',
)


def told(ground: Ground, document: str, rest: str, *, kept: bool = True) -> Element:
    async def main() -> Element:
        state: Living = await living(ground, NODE, IVR, CONFERENCE, CALLCENTER)
        form = f"hostname=fs1&section=configuration&tag_name=configuration&key_name=name&key_value={document}"
        question = read(f"{form}&Event-Name=REQUEST_PARAMS{rest}".encode())
        body = (await state.ask(question)).body
        assert (state.answers.cached("fs1", question) is not None) is kept
        return switch_model.read(body).child("section").children[0]

    return asyncio.run(main())


def shape(found: Element) -> dict[str, list[str]]:
    return {
        child.name: [each.attributes.get("name", each.name) for each in child.children]
        for child in found.children
    }


@pytest.mark.parametrize(
    ("document", "rest", "expected"),
    [
        ("ivr.conf", "&Menu-Name=main", {"menus": ["main", "second", "third"]}),
        ("ivr.conf", "&Menu-Name=ALONE", {"menus": ["alone"]}),
        ("ivr.conf", "", {"settings": [], "menus": ["main", "second", "third", "alone"]}),
        ("IVR.conf", "&Menu-Name=third", {"menus": ["third"]}),
        ("conference.conf", "&conference_name=1&profile_name=wide", {"profiles": ["wide"]}),
        ("conference.conf", "&presence=true", {"advertise": ["r"]}),
        (
            "conference.conf",
            "&Conf-Name=1&Conf-Profile=wide&Action=request-controls&Controls=b",
            {"caller-controls": ["b"]},
        ),
        (
            "conference.conf",
            "&conference_name=1",
            {"advertise": ["r"], "caller-controls": ["a", "b"], "profiles": ["default", "wide"]},
        ),
        ("callcenter.conf", "&CC-Queue=b%40x", {"queues": ["b@x"], "agents": ["1"], "tiers": ["tier"]}),
    ],
)
def test_only_what_will_be_read_is_told(
    ground: Ground, document: str, rest: str, expected: dict[str, list[str]]
) -> None:
    assert shape(told(ground, document, rest)) == expected


@pytest.mark.parametrize(
    "inside",
    [
        '<menu name="$${main}"/><menu name="other"/>',
        '<menu name="main"><entry action="menu-sub" digits="1" param="$${next}"/></menu><menu name="other"/>',
    ],
)
def test_where_variables_make_up_names_all_is_told(inside: str) -> None:
    root = etree.fromstring(
        f'<configuration name="ivr.conf"><settings/><menus>{inside}</menus></configuration>'
    )
    before = etree.tostring(root)
    assert not cut_down(root, Cut("menu", "main"))
    assert etree.tostring(root) == before


def test_what_is_kept_is_kept_whole(ground: Ground) -> None:
    (profiles,) = told(ground, "conference.conf", "&conference_name=1&profile_name=default").children
    (profile,) = profiles.children
    assert profile.children == [Element("param", {"name": "rate", "value": "8000"})]


@pytest.mark.parametrize(
    ("document", "rest"),
    [
        ("ivr.conf", "&Menu-Name=no%ffne"),
        ("callcenter.conf", "&CC-Queue=none"),
        ("conference.conf", "&conference_name=1&profile_name=none"),
    ],
)
def test_a_name_that_is_none_finds_nothing_and_is_not_kept(ground: Ground, document: str, rest: str) -> None:
    found = told(ground, document, rest, kept=False)
    assert not [each for child in found.children for each in child.children if "@" in each.name]
    assert shape(found)[found.children[0].name] == []
