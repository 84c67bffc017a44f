"""In no answer stands a user who is let in without a credential, or with another's."""

from collections.abc import Iterator

import pytest
from hypothesis import example
from hypothesis import given as drawn
from hypothesis import strategies as st

from controlplane.answers.params import hashed
from controlplane.answers.question import Question
from controlplane.answers.routes import login_of
from controlplane.desired.values import GLOBAL, A1Hash, Domain, Group, Param, Params, User, UserGateway
from tests.answers import asking
from tests.answers.doors_model import ANYTHING, DOORS, Pairs, merged, sofia
from tests.answers.switch_model import Element
from tests.answers.test_directory import NODE, told

NAME = "example.com"
GROUPS = ("a", "b")
GATEWAY = UserGateway("gw", (Param("proxy", "127.0.0.1"), Param("register", "false")))

QUESTIONS: dict[str, Question] = {
    **{
        action or "none": asking.user("u0", action=action)
        for action in (
            *("sip_auth", "reverse-auth-lookup", "user_call", "voicemail-lookup", "message-count"),
            *("jsonrpc-authenticate", "event_socket_auth", "skinny-auth", ""),
        )
    },
    "by alias": asking.user("0", key="number-alias"),
    "login by alias": asking.user("0")._replace(auth_user="0", realm="sip.example.net"),
    "unknown user": asking.user("nobody"),
    "domain": asking.domain(),
    "group_call": asking.domain(group="a")._replace(action="group_call"),
    "further group": asking.domain(group="b")._replace(action="group_call"),
    "publish-vm": asking.user("u0")._replace(purpose="publish-vm"),
    "publish-vm, all": asking.user("_all_")._replace(purpose="publish-vm"),
    "nightmare_xfer": asking.user("u0")._replace(purpose="nightmare_xfer"),
    "network-list": asking.domain(purpose="network-list"),
    "gateways": asking.every_domain(),
    "gateways of one": asking.domain(purpose="gateways"),
    "every domain": asking.every_domain(""),
    "populate_database": asking.domain()._replace(function="populate_database"),
}
WHOLE = {"sip_auth", "group_call", "publish-vm, all"}


def some_params(mark: str) -> st.SearchStrategy[Params]:
    """Params by which one might be let in, each of a value that nobody else has, or of none."""
    values = {
        "password": [f"password-{mark}", ""],
        "Password": [f"password-{mark}"],
        "a1-hash": [f"hash-{mark}", ""],
        "allow-empty-password": ["true", "false"],
        "http-allowed-api": ["any"],
        "other": ["x"],
    }
    one = st.sampled_from([Param(name, value) for name, some in values.items() for value in some])
    return st.lists(one, max_size=3, unique_by=lambda param: param.name.lower()).map(tuple)


def some_users() -> st.SearchStrategy[list[User]]:
    def user(number: int) -> st.SearchStrategy[User]:
        hashes = [
            A1Hash(realm, f"{number}" * 31 + end) for realm, end in ((NAME, "a"), ("sip.example.net", "b"))
        ]
        return st.builds(
            lambda params, groups, kept, hides: User(
                f"u{number}",
                NAME,
                GLOBAL,
                str(number),
                "192.0.2.1/32",
                tuple(groups),
                params,
                gateways=(GATEWAY,),
                a1_hashes=tuple(kept),
                hash_passwords=hides,
            ),
            some_params(f"u{number}"),
            st.lists(st.sampled_from(GROUPS), unique=True),
            st.sampled_from([[], [], hashes[:1], hashes]),
            st.sampled_from([None, True, False]),
        )

    return st.tuples(*map(user, range(3))).map(list)


def passwords_of(user: User, domain: Domain, groups: dict[str, Group]) -> set[str]:
    """All that may let this user in: his own, or else the password nearest to him."""
    named = {param.name.lower(): str(param.value) for param in user.params}
    own = {named.get("password", ""), named.get("a1-hash", ""), *(str(one.hash) for one in user.a1_hashes)}
    if own == {""} and "password" not in named:
        for params in (*(groups[name].params for name in user.groups), domain.params):
            given = [str(param.value) for param in params if param.name.lower() == "password"]
            if given:
                return {*given[:1]} - {""}
    return own - {""}


def shown(section: Element | None) -> Iterator[tuple[str, Pairs]]:
    for domain in section.children if section is not None else ():
        for groups in domain.all("groups"):
            for group in groups.children:
                for user in group.child("users").children:
                    # Who is found as a pointer is refused (sofia_reg.c, sofia_reg_parse_auth).
                    if user.attributes.get("type") != "pointer":
                        yield user.attributes["id"], merged(user, group, domain)


A_HASH_AMONG_PEERS = (
    (Param("password", "password-domain"),),
    ((), ()),
    [
        User("u0", NAME, GLOBAL, "0", groups=("a",), hash_passwords=True),
        User("u1", NAME, GLOBAL, "1", groups=("a",)),
        User("u2", NAME, GLOBAL, "2"),
    ],
)
ANOTHERS_HASH = (
    (),
    ((Param("a1-hash", "hash-a"),), ()),
    [User("u0", NAME, GLOBAL, "0", groups=("a",), params=(Param("password", "password-u0"),))],
)
GIVEN_TWICE = (
    (),
    ((), ()),
    [User("u0", NAME, GLOBAL, "0", params=(Param("password", "password-u0"), Param("password", "")))],
)
AN_EMPTY_HASH = (
    (),
    ((), ()),
    [User("u0", NAME, GLOBAL, "0", params=(Param("password", "password-u0"), Param("a1-hash", "")))],
)


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS.keys())
@drawn(some_params("domain"), st.tuples(some_params("a"), some_params("b")), some_users(), st.booleans())
@example(*A_HASH_AMONG_PEERS, False)
@example(*ANOTHERS_HASH, False)
@example(*AN_EMPTY_HASH, False)
@example(*GIVEN_TWICE, False)
def test_nobody_is_let_in_without_a_credential_or_with_anothers(
    question: Question,
    of_domain: Params,
    of_groups: tuple[Params, Params],
    users: list[User],
    hides: bool,
) -> None:
    domain = Domain(NAME, GLOBAL, of_domain, hash_passwords=hides)
    groups = {name: Group(name, NAME, GLOBAL, some) for name, some in zip(GROUPS, of_groups, strict=True)}
    login = login_of(question)[0]
    for name, params in shown(told(question, NODE, domain, *groups.values(), *users)):
        (user,) = (one for one in users if one.name == name)
        passwords = passwords_of(user, domain, groups)
        hashes = {
            hashed(username, realm, text) for text in passwords for username, realm in (login, (name, NAME))
        }
        for door in DOORS:
            assert door(params) <= passwords | hashes, (door, name, params)


@pytest.mark.parametrize("kind", sorted(WHOLE))
@drawn(some_params("domain"), st.tuples(some_params("a"), some_params("b")), some_users(), st.booleans())
@example(*A_HASH_AMONG_PEERS, False)
def test_who_has_a_credential_is_let_in_by_it_in_every_whole_answer(
    kind: str, of_domain: Params, of_groups: tuple[Params, Params], users: list[User], hides: bool
) -> None:
    domain = Domain(NAME, GLOBAL, of_domain, hash_passwords=hides)
    groups = {name: Group(name, NAME, GLOBAL, some) for name, some in zip(GROUPS, of_groups, strict=True)}
    for name, params in shown(told(QUESTIONS[kind], NODE, domain, *groups.values(), *users)):
        (user,) = (one for one in users if one.name == name)
        assert bool(sofia(params)) == bool(passwords_of(user, domain, groups))


def test_the_model_lets_in_who_should_not_be() -> None:
    assert sofia([]) == {ANYTHING}
    assert sofia([("password", "x"), ("a1-hash", "")]) == {""}
