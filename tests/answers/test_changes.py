import pickle

from controlplane.answers.changes import Stale, stale
from controlplane.desired.catalog import Catalog, catalog_of
from controlplane.desired.revisions import Changed
from controlplane.desired.values import GLOBAL, Domain, Key, Noun, Param, Stored, User

DOMAIN = Stored(7, 1, 1, Domain("a.example", GLOBAL))


def created(name: str, alias: str | None = None) -> Changed:
    user = User(name, "a.example", GLOBAL, number_alias=alias, params=(Param("greeting", "hello" * 100),))
    return Changed(user.key, None, user, None, 1, 1)


def test_of_many_users_it_is_said_by_which_names_they_are_asked_for_and_no_more() -> None:
    """It goes to the process that answers lookups, which takes it in between two of them."""
    after = catalog_of(1, [DOMAIN])
    changes = [created(f"{number}", alias=f"a{number}") for number in range(1000, 2000)]
    found = stale(changes, (after, after))
    names = [name for number in range(1000, 2000) for name in (f"{number}", f"a{number}")]
    users = frozenset(("user", 7, name) for name in names)
    assert found == Stale(routes=False, sources=frozenset({("users", 7)}), users=users)
    assert len(pickle.dumps(found, pickle.HIGHEST_PROTOCOL)) < 40_000


def test_what_is_no_more_is_named() -> None:
    keys = {noun: Key(noun, "gone") for noun in (Noun.NODE, Noun.GATEWAY, Noun.DOCUMENT)}
    changes = [Changed(key, None, None, 1, None, row_id) for row_id, key in enumerate(keys.values())]
    found = stale(changes, (Catalog(), Catalog()))
    assert (found.routes, found.nodes, found.gateways) == (True, frozenset({"gone"}), frozenset({1}))
