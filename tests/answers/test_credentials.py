"""With what users authenticate: passwords, hashes of them, or hashes alone."""

import asyncio
from dataclasses import replace

import pytest

from controlplane.answers.params import hashed
from controlplane.answers.question import Question
from controlplane.desired.errors import Invalid
from controlplane.desired.values import GLOBAL, A1Hash, Domain, Group, Param, User, Value
from tests.answers import asking
from tests.answers.living import Ground, Living, living
from tests.answers.test_directory import NODE, params, the_domain, the_users
from tests.answers.test_directory import given as given_to

DOMAIN = Domain("example.com", GLOBAL, hash_passwords=True)
ALICE = User("alice", "example.com", GLOBAL, "1000", params=params(password="secret", vm_password="1"))


def login(username: str = "", realm: str = "", user: str = "alice") -> Question:
    return asking.user(user)._replace(auth_user=username, realm=realm)


def credentials(question: Question, *values: Value, may_cache: bool = False) -> dict[str, str]:
    found = the_domain(question, *values, may_cache=may_cache)
    (user,) = the_users(found)
    (group, *_) = found.child("groups").children
    whole = given_to(found) | given_to(group) | given_to(user)
    return {name: value for name, value in whole.items() if name != "vm-password"}


def test_hashes_are_those_of_rfc_2617() -> None:
    # RFC 2617, 3.5: HA1 of its example.
    assert hashed("Mufasa", "testrealm@host.com", "Circle Of Life") == "939e7578ed9e3c518a452acee763bce9"


@pytest.mark.parametrize(
    ("question", "covers"),
    [
        (login(), ("alice", "example.com")),
        (login("alice", "example.com"), ("alice", "example.com")),
        (login(user="1000"), ("1000", "example.com")),
        (login("1000", "sip.example.net", user="1000"), ("1000", "sip.example.net")),
        (asking.user("alice", action="jsonrpc-authenticate"), ("alice", "example.com")),
        (asking.user("alice", action="user_call"), ("alice", "example.com")),
    ],
)
def test_in_place_of_a_password_its_hash_for_the_login(question: Question, covers: tuple[str, str]) -> None:
    found = credentials(question, DOMAIN, ALICE)
    assert found == {"a1-hash": hashed(*covers, "secret")}


@pytest.mark.parametrize("holder", ["user", "group", "domain"])
def test_whoever_gives_the_password_it_is_told_nowhere(holder: str) -> None:
    given = params(password="secret", other="1")
    values: list[Value] = [
        replace(DOMAIN, params=given if holder == "domain" else ()),
        Group("a", "example.com", GLOBAL, given if holder == "group" else ()),
        replace(ALICE, groups=("a",), params=given if holder == "user" else ()),
    ]
    assert credentials(login(), *values) == {
        "a1-hash": hashed("alice", "example.com", "secret"),
        "other": "1",
    }
    assert "password" not in given_to(the_domain(asking.domain(), *values))


def test_a_user_overrides_his_domain() -> None:
    clear = replace(ALICE, hash_passwords=False)
    assert credentials(login(), DOMAIN, clear) == {"password": "secret"}
    plain = replace(DOMAIN, hash_passwords=False)
    assert credentials(login(), plain, ALICE) == {"password": "secret"}
    assert "a1-hash" in credentials(login(), plain, replace(ALICE, hash_passwords=True))


KEPT = A1Hash("example.com", "0" * 32)
OTHER = A1Hash("sip.example.net", "1" * 32)
BY_NUMBER = A1Hash("example.com", "2" * 32, "1000")


@pytest.mark.parametrize(
    ("hashes", "question", "expected"),
    [
        ((KEPT,), login(), {"a1-hash": "0" * 32}),
        # The switch compares it with what the phone computed for its realm: it does not fit.
        ((KEPT,), login("alice", "sip.example.net"), {"a1-hash": "0" * 32}),
        ((KEPT, OTHER), login("alice", "sip.example.net"), {"a1-hash": "1" * 32}),
        ((KEPT, OTHER), login(), {"a1-hash": "0" * 32}),
        ((KEPT, OTHER), login("alice", "third.example"), {"allow-empty-password": "false"}),
        ((KEPT, BY_NUMBER), login("1000", user="1000"), {"a1-hash": "2" * 32}),
    ],
)
def test_a_hash_alone_serves_its_own_login(
    hashes: tuple[A1Hash, ...], question: Question, expected: dict[str, str]
) -> None:
    alice = replace(ALICE, params=(), a1_hashes=hashes)
    assert credentials(question, replace(DOMAIN, hash_passwords=False), alice) == expected


def test_what_is_good_for_one_login_is_not_cached_by_the_switch() -> None:
    for alice, cached in (
        (ALICE, False),
        (replace(ALICE, hash_passwords=False), True),
        (replace(ALICE, params=(), a1_hashes=(KEPT,)), True),
        (replace(ALICE, params=(), a1_hashes=(KEPT, OTHER)), False),
    ):
        found = the_domain(login(), DOMAIN, replace(alice, cacheable=1000), may_cache=True)
        assert ("cacheable" in the_users(found)[0].attributes) is cached


def test_no_login_is_told_anothers_hash_from_the_cache(ground: Ground) -> None:
    async def main() -> None:
        state: Living = await living(ground, NODE, DOMAIN, ALICE)
        for question in (login("alice", "a.example"), login(), login("alice", "b.example"), login()):
            realm = question.realm or "example.com"
            assert hashed("alice", realm, "secret").encode() in (await state.ask(question)).body
        assert state.answers.cached("fs1", login()) is not None
        size = len(state.answers.cache)
        for number in range(20):
            await state.ask(login("alice", f"{number}.example"))
        assert len(state.answers.cache) == size

    asyncio.run(main())


def test_a_hash_is_sealed_and_checked(ground: Ground) -> None:
    async def main() -> None:
        kept = replace(ALICE, params=(), a1_hashes=(A1Hash("example.com", "a" * 32),))
        state: Living = await living(ground, NODE, replace(DOMAIN, hash_passwords=False), kept)
        assert b'name="a1-hash" value="' + b"a" * 32 in (await state.ask(login())).body
        assert "a" * 32 not in (await state.answers.explain("fs1", login())).xml
        assert await state.queries(asking.user("1000")) == 2
        for wrong in ("A" * 32, "a" * 31, ""):
            with pytest.raises(Invalid, match="32 hex digits"):
                await state.put(replace(kept, a1_hashes=(A1Hash("example.com", wrong),)))
        with pytest.raises(Invalid, match="twice"):
            await state.put(replace(kept, a1_hashes=(KEPT, KEPT)))

    asyncio.run(main())


def test_reverse_credentials_are_told_with_the_rest() -> None:
    alice = replace(ALICE, params=params(reverse_auth_user="r", reverse_auth_pass="p"))
    question = asking.user("alice", action="reverse-auth-lookup")
    assert credentials(question, Domain("example.com", GLOBAL), alice) == {
        "reverse-auth-user": "r",
        "reverse-auth-pass": "p",
        "allow-empty-password": "false",
    }


def test_profile_variables_are_given_and_merged_like_the_others() -> None:
    (user,) = the_users(
        the_domain(
            login(),
            replace(DOMAIN, profile_variables=params(d="1")),
            Group("a", "example.com", GLOBAL, profile_variables=params(a="1")),
            Group("b", "example.com", GLOBAL, profile_variables=params(a="2", b="2")),
            replace(ALICE, groups=("a", "b"), profile_variables=(Param("own", "3"),)),
        )
    )
    assert given_to(user, "profile-variables") == {"own": "3", "b": "2"}


def test_a_hash_that_is_made_is_masked_like_the_password(ground: Ground) -> None:
    async def main() -> None:
        state: Living = await living(ground, NODE, DOMAIN, ALICE)
        told = (await state.answers.explain("fs1", login())).xml
        assert 'name="a1-hash" value="********"' in told

    asyncio.run(main())
