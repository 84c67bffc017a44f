"""Languages and chatplans: what FreeSWITCH finds in the answers, as it looks for it."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from controlplane.answers.dialect import NOT_FOUND
from controlplane.answers.question import Question, read
from controlplane.desired.values import GLOBAL, Chatplan, Context, Language, Scope, Value
from tests.answers import switch_model
from tests.answers.living import Ground, Living, living
from tests.answers.switch_model import Element
from tests.answers.test_directory import NODE


def language(name: str, *, sounds: str = "/sounds", scope: Scope = GLOBAL) -> Language:
    xml = (
        f'<language name="{name}" say-module="{name}" sound-prefix="{sounds}"><phrases><macros>'
        '<macro name="hello"><input pattern="(.*)"><match><action function="play-file" data="$${x}"/></match>'
        '</input></macro><macro name="bye"/></macros>'
        '<macros name="vm" sound-prefix="/vm"><macro name="hello"/><macro name="Menu"/></macros>'
        "</phrases></language>"
    )
    return Language(name, scope, xml)


EN, DE = language("en"), language("de")


def chatplan(name: str, scope: Scope = GLOBAL) -> Chatplan:
    return Chatplan(name, scope, f'<context name="{name}"><extension name="{scope}"/></context>')


def asked(macro: str = "", lang: str = "en", section: str = "languages") -> Question:
    return Question("fs1", section, lang=lang, macro=macro)


def message(context: str = "") -> Question:
    return Question("fs1", "chatplan", context=context)


def run(ground: Ground, talk: Callable[[Living], Awaitable[None]], *values: Value) -> None:
    async def main() -> None:
        await talk(await living(ground, NODE, *values))

    asyncio.run(main())


def section(body: bytes, name: str) -> Element:
    (found,) = switch_model.read(body, {"x": "X"}).children
    assert found.attributes == {"name": name}
    # It is copied before it is read (switch_xml_locate, with `clone`).
    return switch_model.copied(found)


def macros(body: bytes, lang: str = "en") -> dict[str, list[str]]:
    found = section(body, "languages").child("language", name=lang)
    assert found.attributes["say-module"] == lang
    return {
        group.attributes.get("name", ""): [macro.attributes["name"] for macro in group.children]
        for group in found.child("phrases").all("macros")
    }


@pytest.mark.parametrize(
    ("macro", "found"),
    [
        ("hello", {"": ["hello"], "vm": ["hello"]}),
        ("HELLO", {"": ["hello"], "vm": ["hello"]}),
        ("bye", {"": ["bye"], "vm": []}),
        ("menu@vm", {"": [], "vm": ["Menu"]}),
        ("say_app", {"": [], "vm": []}),
        ("", {"": ["hello", "bye"], "vm": ["hello", "Menu"]}),
    ],
)
def test_the_macro_asked_for_is_found_and_no_other(
    ground: Ground, macro: str, found: dict[str, list[str]]
) -> None:
    async def talk(daemon: Living) -> None:
        answer = await daemon.ask(asked(macro))
        assert macros(answer.body) == found
        assert [str(row.key) for row in answer.rows] == ["language/en"]

    run(ground, talk, EN, DE)


def test_a_macro_arrives_as_it_was_written(ground: Ground) -> None:
    async def talk(daemon: Living) -> None:
        found = section((await daemon.ask(asked("hello"))).body, "languages").child("language", name="en")
        macro = found.child("phrases").child("macros").child("macro", name="hello")
        action = macro.child("input", pattern="(.*)").child("match").child("action")
        assert action.attributes == {"function": "play-file", "data": "X"}

    run(ground, talk, EN)


def test_only_languages_that_are_ours_are_found(ground: Ground) -> None:
    async def talk(daemon: Living) -> None:
        assert macros((await daemon.ask(asked("bye", "DE"))).body, "de") == {"": ["bye"], "vm": []}
        for question in (asked("hello", "fr"), asked("hello", "en-us"), asked("hello", "fr", "phrases")):
            assert (await daemon.ask(question)).body == NOT_FOUND

    run(ground, talk, EN, DE)


def test_none_is_found_where_there_is_none(ground: Ground) -> None:
    async def talk(daemon: Living) -> None:
        for question in (
            asked(),
            asked(lang=""),
            asked(section="phrases", lang=""),
            message(),
            message("default"),
        ):
            assert (await daemon.ask(question)).body == NOT_FOUND

    run(ground, talk, Context("default", GLOBAL))


def test_where_no_language_is_named_all_are_answered(ground: Ground) -> None:
    async def talk(daemon: Living) -> None:
        found = section((await daemon.ask(asked("hello", ""))).body, "languages")
        assert [one.attributes["name"] for one in found.children] == ["en", "de"]
        assert {len(one.child("phrases").child("macros").children) for one in found.children} == {2}

    run(ground, talk, EN, DE)


def test_phrases_hold_the_older_form(ground: Ground) -> None:
    async def talk(daemon: Living) -> None:
        found = section((await daemon.ask(asked("hello", section="phrases"))).body, "phrases")
        (spoken,) = found.child("macros").all("language")
        assert spoken.attributes == {"name": "en", "say-module": "en", "sound-prefix": "/sounds"}
        assert [macro.attributes["name"] for macro in spoken.children] == ["hello"]

    run(ground, talk, EN, DE)


def test_unknown_macros_share_one_answer_and_cost_nothing(ground: Ground) -> None:
    async def talk(daemon: Living) -> None:
        for number in range(50):
            assert await daemon.queries(asked(f"nobody-{number}")) == 0
        assert len(daemon.answers.cache) == 1

    run(ground, talk, EN)


def test_a_changed_language_is_answered_at_once(ground: Ground) -> None:
    async def talk(daemon: Living) -> None:
        for question in (asked("hello"), asked("hello", ""), asked("hello", section="phrases")):
            assert b"/other" not in (await daemon.ask(question)).body
        await daemon.put(language("en", sounds="/other"))
        for question in (asked("hello"), asked("hello", ""), asked("hello", section="phrases")):
            assert b"/other" in (await daemon.ask(question)).body
        await daemon.put(language("en", sounds="/mine", scope=Scope(node="fs1")))
        for question in (asked("hello"), asked("hello", ""), asked("hello", section="phrases")):
            assert b"/mine" in (await daemon.ask(question)).body

    run(ground, talk, EN, DE)


def test_a_chatplan_is_answered_whole(ground: Ground) -> None:
    async def talk(daemon: Living) -> None:
        for name in ("default", "Default"):
            found = section((await daemon.ask(message(name))).body, "chatplan")
            assert [one.attributes["name"] for one in found.children] == ["default"]
        assert (await daemon.ask(message("nosuch"))).body == NOT_FOUND
        everything = section((await daemon.ask(message())).body, "chatplan")
        assert [one.attributes["name"] for one in everything.children] == ["default", "public"]
        await daemon.put(chatplan("default", Scope(node="fs1")))
        for question in (message("default"), message()):
            assert b'"node:fs1"' in (await daemon.ask(question)).body

    run(ground, talk, chatplan("default"), chatplan("public"))


def test_one_name_in_many_sections_means_many_things(ground: Ground) -> None:
    async def talk(daemon: Living) -> None:
        dialplan = Question("fs1", "dialplan", context="default")
        questions = {"dialplan": dialplan, "chatplan": message("default"), "languages": asked(lang="default")}
        bodies = {name: (await daemon.ask(question)).body for name, question in questions.items()}
        for name, body in bodies.items():
            (found,) = section(body, name).children
            assert found.attributes["name"] == "default"
        await daemon.delete(chatplan("default"))
        assert (await daemon.ask(message("default"))).body == NOT_FOUND
        assert (await daemon.ask(dialplan)).body == bodies["dialplan"]

    run(ground, talk, Context("default", GLOBAL), chatplan("default"), language("default"))


def test_the_last_language_named_counts() -> None:
    """When `en-us` is not found FreeSWITCH adds `lang=en` and asks again (switch_xml_locate_language)."""
    front = b"hostname=fs1&section=languages&tag_name=&key_name=&key_value=&"
    question = read(front + b"macro_name=vm%40x&lang=en-us&data=1&variable_lang=fr&lang=en")
    assert (question.lang, question.macro) == ("en", "vm@x")
    chat = read(front.replace(b"languages", b"chatplan") + b"context=a&to=b&context=public")
    assert chat.context == "public"
    plan = read(
        front.replace(b"languages", b"dialplan")
        + b"Caller-Destination-Number=1&Caller-Context=a&Hunt-Context=b&Hunt-Destination-Number=%2B2"
    )
    assert (plan.context, plan.number) == ("b", "+2")
    transferred = read(
        front.replace(b"languages", b"dialplan") + b"Caller-Destination-Number=1&Caller-Context=a"
    )
    assert (transferred.context, transferred.number) == ("a", "")
