"""A hunt over what is answered does what a hunt over the whole context does."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lxml import etree

from controlplane.answers.dialect import NOT_FOUND
from controlplane.answers.errors import Unanswerable
from controlplane.answers.narrowing import Index, Indexes
from controlplane.answers.question import Question
from controlplane.desired.reach import Reach, reach
from controlplane.desired.values import GLOBAL, Context, Extension, Value
from tests.answers import switch_model
from tests.answers.hunt_model import Hunt
from tests.answers.living import Ground, Living, living
from tests.answers.test_directory import NODE

CONTEXT = Context("public", GLOBAL)


def extension(name: str, *conditions: str, numbers: Sequence[str] = (), more: str = "") -> Extension:
    xml = f'<extension name="{name}" {more}>{"".join(conditions)}</extension>'
    return Extension(name, "public", GLOBAL, 0, xml, tuple(numbers))


def did(name: str, number: str) -> Extension:
    return extension(name, condition(f"^{number}$"))


def condition(expression: str, inside: str = '<action application="answer"/>', more: str = "") -> str:
    return f'<condition field="destination_number" expression="{expression}" {more}>{inside}</condition>'


def asked(number: str) -> Question:
    return Question("fs1", "dialplan", context="public", number=number)


# ---- what is left out does nothing

EXPRESSIONS = st.sampled_from(
    [
        "^1$",
        "^1(2)?$",
        "^12",
        "^(1|2)$",
        "2$",
        ".*",
        r"^(\d)\d$",
        "^${known}$",
        "^[[:digit:]]$",
        "^21$|^1$",
        "",
        "^9$",
    ]
)
FIELDS = st.sampled_from(
    ["destination_number", "Destination_Number", "${destination_number}", "${known}", "other", "network_addr"]
)
ATTRIBUTES = st.fixed_dictionaries(
    {},
    optional={
        "break": st.sampled_from(["on-true", "on-false", "always", "never", "Never", "odd"]),
        "regex": st.sampled_from(["any", "all", "xor"]),
        "wday": st.just("1"),
        "hour": st.just("9"),
        "require-nested": st.sampled_from(["true", "false"]),
    },
)
RENUMBERING = '<action application="set_profile_var" inline="true" data="destination_number=21"/>'
ACTIONS = st.sampled_from(
    [
        "",
        "",
        '<action application="bridge" data="x"/>',
        '<action application="set" data="a=b" inline="true"/>',
        RENUMBERING,
        '<anti-action application="log" data="no"/>',
        '<anti-action application="set_profile_var" inline="yes" data="destination_number=1"/>',
        '<regex field="destination_number" expression="^1"/><regex field="other" expression="x"/>',
        '<regex hour="9"/>',
    ]
)


def _tag(attributes: dict[str, str], inside: Sequence[str]) -> str:
    element = etree.fromstring(f"<condition>{''.join(inside)}</condition>")
    for name, value in attributes.items():
        element.set(name, value)
    return etree.tostring(element, encoding="unicode")


PLAIN = st.builds(lambda field, expression: {"field": field, "expression": expression}, FIELDS, EXPRESSIONS)
CONDITIONS = st.recursive(
    st.builds(
        lambda plain, others, inside: _tag(plain | others, inside),
        PLAIN | st.just({}),
        ATTRIBUTES | st.just({}),
        st.lists(ACTIONS, max_size=2),
    ),
    lambda below: st.builds(
        lambda plain, inside, nested: _tag(plain, [inside, *nested]),
        PLAIN,
        ACTIONS,
        st.lists(below, max_size=2),
    ),
    max_leaves=3,
)
CONTEXTS = st.lists(
    st.tuples(
        st.lists(CONDITIONS, max_size=3), st.sampled_from(["", "", 'continue="true"', 'continue="false"'])
    ),
    max_size=6,
)


@settings(max_examples=400)
@given(
    CONTEXTS,
    st.sampled_from(["1", "12", "2", "21", "9", "123", "x"]),
    st.sampled_from(["1", "2", ""]),
    st.frozensets(st.sampled_from(["wday", "hour"])),
)
@example([([condition("^9$", more='wday="1"')], "")], "1", "", frozenset({"wday"}))
@example([([condition("^9$", '<anti-action application="log"/>')], "")], "1", "", frozenset())
@example(
    [([condition("^9$", '<regex hour="9"/><action application="x"/>', 'regex="any"')], "")],
    "1",
    "",
    frozenset({"hour"}),
)
@example([([condition("^9$", "", 'break="never"'), condition("^1$")], "")], "1", "", frozenset())
@example(
    [
        ([condition("^1$", RENUMBERING), condition("^9$")], ""),
        ([condition("^21$")], ""),
    ],
    "1",
    "",
    frozenset(),
)
def test_nothing_that_would_happen_is_left_out(
    plan: list[tuple[list[str], str]], number: str, known: str, now: frozenset[str]
) -> None:
    extensions = [extension(f"e{place}", *inside, more=more) for place, (inside, more) in enumerate(plan)]
    index = Index((place, one.name, reach(one.xml, one.numbers)) for place, one in enumerate(extensions))
    reached = index.reached(number)
    kept = extensions if reached is None else [extensions[place] for place in reached]
    variables = {"known": known, "other": "x"}

    def hunted(some: list[Extension]) -> list[tuple[str, ...]]:
        context = etree.fromstring(f"<context>{''.join(one.xml for one in some)}</context>")
        return Hunt(number, variables, now).over(context).done

    assert hunted(kept) == hunted(extensions)


# ---- what can be left out is


@pytest.mark.parametrize(
    ("inside", "more"),
    [
        ([condition("^1$")], ""),
        ([condition("^1$")], 'continue="false"'),
        ([condition("^1(.*)$")], ""),
        ([condition("^1$", more='break="on-false"')], ""),
        ([condition("^1$", "<condition/>")], ""),
        (['<condition field="${toll_allow}" expression="local"/>', condition("^1$")], ""),
        (['<condition field="network_addr" expression="^192"/>', condition("^1$")], ""),
        (['<condition field="destination_number"><expression>^1$</expression></condition>'], ""),
    ],
)
def test_what_a_plain_condition_keeps_out_is_left_out(inside: list[str], more: str) -> None:
    assert reach(extension("e", *inside, more=more).xml, ()).decided


@pytest.mark.parametrize(
    ("inside", "more"),
    [
        ([], ""),
        ([condition("^1$")], 'continue="true"'),
        ([condition("^1$")], 'continue="$${c}"'),
        (["<condition/>", condition("^1$")], ""),
        ([condition("^1$", more='break="never"')], ""),
        ([condition("^1$", more='break="$${b}"')], ""),
        ([condition("^1$", more='hour="9"')], ""),
        ([condition("^1$", more='dst="true"')], ""),
        ([condition("^1$", '<anti-action application="x"/>')], ""),
        ([condition("^${x}$")], ""),
        (['<condition regex="any"><regex field="destination_number" expression="^1$"/></condition>'], ""),
        (['<condition field="${destination_number}" expression="^1$"/>'], ""),
        (['<condition field="ani" expression="^(1)"/>', condition("^1$")], ""),
        (['<condition field="ani" expression="${x}"/>', condition("^1$")], ""),
        (['<condition field="${limit(a)}" expression="1"/>', condition("^1$")], ""),
        (['<condition field="${lua a.lua}" expression="1"/>', condition("^1$")], ""),
        (
            [
                '<condition field="ani" expression="1"><action application="set"/></condition>',
                condition("^1$"),
            ],
            "",
        ),
    ],
)
def test_what_may_do_something_stays(inside: list[str], more: str) -> None:
    one = extension("e", *inside, more=more)
    assert not reach(one.xml, ()).decided
    assert reach(one.xml, ("1", "^2")) == Reach(True, ("1",), ("2",))


def index_of(*extensions: Extension) -> Index:
    return Index((place, one.name, reach(one.xml, one.numbers)) for place, one in enumerate(extensions))


def test_the_order_stays_and_only_what_can_match() -> None:
    index = index_of(
        extension("all", "<condition/>"),
        did("one", "15550100"),
        extension("some", condition(r"^1555(\d{4})$")),
        extension("declared", condition("^${x}$"), numbers=["15550100", "^1666"]),
        did("last", "15550101"),
    )
    assert index.reached("15550100") == (0, 1, 2, 3)
    assert index.reached("15550101") == (0, 2, 4)
    assert index.reached("15559") == (0,)
    assert index.reached("16660") == (0, 3)
    assert index.reached("nothing") == (0,)


def test_the_extension_named_as_the_number_stays() -> None:
    """With auto_hunt a hunt begins there, whatever its conditions say."""
    assert index_of(did("a", "1"), did("Sales", "2"), did("c", "3")).reached("sales") == (1,)


def test_where_the_number_may_change_the_whole_context_is_answered() -> None:
    script = extension("script", condition("^1", '<action application="lua" data="x" inline="true"/>'))
    index = index_of(script, did("two", "2"), did("three", "3"))
    assert index.reached("1") is None
    assert index.reached("2") == (1,)
    always = extension("always", '<condition><action application="$${x}" inline="true"/></condition>')
    assert index_of(always, did("two", "2")).reached("2") is None


@pytest.mark.parametrize("number", ["", "1\n", "1\r", "\x7f"])
def test_numbers_that_python_would_read_otherwise_get_the_whole_context(number: str) -> None:
    assert index_of(did("one", "1"), did("two", "2")).reached(number) is None


def test_a_very_long_number_is_held_against_no_pattern() -> None:
    index = index_of(extension("some", condition(r"^1\d{3}$")), did("two", "2"))
    assert index.reached("1" * 64) == ()
    assert index.reached("1" * 65) == (0,)


def test_indexes_are_dropped_by_use_and_when_the_context_changes() -> None:
    generations = {1: (0,), 2: (0,), 3: (0,)}
    indexes = Indexes(generations.__getitem__, most=4)
    two = index_of(did("a", "1"), did("b", "2"))
    for context in (1, 2):
        indexes.put(context, two, (0,))
    assert indexes.get(1) is two
    indexes.put(3, two, (0,))
    assert (indexes.get(2), indexes.get(1)) == (None, two)
    generations[1] = (1,)
    assert indexes.get(1) is None
    indexes.put(1, two, (0,))  # read before the change
    assert indexes.get(1) is None


# ---- over a database


def run(ground: Ground, talk: Callable[[Living], Awaitable[None]], *values: Value) -> None:
    async def main() -> None:
        await talk(await living(ground, NODE, CONTEXT, *values))

    asyncio.run(main())


def names(body: bytes) -> list[str]:
    (context,) = switch_model.read(body).child("section").children
    assert context.attributes == {"name": "public"}
    return [child.attributes["name"] for child in context.children]


DIDS = [did(f"did-{number}", f"1555{number:07}") for number in range(300)]
CATCH_ALL = Extension("zz", "public", GLOBAL, 1, '<extension name="zz"><condition/></extension>')


def test_one_did_of_many_costs_one_query_and_then_none(ground: Ground) -> None:
    async def talk(daemon: Living) -> None:
        assert await daemon.queries(asked("15550000001")) == 2
        assert await daemon.queries(asked("15550000002")) == 1
        assert await daemon.queries(asked("15550000001")) == 0
        answer = await daemon.ask(asked("15550000001"))
        assert names(answer.body) == ["did-1", "zz"]
        assert [str(row.key) for row in answer.rows] == [
            *("context/public", "extension/public/did-1", "extension/public/zz")
        ]

    run(ground, talk, *DIDS, CATCH_ALL)


def test_numbers_that_nobody_has_share_one_answer(ground: Ground) -> None:
    async def talk(daemon: Living) -> None:
        for number in range(50):
            answer = await daemon.ask(asked(f"1999{number}"))
            assert names(answer.body) == ["zz"]
        assert len(daemon.answers.cache) == 1
        assert await daemon.queries(asked("1999777")) == 0

    run(ground, talk, *DIDS, CATCH_ALL)


def test_a_context_that_nothing_in_it_can_match_is_answered_empty(ground: Ground) -> None:
    async def talk(daemon: Living) -> None:
        answer = await daemon.ask(asked("1999"))
        assert answer.body != NOT_FOUND
        assert names(answer.body) == []

    run(ground, talk, *DIDS[:3])


def test_without_a_number_the_whole_context_is_answered(ground: Ground) -> None:
    async def talk(daemon: Living) -> None:
        assert len(names((await daemon.ask(asked(""))).body)) == 4
        assert await daemon.queries(asked("")) == 0

    run(ground, talk, *DIDS[:3], CATCH_ALL)


def test_a_change_is_answered_at_once(ground: Ground) -> None:
    async def talk(daemon: Living) -> None:
        assert names((await daemon.ask(asked("15550000000"))).body) == ["did-0"]
        await daemon.put(extension("did-1", condition("^1555"), numbers=["15550000000"]))
        assert names((await daemon.ask(asked("15550000000"))).body) == ["did-0", "did-1"]
        await daemon.delete(DIDS[0])
        assert names((await daemon.ask(asked("15550000000"))).body) == ["did-1"]

    run(ground, talk, *DIDS[:3])


def test_without_the_database_what_is_kept_is_answered(ground: Ground) -> None:
    async def talk(daemon: Living) -> None:
        await daemon.ask(asked("15550000000"))
        daemon.way.cut = True
        assert names((await daemon.ask(asked("15550000000"))).body) == ["did-0"]
        with pytest.raises(Unanswerable):
            await daemon.ask(asked("15550000001"))
        daemon.way.cut = False
        await daemon.ask(asked(""))
        daemon.way.cut = True
        assert names((await daemon.ask(asked("15550000001"))).body) == ["did-0", "did-1", "did-2"]

    run(ground, talk, *DIDS[:3])


def test_lookups_that_come_together_read_the_index_once(ground: Ground) -> None:
    async def talk(daemon: Living) -> None:
        before = daemon.way.reads
        await asyncio.gather(*(daemon.ask(asked("15550000001")) for _ in range(20)))
        assert daemon.way.reads - before == 2

    run(ground, talk, *DIDS[:3])


def test_ten_thousand_dids_are_answered_small(ground: Ground) -> None:
    many = [did(f"did-{number}", f"1555{number:07}") for number in range(10_000)]

    async def talk(daemon: Living) -> None:
        await daemon.ask(asked("15550000001"))
        for number in ("15550004711", "15550009999", "1999"):
            assert await daemon.queries(asked(number)) <= 1
            assert len((await daemon.ask(asked(number))).body) < 8 * 1024

    run(ground, talk, *many, CATCH_ALL)


def test_why_is_told(ground: Ground) -> None:
    async def talk(daemon: Living) -> None:
        told = await daemon.answers.explain("fs1", asked("15550000001"))
        assert "can match the number" in told.reason
        assert [row.key.name for row in told.rows] == ["public", "did-1"]
        assert "whole context" in (await daemon.answers.explain("fs1", asked(""))).reason

    run(ground, talk, *DIDS[:3])
