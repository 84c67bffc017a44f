"""Which nodes a change concerns, and what of theirs it touches."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import pytest

from controlplane.desired.catalog import Catalog, catalog_of
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
    Key,
    Node,
    NodeMode,
    Param,
    Profile,
    ProfileDomain,
    Scope,
    SecretRef,
    Stored,
    User,
    UserGateway,
    Value,
    Variable,
)
from controlplane.push.effects import effects
from controlplane.push.touches import EVERYTHING, CacheKey, Touches

EU, US = Scope(groups=("eu",)), Scope(groups=("us",))
FS1, FS2 = Scope(node="fs1"), Scope(node="fs2")


def node(name: str, *groups: str, mode: NodeMode = NodeMode.MANAGED) -> Node:
    return Node(name, name, "192.0.2.1", 8021, groups, mode, "ClueCon", ("p",))


NODES = (node("fs1", "eu"), node("fs2", "us"), node("fs3", "eu", mode=NodeMode.OBSERVING))
EXTERNAL = Profile("external", GLOBAL, (Param("sip-port", "5080"),))
ACL = Acl("lan", GLOBAL, False, (AclEntry(True, "192.0.2.0/24"), AclEntry(True, domain="a.example")))
DOMAIN = Domain("a.example", GLOBAL)
CACHED = Domain("c.example", GLOBAL, cacheable=60_000)
GW = Gateway("gw", GLOBAL, "external", params=(Param("password", SecretRef(1, 1)),))
BASE: tuple[Value, ...] = (*NODES, EXTERNAL, ACL, DOMAIN, CACHED)
PARSING = replace(EXTERNAL, domains=(ProfileDomain("all", parse=True),))

ids: dict[Key, int] = {}


@dataclass(frozen=True)
class Change:
    key: Key
    before: Value | None
    after: Value | None


def catalog(values: Iterable[Value]) -> Catalog:
    return catalog_of(
        1,
        [
            Stored(ids.setdefault(each.key, len(ids) + 1), 1, 1, each)
            for each in values
            if not isinstance(each, (User, Extension))
        ],
    )


def touched(
    before: Iterable[Value], after: Iterable[Value], *, cacheable: bool = False
) -> dict[str, Touches]:
    was, now = {each.key: each for each in before}, {each.key: each for each in after}
    changes = [
        Change(key, was.get(key), now.get(key))
        for key in sorted(was.keys() | now.keys(), key=str)
        if was.get(key) != now.get(key)
    ]
    return effects(changes, catalog(was.values()), catalog(now.values()), lambda _: cacheable)


def touching(**names: str) -> Touches:
    return Touches.from_json({kind: said.split() for kind, said in names.items()})


BOTH = ("fs1", "fs2")
GATEWAY = touching(gateways="gw")


@pytest.mark.parametrize(
    ("before", "after", "touches", "nodes"),
    [
        # gateways
        ((), (GW,), GATEWAY, BOTH),
        ((GW,), (), GATEWAY, BOTH),
        ((GW,), (replace(GW, params=(Param("password", SecretRef(1, 2)),)),), GATEWAY, BOTH),
        ((GW,), (GW,), Touches(), ()),
        ((), (replace(GW, scope=EU),), GATEWAY, ("fs1",)),
        ((), (replace(GW, scope=FS2),), GATEWAY, ("fs2",)),
        ((), (replace(GW, placed_on="fs2"),), GATEWAY, ("fs2",)),
        ((replace(GW, placed_on="fs1"),), (replace(GW, placed_on="fs2"),), GATEWAY, BOTH),
        # given to all instead of to one: the one is told the same
        ((replace(GW, placed_on="fs1"),), (GW,), GATEWAY, ("fs2",)),
        ((replace(GW, scope=EU),), (GW,), GATEWAY, ("fs2",)),
        # hidden by a more specific one
        (
            (GW, replace(GW, scope=FS1)),
            (replace(GW, params=(Param("proxy", "x"),)), replace(GW, scope=FS1)),
            GATEWAY,
            ("fs2",),
        ),
        # on a profile that no node has
        ((), (replace(GW, profile="none"),), Touches(), ()),
        # profiles
        (
            (),
            (replace(EXTERNAL, name="internal"),),
            touching(profiles="internal"),
            BOTH,
        ),
        ((replace(EXTERNAL, name="internal", scope=US),), (), touching(profiles="internal"), ("fs2",)),
        # documents, by their ways
        ((), (Document("lcr.conf", GLOBAL, "<x/>"),), touching(documents="lcr.conf"), BOTH),
        ((Document("lcr.conf", EU, "<x/>"),), (), touching(documents="lcr.conf"), ("fs1",)),
        (
            (Document("lcr.conf", GLOBAL, "<x/>", (SecretRef(1, 1),)),),
            (Document("lcr.conf", GLOBAL, "<x/>", (SecretRef(1, 2),)),),
            touching(documents="lcr.conf"),
            BOTH,
        ),
        ((), (Document("voicemail.conf", GLOBAL, "<x/>"),), touching(documents="voicemail.conf"), BOTH),
        ((), (Document("ivr.conf", GLOBAL, "<x/>"),), Touches(), ()),
        # fetched for each call
        ((), (Context("default", GLOBAL),), Touches(), ()),
        ((), (Extension("ten", "default", GLOBAL, 1, "<extension/>"),), Touches(), ()),
        # lists
        ((), (Acl("other", GLOBAL, True),), touching(acls="other"), BOTH),
        ((), (Acl("other", FS1, True),), touching(acls="other"), ("fs1",)),
        # a domain nobody caches, on no profile and no list
        ((), (Domain("b.example", GLOBAL),), Touches(), ()),
        ((Domain("b.example", GLOBAL),), (Domain("b.example", GLOBAL, (Param("a", "b"),)),), Touches(), ()),
        # groups of such a domain
        ((), (Group("sales", "a.example", GLOBAL),), Touches(), ()),
        # ... and of one whose users are cached: nobody knows who is in it
        ((), (Group("sales", "c.example", GLOBAL),), Touches(flush_all=True), BOTH),
        # users
        ((), (User("1", "a.example", GLOBAL),), Touches(), ()),
        ((User("1", "a.example", GLOBAL),), (), Touches(), ()),
        # not found is never cached
        ((), (User("1", "c.example", GLOBAL),), Touches(), ()),
        (
            (User("1", "c.example", GLOBAL),),
            (),
            Touches(flushes=frozenset({CacheKey("id", "1", "c.example")})),
            BOTH,
        ),
        (
            (User("1", "a.example", GLOBAL, cacheable=1000),),
            (User("1", "a.example", GLOBAL, cacheable=0),),
            Touches(flushes=frozenset({CacheKey("id", "1", "a.example")})),
            BOTH,
        ),
        (
            (User("1", "c.example", GLOBAL, cacheable=0),),
            (User("1", "c.example", GLOBAL, cacheable=0, params=(Param("a", "b"),)),),
            Touches(),
            (),
        ),
        # under every name that he had or has
        (
            (User("1", "c.example", GLOBAL, number_alias="77"),),
            (User("1", "c.example", GLOBAL, number_alias="88"),),
            Touches(
                flushes=frozenset(
                    {
                        CacheKey("id", "1", "c.example"),
                        CacheKey("id", "77", "c.example"),
                        CacheKey("number-alias", "77", "c.example"),
                        CacheKey("id", "88", "c.example"),
                        CacheKey("number-alias", "88", "c.example"),
                    }
                )
            ),
            BOTH,
        ),
        # his network stands in a list
        ((), (User("1", "a.example", GLOBAL, cidr="192.0.2.9/32"),), touching(acls="lan"), BOTH),
        ((), (User("1", "c.example", GLOBAL, cidr="192.0.2.9/32"),), Touches(), ()),
        # of a domain's row that the node is not told
        (
            (Domain("a.example", FS1), User("1", "a.example", GLOBAL)),
            (Domain("a.example", FS1), User("1", "a.example", GLOBAL, cidr="192.0.2.9/32")),
            touching(acls="lan"),
            ("fs2",),
        ),
    ],
)
def test_effects(
    before: tuple[Value, ...], after: tuple[Value, ...], touches: Touches, nodes: tuple[str, ...]
) -> None:
    assert touched(BASE + before, BASE + after) == dict.fromkeys(nodes, touches)


def instead(was: Value, now: Value, base: tuple[Value, ...] = BASE) -> tuple[tuple[Value, ...], ...]:
    others = tuple(each for each in base if each.key != was.key)
    return (*others, was), (*others, now)


@pytest.mark.parametrize(
    ("was", "now", "touches"),
    [
        (EXTERNAL, replace(EXTERNAL, params=()), touching(profiles="external")),
        # users' gateways come or go
        (EXTERNAL, PARSING, EVERYTHING),
        (ACL, replace(ACL, default_allow=True), touching(acls="lan")),
        # what cached users are made of
        (CACHED, replace(CACHED, variables=(Param("a", "b"),)), Touches(flush_all=True)),
        (CACHED, replace(CACHED, cacheable=None), Touches(flush_all=True)),
        (replace(CACHED, cacheable=None), CACHED, Touches()),
    ],
)
def test_one_instead_of_another(was: Value, now: Value, touches: Touches) -> None:
    assert touched(*instead(was, now)) == (dict.fromkeys(BOTH, touches) if touches else {})


def test_a_domain_whose_users_alone_are_cached_is_asked_for() -> None:
    before, after = instead(DOMAIN, replace(DOMAIN, params=(Param("a", "b"),)))
    assert touched(before, after) == {}
    assert touched(before, after, cacheable=True) == dict.fromkeys(BOTH, Touches(flush_all=True))


def test_another_domains_users_bring_their_networks_and_gateways() -> None:
    """A row for one node hides the one for all."""
    own = Domain("a.example", FS1)
    assert touched(BASE, (*BASE, own)) == {"fs1": touching(acls="lan")}
    named = replace(EXTERNAL, domains=(ProfileDomain("a.example"),))
    base = instead(EXTERNAL, named)[1]
    assert touched(base, (*base, own)) == {"fs1": touching(acls="lan", profiles="external")}
    base = instead(EXTERNAL, PARSING)[1]
    found = touched(base, (*base, own))
    assert found == {"fs1": touching(acls="lan", profiles="external").merge(EVERYTHING)}


def test_a_new_domain_joins_the_profiles_that_take_all() -> None:
    base = instead(EXTERNAL, replace(EXTERNAL, domains=(ProfileDomain("all", alias=True),)))[1]
    found = touched(base, (*base, Domain("b.example", EU)))
    assert found == {"fs1": touching(profiles="external")}


def test_a_users_gateways_are_gateways_where_a_profile_parses_them() -> None:
    user = User("1", "a.example", GLOBAL, gateways=(UserGateway("own", ()), UserGateway("same", ())))
    changed = replace(user, gateways=(UserGateway("same", ()), UserGateway("next", (Param("a", "b"),))))
    assert touched((*BASE, user), (*BASE, changed)) == {}
    base = instead(EXTERNAL, PARSING)[1]
    found = touched((*base, user), (*base, changed))
    assert found == dict.fromkeys(BOTH, touching(gateways="next own"))


ANEW = Touches(flush_all=True, everything=True)


@pytest.mark.parametrize(
    ("was", "now", "touches"),
    [
        (None, node("fs9"), ANEW),
        (None, node("fs9", mode=NodeMode.OBSERVING), None),
        (node("fs9", mode=NodeMode.OBSERVING), node("fs9"), ANEW),
        (node("fs9"), node("fs9", mode=NodeMode.OBSERVING), None),
        (node("fs9"), node("fs9", "us"), ANEW),
        (node("fs9", "eu", "us"), node("fs9", "us", "eu"), ANEW),
        # told and commanded as before
        (node("fs9"), replace(node("fs9"), host="192.0.2.99", port=9), None),
        (node("fs9"), None, None),
    ],
)
def test_a_node(was: Node | None, now: Node | None, touches: Touches | None) -> None:
    before = (*BASE, was) if was is not None else BASE
    after = (*BASE, now) if now is not None else BASE
    assert touched(before, after) == ({"fs9": touches} if touches is not None else {})


def test_profiles_that_a_node_had_from_us_are_named_when_it_leaves_their_group() -> None:
    """They run and are wanted no more: nothing else would tell them from those that others made."""
    base = (*BASE, replace(EXTERNAL, name="european", scope=EU))
    before, after = instead(node("fs9", "eu"), node("fs9", "us"), base)
    assert touched(before, after) == {"fs9": ANEW.merge(touching(profiles="european"))}
    before, after = instead(node("fs9", "eu", mode=NodeMode.OBSERVING), node("fs9", "us"), base)
    assert touched(before, after) == {"fs9": ANEW}


def test_a_change_that_comes_with_the_node_is_in_everything() -> None:
    before, after = instead(node("fs1", "eu"), node("fs1", "us"))
    assert touched(before, (*after, GW)) == {"fs1": ANEW, "fs2": GATEWAY}


def test_too_many_flushes_are_one() -> None:
    users = [User(str(number), "c.example", GLOBAL) for number in range(600)]
    assert touched((*BASE, *users), BASE) == dict.fromkeys(BOTH, Touches(flush_all=True))


REFERRING: tuple[Value, ...] = (
    *BASE,
    replace(EXTERNAL, params=(Param("sip-ip", "$${ip}"),)),
    replace(GW, params=(*GW.params, Param("proxy", "$${ip}"))),
    replace(ACL, entries=(AclEntry(True, "$${ip}/32"),)),
    Document("lcr.conf", GLOBAL, '<x a="$${ip}"/>'),
    Document("ivr.conf", GLOBAL, '<x a="$${ip}"/>'),
    Document("cidlookup.conf", GLOBAL, '<x a="$${other}"/>'),
)
TOLD = touching(profiles="external", gateways="gw", acls="lan", documents="lcr.conf")
SET = replace(TOLD, variables=frozenset({"ip"}))
IP = Variable("ip", GLOBAL, "192.0.2.1")


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ((), (IP,), dict.fromkeys(BOTH, SET)),
        # what is gone stays on the node
        ((IP,), (), dict.fromkeys(BOTH, TOLD)),
        ((IP,), (replace(IP, value="192.0.2.2"),), dict.fromkeys(BOTH, SET)),
        ((IP,), (IP, replace(IP, scope=EU, value="192.0.2.2")), {"fs1": SET}),
        ((IP,), (IP, replace(IP, scope=FS2, value="192.0.2.2")), {"fs2": SET}),
        # told the same value by another row
        ((IP,), (IP, replace(IP, scope=EU)), {}),
        # hidden by a more specific one
        (
            (IP, replace(IP, scope=FS2), replace(IP, scope=EU)),
            (replace(IP, value="192.0.2.2"), replace(IP, scope=FS2), replace(IP, scope=EU)),
            {},
        ),
        ((), (Variable("another", GLOBAL, "x"),), dict.fromkeys(BOTH, touching(variables="another"))),
        # a sealed one is put in where it is used, and not laid open
        (
            (Variable("ip", GLOBAL, SecretRef(1, 1)),),
            (Variable("ip", GLOBAL, SecretRef(1, 2)),),
            dict.fromkeys(BOTH, TOLD),
        ),
        ((IP,), (Variable("ip", GLOBAL, SecretRef(1, 2)),), dict.fromkeys(BOTH, TOLD)),
    ],
)
def test_a_variable_is_set_and_touches_what_it_is_put_into(
    before: tuple[Value, ...], after: tuple[Value, ...], found: dict[str, Touches]
) -> None:
    assert touched(REFERRING + before, REFERRING + after) == found
