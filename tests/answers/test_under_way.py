"""What a switch may keep of an answer, against changes and flushes that cross it."""

import asyncio
from dataclasses import replace

import pytest

from controlplane.answers.answers import Answers
from controlplane.answers.errors import Unanswerable
from controlplane.answers.under_way import UnderWay
from controlplane.desired.values import GLOBAL, Domain, Value
from tests.answers import asking
from tests.answers.living import Ground, Living, living
from tests.answers.test_answers import ALICE, GROUP
from tests.answers.test_directory import NODE, params

DOMAIN = Domain("example.com", GLOBAL, cacheable=60000)


def test_nothing_older_is_under_way_once_it_has_settled() -> None:
    now = 100.0
    under_way = UnderWay(lambda: now, settling=2.0)
    assert under_way.left("fs1") == 0
    under_way.note("fs1", 5)
    now = 101.0
    under_way.note("fs1", 6)
    assert under_way.left("fs1", 5) == 0
    assert under_way.left("fs1", 6) == 1.0
    assert under_way.left("fs1", 7) == 2.0
    assert under_way.left("fs1") == 2.0
    assert under_way.left("fs2") == 0
    now = 102.5
    assert under_way.left("fs1", 6) == 0
    assert under_way.left("fs1", 7) == 0.5
    under_way.forget("fs1")
    assert under_way.left("fs1") == 0


def test_only_answers_that_may_be_kept_are_noted(ground: Ground) -> None:
    async def main() -> None:
        state: Living = await living(ground, NODE, DOMAIN, GROUP, ALICE)
        revision = state.desired.catalog.revision
        await state.ask(asking.user("alice"))
        assert state.answers.under_way.left("fs1") == 0
        state.may_cache.add("fs1")
        await state.ask(asking.user("nobody"))
        assert state.answers.under_way.left("fs1") == 0
        for _ in range(2):  # rendered, then kept
            state.answers.under_way.forget("fs1")
            assert b'cacheable="60000"' in (await state.ask(asking.user("alice"))).body
            assert state.answers.under_way.left("fs1", revision) == 0
            assert state.answers.under_way.left("fs1", revision + 1) > 0

    asyncio.run(main())


@pytest.mark.parametrize("changed", ["user", "domain", "another"])
def test_what_was_read_before_a_change_is_never_cacheable_after_it(ground: Ground, changed: str) -> None:
    """A flush of the change may have gone by already; the user is read anew, and not to be kept."""

    async def main() -> None:
        state: Living = await living(ground, NODE, DOMAIN, GROUP, ALICE)
        state.may_cache.add("fs1")
        hold = asyncio.Event()
        state.way.after_reading.append(hold)
        early = asyncio.create_task(state.ask(asking.user("alice")))
        await asyncio.wait_for(state.way.reading.wait(), 5)
        values: dict[str, Value] = {
            "user": replace(ALICE, params=params(password="two")),
            "domain": replace(DOMAIN, params=params(x="two")),
            "another": replace(ALICE, name="bob", number_alias=None, params=params(password="two")),
        }
        await state.put(values[changed])
        state.way.after_reading.clear()
        hold.set()
        answer = await early
        assert b"cacheable" not in answer.body
        assert (b'"two"' in answer.body) == (changed != "another")
        assert state.answers.under_way.left("fs1") == 0
        assert b"cacheable" in (await state.ask(asking.user("alice"))).body

    asyncio.run(main())


def test_a_node_that_goes_while_it_is_answered_gets_no_answer(ground: Ground) -> None:
    async def main() -> None:
        state: Living = await living(ground, NODE, DOMAIN, GROUP, ALICE)
        state.may_cache.add("fs1")
        hold = asyncio.Event()
        state.way.after_reading.append(hold)
        early = asyncio.create_task(state.ask(asking.user("alice")))
        await asyncio.wait_for(state.way.reading.wait(), 5)
        await state.delete(NODE)
        state.way.after_reading.clear()
        hold.set()
        with pytest.raises(Unanswerable, match="fs1 is no more"):
            await early

    asyncio.run(main())


@pytest.mark.parametrize(("most", "expected"), [(0, None), (5000, b"5000"), (2_147_483, b"60000")])
def test_a_setting_caps_how_long_a_switch_may_keep_a_user(
    ground: Ground, most: int, expected: bytes | None
) -> None:
    async def main() -> None:
        state: Living = await living(ground, NODE, DOMAIN, GROUP, ALICE)
        answers = Answers(state.way, ground.vault, lambda _: True, cacheable_max=most)
        answers.start(state.desired.catalog)
        body = (await answers.answer("fs1", asking.user("alice"))).body
        assert (b'cacheable="' + expected + b'"' in body) if expected else (b"cacheable" not in body)

    asyncio.run(main())
