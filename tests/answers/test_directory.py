"""What a node is told of domains, groups and users."""

from dataclasses import replace

import pytest

from controlplane.answers.question import Question
from controlplane.desired.values import (
    GLOBAL,
    Domain,
    Group,
    Node,
    NodeMode,
    Param,
    Params,
    Scope,
    SecretRef,
    User,
    UserGateway,
    Value,
)
from tests.answers import asking, switch_model
from tests.answers.memory import Rows
from tests.answers.switch_model import Element, copied

NODE = Node("fs1", "fs1", "127.0.0.1", 8021, ("eu",), NodeMode.OBSERVING, "ClueCon", ("pw",))


def params(**values: str) -> Params:
    return tuple(Param(name.replace("_", "-"), value) for name, value in values.items())


ALICE = User("alice", "example.com", GLOBAL, params=params(password="secret"))


def told(
    question: Question, *values: Value, may_cache: bool = False, queries: int | None = None
) -> Element | None:
    rows = Rows([NODE, *values])
    made = rows.made("fs1", question, may_cache=may_cache)
    if queries is not None:
        assert rows.queries <= queries
    return switch_model.read(made.body).child("section") if made else None


def the_domain(question: Question, *values: Value, may_cache: bool = False) -> Element:
    section = told(question, *values, may_cache=may_cache)
    assert section is not None
    (found,) = section.children
    return found


def the_users(found: Element) -> list[Element]:
    return [
        user
        for groups in found.all("groups")
        for group in groups.children
        for user in group.child("users").children
        if user.attributes.get("type") != "pointer"
    ]


def given(element: Element, container: str = "params") -> dict[str, str]:
    found = element.all(container)
    return {one.attributes["name"]: one.attributes["value"] for one in (found[0].children if found else [])}


def merged(found: Element) -> dict[str, str]:
    """The one user's params after the switch has merged his group's and domain's into them."""
    group = found.child("groups").children[0]
    (user,) = group.child("users").children
    return given(found) | given(group) | given(user)


DOMAIN = Domain("example.com", GLOBAL, params(dial_string="sofia/$${x}", timezone="UTC"))


def test_a_user_stands_in_his_first_group_with_what_domain_and_groups_give_him() -> None:
    found = the_domain(
        asking.user("alice"),
        DOMAIN,
        Group("a", "example.com", GLOBAL, params(limit="a", from_a="a")),
        Group("b", "example.com", GLOBAL, params(limit="b", own="b", from_b="b", timezone="b")),
        Group("c", "example.com", GLOBAL, params(from_c="c")),
        replace(ALICE, groups=("a", "b"), params=params(password="secret", own="alice")),
        replace(ALICE, name="bob"),
    )
    group, further = found.child("groups").children
    assert group.attributes == {"name": "a"}
    # Who asks whether he is in a group finds him; no lookup of a user takes a pointer for one.
    assert further.attributes == {"name": "b"}
    assert further.child("users").children == [Element("user", {"id": "alice", "type": "pointer"})]
    assert given(group) == {"limit": "a", "from-a": "a"}
    (user,) = group.child("users").children
    assert user.attributes == {"id": "alice"}
    assert given(user) == {"password": "secret", "own": "alice", "from-b": "b", "timezone": "b"}
    assert merged(found) == {
        "dial-string": "sofia/$${x}",
        "timezone": "b",
        "limit": "a",
        "from-a": "a",
        "password": "secret",
        "own": "alice",
        "from-b": "b",
    }


def test_a_user_of_no_group_stands_in_one_all_the_same() -> None:
    (group,) = the_domain(asking.user("alice"), DOMAIN, ALICE).child("groups").children
    assert group.attributes == {"name": "default"}


def test_variables_are_given_like_params() -> None:
    values = params(a="1")
    found = the_domain(
        asking.user("alice"),
        replace(DOMAIN, variables=params(d="1")),
        Group("a", "example.com", GLOBAL, variables=values),
        Group("b", "example.com", GLOBAL, variables=params(a="2", b="2")),
        replace(ALICE, groups=("a", "b")),
    )
    group, _ = found.child("groups").children
    assert given(found, "variables") == {"d": "1"}
    assert given(group, "variables") == {"a": "1"}
    assert given(group.child("users").children[0], "variables") == {"b": "2"}


@pytest.mark.parametrize(
    "question", [asking.user("nobody"), asking.user("\udcff"), asking.user("a\0"), asking.user("x" * 9999)]
)
def test_an_unknown_user_of_our_domain_is_the_domain_without_him(question: Question) -> None:
    found = the_domain(question, DOMAIN, ALICE)
    assert found.attributes == {"name": "example.com"}
    assert given(found)["timezone"] == "UTC"
    assert the_users(found) == []


def test_the_domain_alone() -> None:
    assert the_users(the_domain(asking.domain(), DOMAIN, ALICE)) == []


def test_what_is_not_ours_is_not_found() -> None:
    other = Domain("other.example", Scope(groups=("us",)))
    for name in ("nosuch.example", "other.example"):
        assert told(asking.user("alice", name), DOMAIN, other, ALICE) is None
        assert told(asking.domain(name), DOMAIN, other) is None
    assert told(asking.every_domain(), other) is None


def test_a_domain_in_capitals_is_ours_too() -> None:
    """The switch compares names without case; "not found" would let the files on its disk answer."""
    assert [
        user.attributes["id"]
        for user in the_users(the_domain(asking.user("alice", "EXAMPLE.com"), DOMAIN, ALICE))
    ] == ["alice"]


def test_the_node_sees_the_most_specific_domain_and_its_users() -> None:
    eu = Scope(groups=("eu",))
    found = the_domain(
        asking.user("alice"),
        DOMAIN,
        ALICE,
        Domain("example.com", eu),
        Group("a", "example.com", GLOBAL, params(wrong="group")),
        replace(ALICE, scope=eu, groups=("a",), params=params(password="eu")),
    )
    assert merged(found) == {"password": "eu"}


def test_a_user_is_found_by_his_number_too() -> None:
    alice = replace(ALICE, number_alias="1000")
    bob = replace(ALICE, name="1000")
    for key, values, expected in [
        ("id", [alice], "alice"),
        ("number-alias", [alice], "alice"),
        ("id", [alice, bob], "1000"),
        ("number-alias", [alice, bob], "alice"),
    ]:
        (user,) = the_users(the_domain(asking.user("1000", key=key), DOMAIN, *values))
        assert user.attributes["id"] == expected
        if expected == "alice":
            assert user.attributes["number-alias"] == "1000"


def test_a_user_is_found_by_the_attribute_that_the_request_names() -> None:
    """mod_commands.c, find_user_function."""
    alice = replace(ALICE, cidr="192.0.2.1/32")
    (user,) = the_users(the_domain(asking.user("192.0.2.1/32", key="cidr"), DOMAIN, alice))
    assert (user.attributes["id"], user.attributes["cidr"]) == ("alice", "192.0.2.1/32")
    for name, key in (("alice", "cidr"), ("192.0.2.1/32", "id"), ("alice", "ip")):
        assert not the_users(the_domain(asking.user(name, key=key), DOMAIN, alice))
    (user,) = the_users(the_domain(asking.user("alice", key=""), DOMAIN, alice))
    assert user.attributes["id"] == "alice"


@pytest.mark.parametrize(
    ("user", "domain", "expected"),
    [
        ({}, {}, "false"),
        ({"password": ""}, {}, "false"),
        ({"allow_empty_password": "true"}, {}, "false"),
        ({"password": "", "a1_hash": ""}, {"password": "domain's"}, "false"),
        ({"password": "x"}, {}, None),
        ({"a1_hash": "x"}, {}, None),
        ({"Password": "x"}, {}, None),
        ({"vm_password": "x"}, {"password": "domain's"}, None),
        ({"password": "x", "allow_empty_password": "true"}, {}, "true"),
    ],
)
def test_a_user_without_credentials_never_authenticates(
    user: dict[str, str], domain: dict[str, str], expected: str | None
) -> None:
    found = the_domain(
        asking.user("alice"), replace(DOMAIN, params=params(**domain)), replace(ALICE, params=params(**user))
    )
    (one,) = the_users(found)
    assert [
        param.attributes["value"]
        for holder in one.all("params")
        for param in holder.children
        if param.attributes["name"] == "allow-empty-password"
    ] == ([expected] if expected else [])


@pytest.mark.parametrize(
    ("question", "may_cache", "of_domain", "of_user", "expected"),
    [
        (asking.user("alice"), True, None, 60000, "60000"),
        (asking.user("alice"), True, 5000, None, "5000"),
        (asking.user("alice"), True, 5000, 60000, "60000"),
        (asking.user("alice"), True, 5000, 0, None),
        (asking.user("alice"), True, None, None, None),
        (asking.user("alice"), True, None, 9_999_999_999, "2147483"),
        (asking.user("alice"), False, None, 60000, None),
        (asking.user("192.0.2.0/24", key="cidr"), True, None, 60000, None),
        (asking.user("1000", key="number-alias"), True, None, 60000, "60000"),
        (asking.user("1000", key="id"), True, None, 60000, "60000"),
        (asking.user("alice", "Example.com"), True, None, 60000, None),
        (asking.user("alice")._replace(domain="EXAMPLE.com"), True, None, 60000, None),
        (asking.user("alice")._replace(domain=""), True, None, 60000, "60000"),
    ],
)
def test_a_user_is_cacheable_only_where_he_can_be_flushed(
    question: Question, may_cache: bool, of_domain: int | None, of_user: int | None, expected: str | None
) -> None:
    alice = replace(ALICE, number_alias="1000", cidr="192.0.2.0/24", cacheable=of_user)
    found = the_domain(question, replace(DOMAIN, cacheable=of_domain), alice, may_cache=may_cache)
    assert the_users(found)[0].attributes.get("cacheable") == expected


def test_what_a_tenant_typed_survives_the_switchs_own_copying() -> None:
    value = "a$${domain}b <?x X-PRE-PROCESS \"q\" 'q' &amp; \n\t\r \U0001f600"
    alice = replace(ALICE, params=params(password="x", note=value), variables=(Param(value, value),))
    (user,) = the_users(copied(the_domain(asking.user("alice"), DOMAIN, alice)))
    assert given(user)["note"] == value
    assert given(user, "variables") == {value: value}


def test_sealed_values_are_opened() -> None:
    password = SecretRef(3, 2)
    rows = Rows([NODE, DOMAIN, replace(ALICE, params=(Param("password", password),))], {password: "o$${p}en"})
    made = rows.made("fs1", asking.user("alice"))
    assert made is not None
    (user,) = the_users(switch_model.read(made.body).child("section").children[0])
    assert given(user) == {"password": "o$${p}en"}
    assert rows.queries == 2


def test_a_group_with_all_its_users_each_as_when_asked_for_alone() -> None:
    values: list[Value] = [
        DOMAIN,
        Group("a", "example.com", GLOBAL, params(x="a", y="a")),
        Group("b", "example.com", GLOBAL, params(x="b", z="b")),
        replace(ALICE, groups=("a", "b")),
        replace(ALICE, name="bob", groups=("b",)),
        replace(ALICE, name="carol", groups=("a",)),
    ]
    found = the_domain(asking.domain(group="b"), *values)
    (group,) = found.child("groups").children
    assert group.attributes == {"name": "b"}
    alice, bob = group.child("users").children
    assert [alice.attributes["id"], bob.attributes["id"]] == ["alice", "bob"]
    for user in (alice, bob):
        alone = merged(the_domain(asking.user(user.attributes["id"]), *values))
        assert given(found) | given(group) | given(user) == alone


def test_an_unknown_group_is_the_domain_without_it() -> None:
    found = the_domain(asking.domain(group="nosuch"), DOMAIN, replace(ALICE, groups=("nosuch",)))
    assert not found.all("groups")


def test_a_network_list_holds_the_users_that_have_a_cidr_and_nothing_secret() -> None:
    values: list[Value] = [
        DOMAIN,
        replace(ALICE, cidr="192.0.2.0/24,2001:db8::/32"),
        replace(ALICE, name="bob"),
    ]
    found = the_domain(asking.domain(purpose="network-list"), *values)
    (user,) = the_users(found)
    assert user == Element("user", {"id": "alice", "cidr": "192.0.2.0/24,2001:db8::/32"})


GATEWAY = UserGateway("gw", params(username="u", password="p"), (Param("v", "1", "inbound"),))


def test_asked_for_gateways_domains_are_told_by_name_and_whole_where_users_hold_some() -> None:
    other = Domain("other.example", GLOBAL, params(secret="not told"))
    section = told(
        asking.every_domain(), DOMAIN, other, ALICE, replace(ALICE, name="bob", gateways=(GATEWAY,))
    )
    assert section is not None
    ours, theirs = section.children
    assert theirs == Element("domain", {"name": "other.example"})
    assert given(ours) == {"allow-empty-password": "false"}
    (user,) = the_users(ours)
    assert user.attributes == {"id": "bob"}
    (holder,) = (child for child in user.children)
    (gateway,) = holder.children
    assert gateway.attributes == {"name": "gw"}
    assert [param.attributes["name"] for param in gateway.all("param")] == ["username", "password"]
    first, mark = gateway.child("variables").children
    assert first.attributes == {"name": "v", "value": "1", "direction": "inbound"}
    assert mark.attributes["name"] == "controlplane_fingerprint"
    assert mark.attributes["direction"] == "inbound"


def test_asked_for_one_domains_gateways_only_it_is_told() -> None:
    section = told(asking.domain(purpose="gateways"), DOMAIN, Domain("other.example", GLOBAL), ALICE)
    assert section is not None
    assert section.children == [Element("domain", {"name": "example.com"})]


def test_without_a_purpose_every_domain_is_told_by_name() -> None:
    section = told(asking.every_domain(""), DOMAIN, replace(ALICE, gateways=(GATEWAY,)), queries=0)
    assert section is not None
    assert section.children == [Element("domain", {"name": "example.com"})]


def test_what_else_a_user_holds_arrives_as_typed() -> None:
    skinny = '<skinny><buttons><button label="$${domain} &amp; X-PRE-PROCESS" value="1"/></buttons></skinny>'
    alice = replace(ALICE, groups=("sales",), elements=(skinny, "<vcard><FN>A\nB</FN></vcard>"))
    values = (Domain("example.com", GLOBAL), Group("sales", "example.com", GLOBAL), alice)
    for question in (asking.user("alice"), asking.domain(group="sales")):
        (user,) = the_users(the_domain(question, *values))
        (button,) = user.child("skinny").child("buttons").children
        assert button.attributes == {"label": "$${domain} & X-PRE-PROCESS", "value": "1"}
        assert user.child("vcard").child("FN").text == "A\nB"
        (kept,) = the_users(copied(the_domain(question, *values)))
        assert kept.child("skinny") == user.child("skinny")


def test_a_domain_with_everybody_each_in_his_first_group() -> None:
    question = Question(
        "fs1", "directory", "domain", "name", "example.com", purpose="publish-vm", user="_all_"
    )
    values: list[Value] = [
        DOMAIN,
        Group("a", "example.com", GLOBAL, params(x="a")),
        replace(ALICE, groups=("a",), number_alias="1000"),
        replace(ALICE, name="bob"),
    ]
    found = the_domain(question, *values)
    groups = {group.attributes["name"]: group for group in found.child("groups").children}
    assert {
        name: [user.attributes["id"] for user in group.child("users").children]
        for name, group in groups.items()
    } == {
        "a": ["alice"],
        "default": ["bob"],
    }
    (alice,) = groups["a"].child("users").children
    assert given(alice)["password"] == "secret"
    one = the_domain(question._replace(user="alice"), *values)
    assert [user.attributes["id"] for user in the_users(one)] == ["alice"]
    group = the_domain(question._replace(user="", group="a"), *values)
    assert [user.attributes["id"] for user in the_users(group)] == ["alice"]


def test_a_directory_of_names_holds_names_and_nothing_secret() -> None:
    question = Question("fs1", "directory", "domain", "name", "example.com", function="populate_database")
    alice = replace(
        ALICE,
        number_alias="1000",
        groups=("a",),
        params=params(password="secret", directory_visible="true"),
        variables=(Param("effective_caller_id_name", "Alice A"), Param("toll_allow", "all")),
    )
    group = Group("a", "example.com", GLOBAL, params(directory_exten_visible="false", x="1"))
    rows = Rows([NODE, DOMAIN, group, alice])
    made = rows.made("fs1", question)
    assert made is not None
    assert rows.queries == 1
    (user,) = the_users(switch_model.read(made.body).child("section").children[0])
    assert user.attributes == {"id": "alice", "number-alias": "1000"}
    assert given(user) == {"directory-visible": "true", "directory-exten-visible": "false"}
    assert given(user, "variables") == {"effective_caller_id_name": "Alice A"}


def test_channels_are_none_of_ours() -> None:
    """An attended transfer asks where a channel is; without an answer the switch goes its usual way."""
    assert told(Question("fs1", "channels", purpose="nightmare_xfer"), DOMAIN) is None


@pytest.mark.parametrize(
    "action",
    [
        "", "sip_auth", "reverse-auth-lookup", "user_call", "group_call", "voicemail-lookup", "message-count",
        "jsonrpc-authenticate", "event_socket_auth", "skinny-auth",
    ],
)  # fmt: skip
def test_whatever_a_user_is_asked_for_the_whole_user_is_told(action: str) -> None:
    """The switch's cache does not know the action: what is told for one must do for all."""
    alice = replace(ALICE, params=params(password="secret", esl_password="e", vm_password="v"))
    assert the_domain(asking.user("alice", action=action), DOMAIN, alice) == the_domain(
        asking.user("alice"), DOMAIN, alice
    )
