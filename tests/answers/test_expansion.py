"""`$${name}`: a node's own values, or left for the switch."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from controlplane.answers.dialect import document
from controlplane.answers.errors import Unwritable
from controlplane.answers.expansion import Expansion
from controlplane.answers.question import Question
from controlplane.desired.errors import Invalid
from controlplane.desired.values import (
    GLOBAL,
    Acl,
    AclEntry,
    Chatplan,
    Context,
    Document,
    Domain,
    Extension,
    Gateway,
    Language,
    Param,
    Profile,
    Scope,
    SecretRef,
    Stored,
    User,
    Value,
    Variable,
)
from controlplane.desired.variables import REFERENCE
from tests.answers import asking, switch_model
from tests.answers.living import Ground, Living, living
from tests.answers.test_answers import FS2
from tests.answers.test_dialect import TEXTS, VARIABLES
from tests.answers.test_directory import NODE, params


def variables(**values: str) -> dict[str, Stored[Variable]]:
    return {
        name: Stored(number, 1, 1, Variable(name, GLOBAL, value))
        for number, (name, value) in enumerate(values.items())
    }


def modelled(text: str, ours: dict[str, str], the_switchs: dict[str, str]) -> str:
    """What has to arrive: our values literally, the switch's in what is left."""
    return REFERENCE.sub(lambda match: ours.get(match[1], the_switchs.get(match[1], "")), text)


@given(st.lists(TEXTS | st.sampled_from(["$${ours}", "$${x}", "$${none}"]), max_size=6).map("".join), TEXTS)
@example("$$$${ours}", "{x}")
@example("x-pre-$${ours}", "process")
@example("$${x}$${ours}$${none}", "$${x}")
@example("<$${ours}", "!--#exec")
def test_any_value_arrives_as_typed_in_any_text(text: str, value: str) -> None:
    expansion = Expansion(variables(ours=value))
    try:
        line = f'<param name="a" value="{expansion(text)}"/>'
    except Unwritable:
        return  # what no XML can carry: see test_dialect
    switch = {"x": "xx"}
    (param,) = switch_model.read(document("directory", [line]), switch).child("section").children
    assert param.attributes["value"] == modelled(text, {"ours": value}, switch)
    assert expansion.names == set(REFERENCE.findall(text))


def test_a_sealed_value_is_opened() -> None:
    ref = SecretRef(1, 1)
    secret = {"p": Stored(1, 1, 1, Variable("p", GLOBAL, ref))}
    assert Expansion(secret, {ref: 'a"$${x}'})("<$${p}>") == "&#60;a&#34;&#36;&#36;{x}&#62;"


DOMAIN = Domain("example.com", GLOBAL, params(dial_string="$${ip}"))
ALICE = User("alice", "example.com", GLOBAL, params=params(password="$${ip}"))
PROFILE = Profile("external", GLOBAL, params(sip_ip="$${ip}"))
GATEWAY = Gateway("gw", GLOBAL, "external", params=params(proxy="$${ip}", password="$${carrier_password}"))
ACL = Acl("lan", GLOBAL, False, (AclEntry(True, cidr="$${net}"),))
CONTEXT = Context("public", GLOBAL)
EXTENSION = Extension("x", "public", GLOBAL, 1, '<extension name="x"><condition field="$${ip}"/></extension>')
PLAIN = Document("plain.conf", GLOBAL, '<configuration name="plain.conf"><a b="c"/></configuration>')
CONF = Document("ip.conf", GLOBAL, '<configuration name="ip.conf"><a b="$${ip}"/></configuration>')
CHATPLAN = Chatplan("default", GLOBAL, f'<context name="default">{EXTENSION.xml}</context>')
LANGUAGE = Language(
    "en",
    GLOBAL,
    '<language name="en"><phrases><macros><macro name="hello"><input pattern="$${ip}"/></macro>'
    '<macro name="bye"/><macro name="$${word}"/></macros></phrases></language>',
)
STATE: tuple[Value, ...] = (
    NODE, FS2, DOMAIN, ALICE, PROFILE, GATEWAY, ACL, CONTEXT, EXTENSION, PLAIN, CONF, CHATPLAN, LANGUAGE,
    Variable("ip", GLOBAL, "198.51.100.1"),
    Variable("ip", Scope(groups=("us",)), "198.51.100.2"),
    Variable("net", GLOBAL, "192.0.2.0/24"),
    Variable("carrier_password", GLOBAL, "first"),
)  # fmt: skip
SOFIA = asking.configuration("sofia.conf", "external")
QUESTIONS = [
    SOFIA,
    asking.configuration("ip.conf"),
    asking.context("public"),
    Question("fs1", "dialplan", context="public", number="1000"),
    Question("fs1", "chatplan", context="default"),
    Question("fs1", "languages", lang="en", macro="hello"),
    Question("fs1", "phrases", lang="en"),
]


def run(ground: Ground, talk: Callable[[Living], Awaitable[None]]) -> None:
    async def main() -> None:
        await talk(await living(ground, *STATE))

    asyncio.run(main())


@pytest.mark.parametrize("question", QUESTIONS)
def test_each_node_is_told_its_own_value_and_a_change_at_once(ground: Ground, question: Question) -> None:
    async def talk(state: Living) -> None:
        assert b'"198.51.100.1"' in (await state.ask(question, "fs1")).body
        assert b'"198.51.100.2"' in (await state.ask(question, "fs2")).body
        await state.put(Variable("ip", Scope(node="fs2"), "198.51.100.3"))
        assert b'"198.51.100.1"' in (await state.ask(question, "fs1")).body
        assert b'"198.51.100.3"' in (await state.ask(question, "fs2")).body
        await state.delete(Variable("ip", Scope(node="fs2"), ""), Variable("ip", Scope(groups=("us",)), ""))
        await state.delete(Variable("ip", GLOBAL, ""))
        assert b'"$${ip}"' in (await state.ask(question, "fs2")).body
        await state.put(Variable("ip", GLOBAL, "$${net}"))
        assert b'"&#36;&#36;{net}"' in (await state.ask(question, "fs2")).body

    run(ground, talk)


def test_answers_are_shared_unless_a_nodes_value_went_into_them(ground: Ground) -> None:
    async def talk(state: Living) -> None:
        await state.put(replace(NODE, name="fs3", switchname="fs3"))
        for question in (asking.configuration("plain.conf"), asking.user("alice")):
            await state.ask(question, "fs1")
            assert state.answers.cached("fs2", question) is not None
        for question in QUESTIONS[1:]:
            await state.ask(question, "fs1")
            assert state.answers.cached("fs2", question) is None
            # The same groups, the same values.
            assert state.answers.cached("fs3", question) is not None

    run(ground, talk)


def test_what_tenants_typed_never_expands(ground: Ground) -> None:
    async def talk(state: Living) -> None:
        body = (await state.ask(asking.user("alice"))).body
        domain = switch_model.read(body, VARIABLES).child("section").children[0]
        assert domain.child("params").children[0].attributes["value"] == "$${ip}"
        assert body.count(b"&#36;&#36;{ip}") == 2

    run(ground, talk)


def test_a_fingerprint_tells_a_changed_value(ground: Ground) -> None:
    async def talk(state: Living) -> None:
        first = await state.answers.fingerprints("fs1")
        assert first["gw"].encode() in (await state.ask(SOFIA)).body
        assert first != await state.answers.fingerprints("fs2")
        await state.put(Variable("carrier_password", GLOBAL, "second"))
        second = await state.answers.fingerprints("fs1")
        body = (await state.ask(SOFIA)).body
        assert second != first
        assert second["gw"].encode() in body
        assert b'"second"' in body
        told = await state.answers.explain("fs1", SOFIA)
        assert "second" not in told.xml

    run(ground, talk)


def test_acl_lists_take_values_that_may_stand_there(ground: Ground) -> None:
    async def talk(state: Living) -> None:
        question = asking.configuration("acl.conf")
        assert b'cidr="192.0.2.0/24"' in (await state.ask(question)).body
        await state.put(Variable("net", Scope(node="fs1"), "203.0.113.0/24"))
        assert b'cidr="203.0.113.0/24"' in (await state.ask(question)).body
        assert b'cidr="192.0.2.0/24"' in (await state.ask(question, "fs2")).body
        with pytest.raises(Invalid, match="ACL list lan on node fs2"):
            await state.put(Variable("net", GLOBAL, "nonsense"))
        await state.delete(Variable("net", GLOBAL, ""))
        assert b'cidr="$${net}"' in (await state.ask(question, "fs2")).body

    run(ground, talk)


def test_a_domain_that_a_variable_names_must_stand_where_the_list_does(ground: Ground) -> None:
    async def talk(state: Living) -> None:
        await state.put(replace(ACL, entries=(AclEntry(True, domain="$${home}"),)))
        await state.put(replace(NODE, host="192.0.2.9"))
        await state.put(Variable("home", GLOBAL, DOMAIN.name))
        assert b'domain="example.com"' in (await state.ask(asking.configuration("acl.conf"))).body
        with pytest.raises(Invalid, match=r"there is no domain none\.example"):
            await state.put(Variable("home", GLOBAL, "none.example"))
        with pytest.raises(Invalid, match=r"there is no domain example\.com"):
            await state.delete(DOMAIN)

    run(ground, talk)


def test_a_macro_that_a_variable_names_is_told_whichever_is_asked_for(ground: Ground) -> None:
    async def talk(state: Living) -> None:
        await state.put(Variable("word", GLOBAL, "welcome"))
        for word in ("bye", "welcome"):
            body = (await state.ask(Question("fs1", "languages", lang="en", macro=word))).body
            assert b'"welcome"' in body
            assert b'"hello"' not in body

    run(ground, talk)


def test_a_reference_is_no_password(ground: Ground) -> None:
    async def talk(state: Living) -> None:
        (gateway,) = (row.value for row in state.desired.catalog.gateways.values())
        assert Param("password", "$${carrier_password}") in gateway.params
        (secret,) = (
            row.value
            for row in state.desired.catalog.variables.values()
            if row.value.name == "carrier_password"
        )
        assert isinstance(secret.value, SecretRef)

    run(ground, talk)
