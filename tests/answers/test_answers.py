"""Answers over a database: what is kept, for how long, and what it costs."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from controlplane.answers.answers import Answers
from controlplane.answers.errors import BadLookup, Unanswerable
from controlplane.answers.question import Question
from controlplane.desired.catalog import Catalog
from controlplane.desired.revisions import Revision
from controlplane.desired.values import (
    GLOBAL,
    Acl,
    AclEntry,
    Context,
    Document,
    Domain,
    Extension,
    Gateway,
    Group,
    Param,
    Profile,
    Scope,
    User,
    UserGateway,
    Value,
)
from tests.answers import asking, switch_model
from tests.answers.living import Ground, Living, living
from tests.answers.test_directory import NODE, params, the_users

FS2 = replace(NODE, name="fs2", switchname="fs2", groups=("us",))
DOMAIN = Domain("example.com", GLOBAL, params(dial_string="d"))
GROUP = Group("a", "example.com", GLOBAL, params(g="1"))
ALICE = User("alice", "example.com", GLOBAL, "1000", "192.0.2.0/24", ("a",), params(password="one"))
BOB = replace(ALICE, name="bob", number_alias=None, cidr=None)
PROFILE = Profile("external", GLOBAL, params(sip_port="5080"))
OTHER = Profile("internal", GLOBAL)
GATEWAY = Gateway("gw", GLOBAL, "external", params=params(username="u", password="one", register="false"))
ACL = Acl("lan", GLOBAL, False, (AclEntry(True, domain="example.com"),))
CONTEXT = Context("public", GLOBAL)
EXTENSION = Extension("x", "public", GLOBAL, 1, '<extension name="x"><condition/></extension>')
IVR = Document("ivr.conf", GLOBAL, '<configuration name="ivr.conf"><menus/></configuration>')
DB = Document(
    "db.conf",
    GLOBAL,
    '<configuration name="db.conf"><param name="password" value="sealed-soon"/></configuration>',
)
STATE: tuple[Value, ...] = (
    *(NODE, FS2, DOMAIN, GROUP, ALICE, BOB, PROFILE, OTHER, GATEWAY),
    *(ACL, CONTEXT, EXTENSION, IVR, DB),
)

SOFIA = asking.configuration("sofia.conf", "external")


def run(ground: Ground, talk: Callable[[Living], Awaitable[None]], *values: Value) -> None:
    async def main() -> None:
        await talk(await living(ground, *(values or STATE)))

    asyncio.run(main())


def password(body: bytes) -> str:
    (user,) = the_users(switch_model.read(body).child("section").children[0])
    return user.child("params").child("param", name="password").attributes["value"]


@pytest.mark.parametrize(
    ("question", "queries"),
    [
        (asking.user("alice"), 2),
        (asking.user("1000"), 2),
        (asking.user("1000", key="number-alias"), 2),
        (asking.user("nobody"), 1),
        (asking.user("no\0body"), 0),
        (asking.user("\udcff"), 0),
        (asking.user("nobody", "nosuch.example"), 0),
        (asking.domain(), 0),
        (asking.domain(purpose="network-list"), 1),
        (asking.domain(group="a"), 2),
        (asking.every_domain(), 1),
        (asking.every_domain(""), 0),
        (asking.configuration("sofia.conf"), 1),
        (SOFIA, 1),
        (asking.configuration("sofia.conf", "internal"), 0),
        (asking.configuration("acl.conf"), 0),
        (asking.configuration("ivr.conf"), 0),
        (asking.configuration("db.conf"), 1),
        (asking.configuration("nosuch.conf"), 0),
        (asking.configuration("controlplane_probe.conf"), 0),
        (asking.context("public"), 1),
        (asking.context("nosuch"), 0),
    ],
)
def test_what_a_miss_costs_in_queries_and_a_hit_none(
    ground: Ground, question: Question, queries: int
) -> None:
    async def talk(state: Living) -> None:
        assert await state.queries(question) == queries
        kept = question.user in ("", "alice", "1000") or question.key_value != "example.com"
        assert (state.answers.cached("fs1", question) is not None) == kept
        assert await state.queries(question) == (0 if kept else queries)

    run(ground, talk)


def test_queries_do_not_grow_with_the_tables(ground: Ground) -> None:
    async def talk(state: Living) -> None:
        await state.put(*(replace(BOB, name=f"u{number}") for number in range(200)))
        await state.put(*(replace(GATEWAY, name=f"g{number}") for number in range(50)))
        assert await state.queries(asking.user("u7")) == 2
        assert await state.queries(asking.domain(group="a")) == 2
        assert await state.queries(SOFIA) == 1

    run(ground, talk)


def test_nodes_share_what_is_the_same_for_both(ground: Ground) -> None:
    async def talk(state: Living) -> None:
        for question in (
            asking.user("alice"),
            asking.context("public"),
            asking.configuration("db.conf"),
            SOFIA,
        ):
            assert await state.queries(question) > 0
            assert state.answers.cached("fs2", question) is not None
        await state.put(replace(GATEWAY, name="own", scope=Scope(node="fs2")))
        assert b'"own"' not in (await state.ask(SOFIA)).body
        assert state.answers.cached("fs2", SOFIA) is None
        assert b'"own"' in (await state.ask(SOFIA, "fs2")).body

    run(ground, talk)


def test_each_change_is_told_at_once(ground: Ground) -> None:
    """After a commit no answer, kept or new, says what stood before it."""

    async def talk(state: Living) -> None:
        def changed(value: Value, question: Question, said: bytes, node: str = "fs1") -> None:
            steps.append((value, question, said, node))

        steps: list[tuple[Value, Question, bytes, str]] = []
        changed(replace(ALICE, params=params(password="two")), asking.user("alice"), b"two")
        changed(replace(ALICE, params=params(password="three")), asking.user("1000"), b"three")
        changed(replace(ALICE, params=params(password="four")), asking.domain(group="a"), b"four")
        changed(replace(ALICE, cidr="198.51.100.0/24"), asking.domain(purpose="network-list"), b"198.51")
        changed(replace(GROUP, params=params(g="new")), asking.user("bob"), b"new")
        changed(replace(DOMAIN, params=params(dial_string="dial")), asking.user("alice"), b'"dial"')
        changed(replace(DOMAIN, params=params(dial_string="newer")), asking.user("nobody"), b"newer")
        changed(replace(DOMAIN, params=params(dial_string="newest")), asking.domain(), b"newest")
        holder = replace(BOB, gateways=(UserGateway("ugw", params(username="u")),))
        changed(holder, asking.every_domain(), b"ugw")
        second = replace(holder, gateways=(*holder.gateways, UserGateway("gw2", params(username="u"))))
        changed(second, asking.domain(purpose="gateways"), b"gw2")
        changed(replace(holder, gateways=()), asking.every_domain(), b'<domain name="example.com"/>')
        changed(Domain("second.example", GLOBAL), asking.every_domain(), b"second.example")
        changed(Domain("third.example", GLOBAL), asking.every_domain(""), b"third.example")
        changed(replace(GATEWAY, params=params(username="new")), SOFIA, b'"new"')
        changed(replace(GATEWAY, params=params(username="all")), asking.configuration("sofia.conf"), b'"all"')
        changed(replace(GATEWAY, profile="internal"), asking.configuration("sofia.conf", "internal"), b'"gw"')
        changed(replace(PROFILE, params=params(sip_port="5090")), SOFIA, b"5090")
        changed(Profile("third", GLOBAL), asking.configuration("sofia.conf"), b"third")
        inside = '<global_settings><param name="log-level" value="7"/></global_settings>'
        settings = Document(
            "sofia.conf", GLOBAL, f'<configuration name="sofia.conf">{inside}</configuration>'
        )
        changed(settings, SOFIA, b"log-level")
        changed(Acl("wan", GLOBAL, True), asking.configuration("acl.conf"), b"wan")
        changed(
            replace(EXTENSION, position=2, xml='<extension name="x"><new/></extension>'),
            asking.context("public"),
            b"<new/>",
        )
        changed(
            replace(IVR, xml='<configuration name="ivr.conf"><new/></configuration>'),
            asking.configuration("ivr.conf"),
            b"<new/>",
        )
        changed(
            replace(IVR, name="new.conf", xml='<configuration name="new.conf"/>'),
            asking.configuration("new.conf"),
            b"new.conf",
        )
        eu = Scope(groups=("eu",))
        changed(Domain("example.com", eu, params(eu="x")), asking.user("alice"), b'"eu"')
        changed(replace(FS2, groups=("us", "eu")), asking.user("alice"), b'"eu"', "fs2")
        changed(Profile("external", eu, params(eu="x")), SOFIA, b'"eu"')
        for value, question, said, node in steps:
            before = await state.ask(question, node)
            assert said not in before.body, (question, said)
            assert await state.put(value) is not None
            assert said in (await state.ask(question, node)).body, (question, said)

    run(ground, talk)


def test_what_is_deleted_is_told_no_more(ground: Ground) -> None:
    async def talk(state: Living) -> None:
        steps: list[tuple[Value, Question, bytes, bool]] = [
            (EXTENSION, asking.context("public"), b"<condition", True),
            (CONTEXT, asking.context("public"), b"context", False),
            (IVR, asking.configuration("ivr.conf"), b"menus", False),
            (GATEWAY, SOFIA, b'"gw"', True),
            (ALICE, asking.user("alice"), b'"alice"', True),
            (BOB, asking.user("bob"), b'"bob"', True),
            (PROFILE, SOFIA, b"5080", True),
            (OTHER, SOFIA, b"sofia", False),
            (ACL, asking.configuration("acl.conf"), b"lan", False),
            (GROUP, asking.domain(group="a"), b"group", True),
            (DOMAIN, asking.user("alice"), b"example.com", False),
        ]
        for value, question, said, owned in steps:
            assert said in (await state.ask(question)).body, question
            assert await state.delete(value) is not None
            after = await state.ask(question)
            assert said not in after.body, question
            assert (b"not found" in after.body) == (not owned), question

    run(ground, talk)


def test_a_changed_user_drops_only_what_was_made_of_him(ground: Ground) -> None:
    async def talk(state: Living) -> None:
        other = [
            asking.user("bob"),
            asking.context("public"),
            SOFIA,
            asking.domain(),
            asking.configuration("acl.conf"),
        ]
        for question in [asking.user("alice"), asking.user("1000"), *other]:
            await state.ask(question)
        await state.put(replace(ALICE, number_alias="2000"))
        assert state.answers.cached("fs1", asking.user("alice")) is None
        assert state.answers.cached("fs1", asking.user("1000")) is None
        assert all(state.answers.cached("fs1", question) for question in other)

    run(ground, talk)


def test_a_cidr_goes_over_to_another_user(ground: Ground) -> None:
    async def talk(state: Living) -> None:
        question = asking.user("198.51.100.0/24", key="cidr")
        await state.put(replace(BOB, cidr="198.51.100.0/24"))
        assert b'id="bob"' in (await state.ask(question)).body
        await state.put(replace(ALICE, cidr="198.51.100.0/24"))
        assert b'id="alice"' in (await state.ask(question)).body
        await state.put(replace(ALICE, cidr=None))
        assert b'id="bob"' in (await state.ask(question)).body

    run(ground, talk)


def test_a_new_extension_is_told_where_no_context_is_named(ground: Ground) -> None:
    async def talk(state: Living) -> None:
        await state.put(Context("other", GLOBAL))
        assert b'<context name="other">\n</context>' in (await state.ask(asking.context(""))).body
        await state.put(Extension("a", "other", GLOBAL, 1, '<extension name="a"/>'))
        assert b'<extension name="a"/>' in (await state.ask(asking.context(""))).body
        assert await state.queries(asking.context("")) == 0

    run(ground, talk)


def test_a_number_goes_over_to_another_user(ground: Ground) -> None:
    async def talk(state: Living) -> None:
        for question in (asking.user("1000"), asking.user("1000", key="number-alias")):
            assert b'id="alice"' in (await state.ask(question)).body
        await state.put(replace(ALICE, number_alias=None), replace(BOB, number_alias="1000"))
        for question in (asking.user("1000"), asking.user("1000", key="number-alias")):
            assert b'id="bob"' in (await state.ask(question)).body
        await state.put(replace(BOB, number_alias=None))
        await state.put(replace(BOB, name="1000"))
        assert b'id="1000"' in (await state.ask(asking.user("1000"))).body

    run(ground, talk)


@pytest.mark.parametrize("question", [asking.user("alice"), asking.domain(group="a"), SOFIA])
def test_what_was_read_before_a_change_is_not_kept_after_it(ground: Ground, question: Question) -> None:
    async def talk(state: Living) -> None:
        hold = asyncio.Event()
        state.way.after_reading.append(hold)
        early = asyncio.create_task(state.ask(question))
        await asyncio.wait_for(state.way.reading.wait(), 5)
        before = state.desired.catalog.revision
        await state.put(
            replace(ALICE, params=params(password="two")),
            replace(GATEWAY, params=params(username="u", password="two", register="false")),
        )
        # Who asks after the commit does not wait for, nor get, what was read before it.
        state.way.after_reading.clear()
        late = await asyncio.wait_for(state.ask(question), 5)
        assert b'"two"' in late.body
        assert late.revision == before + 1
        hold.set()
        old = await early
        assert b'"one"' in old.body
        assert old.revision == before
        assert b'"two"' in (await state.ask(question)).body

    run(ground, talk)


def test_a_change_before_the_reading_begins_is_not_missed(ground: Ground) -> None:
    """The rows that are known already are read before any others."""

    async def talk(state: Living) -> None:
        answers = Answers(state.way, ground.vault, lambda _: False)
        answers.start(state.desired.catalog)
        news: list[tuple[Revision, Catalog]] = []
        state.desired.listen(lambda revision, catalog: news.append((revision, catalog)))
        await state.put(replace(PROFILE, params=params(sip_port="5090")))
        asked = asyncio.create_task(answers.answer("fs1", SOFIA))
        # After the question was asked, and before what it set going begins.
        asyncio.get_running_loop().call_soon(answers.changed, *news[0])
        before, after = await asked, await answers.answer("fs1", SOFIA)
        assert b"5080" in before.body
        assert before.revision < after.revision
        assert b"5090" in after.body

    run(ground, talk)


def test_a_domain_that_changes_while_its_user_is_looked_for(ground: Ground) -> None:
    async def talk(state: Living) -> None:
        hold = asyncio.Event()
        state.way.after_reading.append(hold)
        asked = asyncio.create_task(state.ask(asking.user("nobody")))
        await state.way.reading.wait()
        await state.put(replace(DOMAIN, params=params(dial_string="changed")))
        hold.set()
        assert b"changed" in (await asked).body
        assert b"changed" in (await state.ask(asking.domain())).body

    run(ground, talk)


def test_who_asks_for_the_same_meanwhile_waits_for_the_one_rendering(ground: Ground) -> None:
    async def talk(state: Living) -> None:
        before = state.way.reads
        bodies = {answer.body for answer in await asyncio.gather(*(state.ask(SOFIA) for _ in range(20)))}
        assert len(bodies) == 1
        assert state.way.reads == before + 1

    run(ground, talk)


def test_one_who_gives_up_does_not_take_the_rendering_from_others(ground: Ground) -> None:
    async def talk(state: Living) -> None:
        hold = asyncio.Event()
        state.way.after_reading.append(hold)
        first, second = asyncio.create_task(state.ask(SOFIA)), asyncio.create_task(state.ask(SOFIA))
        await asyncio.wait_for(state.way.reading.wait(), 5)
        first.cancel()
        hold.set()
        assert b"5080" in (await second).body
        with pytest.raises(asyncio.CancelledError):
            await first

    run(ground, talk)


def test_unknown_names_do_not_fill_the_cache(ground: Ground) -> None:
    async def talk(state: Living) -> None:
        await state.ask(asking.user("nobody"))
        size = len(state.answers.cache)
        for number in range(50):
            await state.ask(asking.user(f"nobody{number}"))
            await state.ask(asking.user("x", f"d{number}.example"))
            await state.ask(asking.configuration(f"{number}.conf"))
            await state.ask(asking.context(f"c{number}"))
            await state.ask(asking.domain(group=f"g{number}"))
            await state.ask(asking.configuration("sofia.conf", f"p{number}", f"g{number}"))
        assert len(state.answers.cache) <= size + 1

    run(ground, talk)


def test_without_the_database_what_is_known_is_still_told_and_the_rest_is_not_guessed(ground: Ground) -> None:
    async def talk(state: Living) -> None:
        known = [asking.user("alice"), SOFIA, asking.context("public"), asking.configuration("ivr.conf")]
        for question in known:
            await state.ask(question)
        state.way.cut = True
        for question in known:
            assert (await state.ask(question)).found
        assert b"not found" in (await state.ask(asking.user("x", "nosuch.example"))).body
        for question in (asking.user("bob"), asking.user("nobody"), asking.every_domain()):
            with pytest.raises(Unanswerable):
                await state.ask(question)
        # A node that might cache him may have what any node may have.
        state.may_cache.add("fs1")
        assert b'id="alice"' in (await state.ask(asking.user("alice"))).body

    run(ground, talk)


def test_only_a_node_that_can_be_flushed_is_told_to_cache(ground: Ground) -> None:
    async def talk(state: Living) -> None:
        await state.put(replace(ALICE, cacheable=60000))
        question = asking.user("alice")
        assert b"cacheable" not in (await state.ask(question)).body
        state.may_cache.add("fs1")
        assert b'cacheable="60000"' in (await state.ask(question)).body
        assert b"cacheable" not in (await state.ask(question, "fs2")).body
        state.may_cache.clear()
        assert b"cacheable" not in (await state.ask(question)).body

    run(ground, talk)


def test_the_ledger_knows_what_each_node_was_told_and_as_of_which_revision(ground: Ground) -> None:
    async def talk(state: Living) -> None:
        ledger = state.answers.ledger
        asked = {
            "sofia.conf": asking.configuration("sofia.conf"),
            "sofia.conf/external": SOFIA,
            "sofia.conf/external/gw": asking.configuration("sofia.conf", "external", "gw"),
            "acl.conf": asking.configuration("acl.conf"),
            "network-list/example.com": asking.domain(purpose="network-list"),
            "configuration/ivr.conf": asking.configuration("ivr.conf"),
            "configuration/nosuch.conf": asking.configuration("nosuch.conf"),
        }
        await state.answers.render_ahead("fs1", asked)
        assert all(ledger.answered("fs1", what, 0) is None for what in asked)
        assert all(state.answers.cached("fs1", question) for question in asked.values())
        revision = state.desired.catalog.revision
        for what, question in asked.items():
            mark = ledger.mark()
            await state.ask(question)
            assert ledger.answered("fs1", what, mark) == revision, what
        # What did not change is as good as of the newest revision.
        mark = ledger.mark()
        await state.put(replace(BOB, params=params(password="new")))
        await state.ask(asking.configuration("ivr.conf"))
        assert ledger.answered("fs1", "configuration/ivr.conf", mark) == revision + 1

    run(ground, talk)


def test_rendering_ahead_says_what_it_cannot(ground: Ground) -> None:
    async def talk(state: Living) -> None:
        with pytest.raises(BadLookup):
            await state.answers.render_ahead("fs1", ["nonsense"])
        state.way.cut = True
        with pytest.raises(Unanswerable):
            await state.answers.render_ahead("fs1", ["sofia.conf/external"])

    run(ground, talk)


def test_the_probe_carries_the_nonce_that_was_set(ground: Ground) -> None:
    async def talk(state: Living) -> None:
        question = asking.configuration("controlplane_probe.conf")
        await state.answers.set_probe("fs1", "n0nce")
        mark = state.answers.ledger.mark()
        assert b'value="n0nce"' in (await state.ask(question)).body
        assert state.answers.ledger.answered("fs1", "probe/n0nce", mark) is not None
        assert b"n0nce" not in (await state.ask(question, "fs2")).body
        await state.answers.set_probe("fs1", None)
        assert b"n0nce" not in (await state.ask(question)).body

    run(ground, talk)


def test_fingerprints_are_those_that_gateways_carry(ground: Ground) -> None:
    async def talk(state: Living) -> None:
        await state.put(replace(GATEWAY, name="gw2", placed_on="fs2"))
        marks = await state.answers.fingerprints("fs1")
        assert set(marks) == {"gw"}
        assert marks["gw"].encode() in (await state.ask(SOFIA)).body
        assert set(await state.answers.fingerprints("fs2")) == {"gw", "gw2"}
        assert await state.answers.fingerprints("fs2", ["gw2", "nosuch"]) != marks
        state.way.cut = True
        assert await state.answers.fingerprints("fs1") == marks
        state.way.cut = False
        await state.put(replace(GATEWAY, params=params(username="u", password="two", register="false")))
        assert (await state.answers.fingerprints("fs1"))["gw"] != marks["gw"]

    run(ground, talk)


def test_an_explanation_names_the_rows_and_shows_no_secret(ground: Ground) -> None:
    async def talk(state: Living) -> None:
        told = await state.answers.explain("fs1", asking.user("alice"))
        assert told.found
        assert "one" not in told.xml
        assert "********" in told.xml
        assert [str(row.key) for row in told.rows] == [
            "domain/example.com",
            "group/example.com/a",
            "user/example.com/alice",
        ]
        assert all(row.version == 1 for row in told.rows)
        sofia = await state.answers.explain("fs1", SOFIA)
        assert '"one"' not in sofia.xml
        assert [str(row.key) for row in sofia.rows] == ["profile/external", "gateway/gw"]
        nobody = await state.answers.explain("fs1", asking.user("nobody"))
        assert (nobody.found, [str(row.key) for row in nobody.rows]) == (False, ["domain/example.com"])
        assert "no such user" in nobody.reason
        theirs = await state.answers.explain("fs1", asking.user("alice", "nosuch.example"))
        assert (theirs.found, theirs.rows) == (False, ())
        assert "not found" in theirs.xml
        probe = await state.answers.explain("fs1", asking.configuration("controlplane_probe.conf"))
        assert probe.found
        assert not state.answers.ledger._nodes

    run(ground, talk)


def test_a_user_with_a_sealed_password_gets_it_opened(ground: Ground) -> None:
    async def talk(state: Living) -> None:
        assert password((await state.ask(asking.user("alice"))).body) == "one"
        typed = "p$${a}\"'<>&\n\U0001f600"
        await state.put(replace(ALICE, params=(Param("password", typed),)))
        assert password((await state.ask(asking.user("alice"))).body) == typed

    run(ground, talk)
