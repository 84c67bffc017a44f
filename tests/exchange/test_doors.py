"""On a node's disk, too, nobody is let in without a credential, or with another's."""

from typing import cast

from hypothesis import assume, example, given
from hypothesis import strategies as st

from controlplane.answers.params import hashed
from controlplane.answers.reading import StoreReader
from controlplane.desired import checks
from controlplane.desired.values import GLOBAL, A1Hash, Domain, Group, Param, Params, Stored, User, Value
from controlplane.exchange.domains import domain_lines
from tests.answers import switch_model
from tests.answers.doors_model import DOORS, merged
from tests.answers.memory import Rows
from tests.answers.test_doors import (
    A_HASH_AMONG_PEERS,
    GROUPS,
    NAME,
    passwords_of,
    some_params,
    some_users,
)


@given(some_params("domain"), st.tuples(some_params("a"), some_params("b")), some_users(), st.booleans())
@example(*A_HASH_AMONG_PEERS, False)
@example(
    (Param("password", "password-domain"),),
    ((), ()),
    [User("u0", NAME, GLOBAL, a1_hashes=(A1Hash(NAME, "0" * 32),))],
    False,
)
def test_nobody_is_let_in_without_a_credential_or_with_anothers(
    of_domain: Params, of_groups: tuple[Params, Params], users: list[User], hides: bool
) -> None:
    domain = Domain(NAME, GLOBAL, of_domain, hash_passwords=hides)
    groups = {name: Group(name, NAME, GLOBAL, some) for name, some in zip(GROUPS, of_groups, strict=True)}
    rows: list[Value] = [domain, *groups.values(), *users]
    assume(not any(map(checks.check, rows)))
    lines = domain_lines(
        domain,
        {name: Stored(1, 1, 1, group) for name, group in groups.items()},
        [Stored(1, 1, 1, user) for user in users],
        cast(StoreReader, Rows([])),
    )
    found = switch_model.read("\n".join(lines).encode())
    for holder in [*found.child("groups").children, found]:
        for shown in holder.child("users").children:
            if shown.attributes.get("type") == "pointer":
                continue
            (user,) = (one for one in users if one.name == shown.attributes["id"])
            params = merged(shown, *([holder] if holder is not found else []), found)
            passwords = passwords_of(user, domain, groups)
            let_in = passwords | {hashed(user.name, NAME, text) for text in passwords}
            for door in DOORS:
                assert door(params) <= let_in, (door, user.name, params)
