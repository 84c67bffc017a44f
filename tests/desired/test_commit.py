"""Change sets become revisions: whole, in order, seen by all."""

import asyncio
from functools import partial
from typing import Any

import pytest

from controlplane.desired import AlreadyExists, Conflict, Desired, Invalid, NotFound, chain, history, reader
from controlplane.desired.catalog import Catalog
from controlplane.desired.loading import load
from controlplane.desired.revisions import ChangeSet, Delete, Put, Revision
from controlplane.desired.values import GLOBAL, Key, Noun, Scope, SecretRef, Stored, User
from controlplane.store import KeyFileError, Store, Vault
from controlplane.store.tables import RevisionRow, UserRow
from tests.desired.house import AUTHOR, House, Told, key, node, put
from tests.queries import counted

PROFILE = put(Noun.PROFILE, "external", params={"sip-port": "5080"})
GATEWAY = put(Noun.GATEWAY, "gw", profile="external", params={"username": "u", "password": "p"})


def test_one_change_set_writes_every_noun(house: House) -> None:
    """In any order: what is referred to may come after."""
    revision = house.commit(
        put(Noun.EXTENSION, "ten", "default", xml='<extension name="ten"/>', position=10),
        put(Noun.USER, "1000", "a.example", groups=["sales"], params={"password": "p"}),
        put(Noun.GROUP, "sales", "a.example", variables={"team": "sales"}),
        put(Noun.ACL, "trusted", default="deny", entries=[{"type": "allow", "domain": "a.example"}]),
        GATEWAY,
        put(Noun.CONTEXT, "default"),
        put(Noun.DOCUMENT, "ivr.conf", xml='<configuration name="ivr.conf"/>'),
        put(Noun.DOMAIN, "a.example", params={"dial-string": "x"}, cacheable=60000),
        PROFILE,
        node("fs1", "eu"),
    )
    assert revision is not None
    assert revision.number == 1
    assert {str(change.key) for change in revision.changes} == {
        *("extension/default/ten", "user/a.example/1000", "group/a.example/sales", "acl/trusted"),
        *("gateway/gw", "context/default", "document/ivr.conf", "domain/a.example", "profile/external"),
        "node/fs1",
    }
    assert all(change.before is None and change.after_version == 1 for change in revision.changes)
    view = house.catalog.view("fs1")
    assert set(view.gateways) == {"gw"}
    assert set(view.groups) == {("a.example", "sales")}
    with house.store.reading() as session:
        assert _rows(load(session)) == _rows(house.catalog)
        assert load(session).revision == 1
        user = reader.user(session, view.domains["a.example"].id, "1000")
        extensions = reader.extensions(session, view.contexts["default"].id)
    assert user is not None
    assert user.value.groups == ("sales",)
    assert [row.value.name for row in extensions] == ["ten"]


def _rows(catalog: Catalog) -> dict[Key, Stored[Any]]:
    nouns = [noun for noun in Noun if noun not in (Noun.USER, Noun.EXTENSION)]
    return {key: row for noun in nouns for key, row in catalog.rows(noun).items()}


def test_a_second_write_counts_the_version_and_keeps_the_id(house: House) -> None:
    house.commit(PROFILE)
    first = house.catalog.profiles[PROFILE.key]
    revision = house.put(Noun.PROFILE, "external", params={"sip-port": "5081"})
    second = house.catalog.profiles[PROFILE.key]
    assert (second.id, second.version, second.revision) == (first.id, 2, 2)
    assert revision is not None
    [change] = revision.changes
    assert (change.before_version, change.after_version, change.row_id) == (1, 2, first.id)
    assert change.before == first.value
    assert change.after == second.value


def test_what_stands_already_makes_no_revision(house: House) -> None:
    items = (
        PROFILE,
        GATEWAY,
        put(Noun.DOMAIN, "a.example"),
        put(Noun.USER, "1000", "a.example", params={"password": "p"}, cidr="192.0.2.0/24"),
        put(
            Noun.DOCUMENT, "x.conf", xml='<configuration  name="x.conf"><a password="p" ></a></configuration>'
        ),
        node("fs1"),
    )
    assert house.commit(*items) is not None
    assert house.commit(*items) is None
    assert house.catalog.revision == 1
    # Of several only what differs is written.
    revision = house.commit(*items, put(Noun.CONTEXT, "default"))
    assert revision is not None
    assert [str(change.key) for change in revision.changes] == ["context/default"]


def test_one_wrong_row_keeps_all_from_being_written(house: House) -> None:
    with pytest.raises(Invalid) as caught:
        house.commit(PROFILE, put(Noun.GATEWAY, "gw", profile="nowhere"))
    [error] = caught.value.errors
    assert str(error) == "gateway/gw: profile: there is no profile nowhere"
    assert house.catalog.revision == 0
    assert not house.catalog.profiles
    assert house.commit(PROFILE) is not None


def test_what_effects_refuse_is_not_written(house: House) -> None:
    house.effects.error = LookupError("no")
    with pytest.raises(LookupError):
        house.commit(PROFILE)
    house.effects.error = None
    assert house.catalog.revision == 0
    with house.store.reading() as session:
        assert load(session).revision == 0
        assert not load(session).profiles


def test_effects_see_before_and_after_and_name_nodes(house: House) -> None:
    house.effects.nodes = ["fs2", "fs1"]
    revision = house.commit(PROFILE)
    assert revision is not None
    assert revision.nodes == ("fs1", "fs2")
    [(number, changes, before, after)] = house.effects.calls
    assert number == 1
    assert [change.key for change in changes] == [PROFILE.key]
    assert PROFILE.key not in before.profiles
    assert PROFILE.key in after.profiles


def test_preconditions(house: House) -> None:
    absent = key(Noun.PROFILE, "external")
    with pytest.raises(NotFound):
        house.commit(Put(absent, {}, create=False))
    with pytest.raises(NotFound):
        house.delete(absent)
    with pytest.raises(Conflict) as gone:
        house.commit(Put(absent, {}, if_match=3))
    assert gone.value.version is None
    with pytest.raises(Conflict):
        house.commit(Delete(absent, if_match=1))
    house.commit(Put(absent, {}, create=True))
    with pytest.raises(AlreadyExists):
        house.commit(Put(absent, {}, create=True))
    with pytest.raises(Conflict) as changed:
        house.commit(Put(absent, {"params": {"a": "b"}}, if_match=2))
    assert changed.value.version == 1
    # Also when nothing would change: the writer saw something else.
    with pytest.raises(Conflict):
        house.commit(Put(absent, {}, if_match=2))
    house.commit(Put(absent, {"params": {"a": "b"}}, if_match=1, create=False))
    house.commit(Delete(absent, if_match=2))
    assert not house.catalog.profiles


def test_a_row_is_named_once(house: House) -> None:
    with pytest.raises(Invalid, match="twice"):
        house.commit(PROFILE, Delete(PROFILE.key))


def test_a_domain_goes_with_all_that_stands_under_it(house: House) -> None:
    house.commit(
        put(Noun.DOMAIN, "a.example"),
        put(Noun.DOMAIN, "b.example"),
        put(Noun.GROUP, "sales", "a.example"),
        *(
            put(Noun.USER, str(number), domain, groups=["sales"] if domain == "a.example" else [])
            for number in (1, 2)
            for domain in ("a.example", "b.example")
        ),
    )
    revision = house.delete(key(Noun.DOMAIN, "a.example"))
    assert revision is not None
    assert sorted(str(change.key) for change in revision.changes) == [
        *("domain/a.example", "group/a.example/sales", "user/a.example/1", "user/a.example/2"),
    ]
    assert all(change.after is None and change.before is not None for change in revision.changes)
    with house.store.reading() as session:
        counts = reader.counts(session)
    assert (counts[Noun.USER], counts[Noun.GROUP], counts[Noun.DOMAIN]) == (2, 0, 1)


def test_a_context_goes_with_its_extensions(house: House) -> None:
    house.commit(
        put(Noun.CONTEXT, "default"),
        put(Noun.EXTENSION, "a", "default", xml='<extension name="a"/>'),
        put(Noun.EXTENSION, "b", "default", xml='<extension name="b"/>'),
    )
    revision = house.delete(key(Noun.CONTEXT, "default"), key(Noun.EXTENSION, "a", "default"))
    assert revision is not None
    assert len(revision.changes) == 3


def test_nothing_is_put_under_what_is_not_or_goes(house: House) -> None:
    user = put(Noun.USER, "1", "a.example")
    with pytest.raises(Invalid, match=r"there is no domain/a\.example"):
        house.commit(user)
    house.put(Noun.DOMAIN, "a.example")
    with pytest.raises(Invalid, match=r"there is no domain/a\.example"):
        house.commit(Delete(key(Noun.DOMAIN, "a.example")), user)
    with pytest.raises(Invalid, match=r"there is no domain/a\.example@node:fs1"):
        house.put(Noun.USER, "1", "a.example", Scope(node="fs1"))


def test_revisions_tell_who_when_and_why_and_form_a_chain(house: House) -> None:
    made = [
        house.commit(PROFILE),
        house.commit(GATEWAY),
        house.delete(GATEWAY.key),
        house.put(Noun.DOMAIN, "a.example", params={"x": "é\U0001f511"}),
    ]
    with house.store.reading() as session:
        listed = history.revisions(session)
        assert [revision.number for revision in listed] == [4, 3, 2, 1]
        assert [revision.number for revision in history.revisions(session, below=3, limit=1)] == [2]
        for revision in made:
            assert revision is not None
            assert history.revision(session, revision.number) == _without_row_ids(revision)
        assert listed[0].author == AUTHOR
        assert history.revision(session, 5) is None
        assert [number for number, _ in history.of_row(session, GATEWAY.key)] == [3, 2]
        assert chain.first_broken(session) is None


def _without_row_ids(revision: Revision) -> Revision:
    from dataclasses import replace

    return replace(revision, changes=tuple(replace(change, row_id=0) for change in revision.changes))


@pytest.mark.parametrize("column", ["actor", "reason", "digest", "warnings"])
def test_an_altered_revision_is_noticed(house: House, column: str) -> None:
    for port in range(4):
        house.put(Noun.PROFILE, "external", params={"sip-port": str(port)})
    with house.store.writing() as session:
        row = session.get_one(RevisionRow, 2)
        setattr(row, column, ["altered"] if column == "warnings" else "altered")
    with house.store.reading() as session:
        assert chain.first_broken(session) in (2, 3)


def test_a_revision_left_out_is_noticed(house: House) -> None:
    for port in range(4):
        house.put(Noun.PROFILE, "external", params={"sip-port": str(port)})
    with house.store.writing() as session:
        session.delete(session.get_one(RevisionRow, 2))
    with house.store.reading() as session:
        assert chain.first_broken(session) == 3


def test_of_many_writers_one_wins_each_version_and_none_is_lost(house: House) -> None:
    house.put(Noun.PROFILE, "external", params={"sip-port": "0"})
    wins: list[str] = []

    async def writer(number: int) -> None:
        stands = house.desired.catalog.profiles[PROFILE.key]
        change = Put(PROFILE.key, {"params": {"sip-port": str(number)}}, if_match=stands.version)
        try:
            await house.desired.commit(ChangeSet((change,)), AUTHOR)
        except Conflict:
            return
        wins.append(str(number))

    async def run() -> None:
        for start in range(1, 50, 10):
            before = len(wins)
            await asyncio.gather(*(writer(number) for number in range(start, start + 10)))
            assert len(wins) == before + 1

    asyncio.run(run())
    stands = house.catalog.profiles[PROFILE.key]
    assert stands.version == 6
    with house.store.reading() as session:
        written = [change.after for _, change in history.of_row(session, PROFILE.key)]
    ports = [value.params[0].value for value in written if value is not None and hasattr(value, "params")]
    assert ports == [*reversed(wins), "0"]


def test_two_processes_on_one_database_see_each_other(house: House, database_url: str, vault: Vault) -> None:
    """Each has its own store and catalog; what the other wrote is read before anything is decided."""
    other_store = Store.open(database_url)
    other = Desired.open(other_store, vault, Told())
    outcomes: list[str] = []

    async def write(desired: Desired, number: int) -> None:
        change = Put(PROFILE.key, {"params": {"sip-port": str(number)}}, if_match=number // 2 or None)
        try:
            await desired.commit(ChangeSet((change,)), AUTHOR)
            outcomes.append("won")
        except Conflict:
            outcomes.append("lost")

    async def run() -> None:
        await house.desired.commit(ChangeSet((PROFILE,)), AUTHOR)
        for number in range(2, 20, 2):
            await asyncio.gather(write(house.desired, number), write(other, number + 1))

    try:
        asyncio.run(run())
    finally:
        other_store.close()
    assert outcomes.count("won") == outcomes.count("lost") == 9
    with house.store.reading() as session:
        assert load(session).profiles[PROFILE.key].version == 10
        assert chain.first_broken(session) is None


def test_listeners_hear_of_commits_in_order_before_the_writer_does(house: House) -> None:
    heard: list[tuple[int, int]] = []
    house.desired.listen(lambda revision, catalog: heard.append((revision.number, catalog.revision)))

    async def write(number: int) -> None:
        item = put(Noun.CONTEXT, f"c{number}")
        revision = await house.desired.commit(ChangeSet((item,)), AUTHOR)
        assert revision is not None
        assert (revision.number, revision.number) in heard
        assert item.key in house.desired.catalog.contexts

    async def run() -> None:
        await asyncio.gather(*(write(number) for number in range(20)))

    asyncio.run(run())
    assert heard == [(number, number) for number in range(1, 21)]


def test_a_writer_that_gives_up_does_not_keep_its_commit_from_being_seen(house: House) -> None:
    seen = asyncio.Event()

    async def run() -> None:
        house.desired.listen(lambda *_: seen.set())
        task = asyncio.create_task(house.desired.commit(ChangeSet((PROFILE,)), AUTHOR))
        assert await asyncio.to_thread(house.effects.called.wait, 10)
        task.cancel()
        await asyncio.wait_for(seen.wait(), 10)

    asyncio.run(run())
    assert house.catalog.revision == 1
    assert house.commit(GATEWAY) is not None


def test_a_listener_that_fails_is_told_and_keeps_nobody(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[int] = []

    def fail(revision: Revision, catalog: Catalog) -> None:
        raise LookupError("no")

    house.desired.listen(fail)
    house.desired.listen(lambda revision, _: heard.append(revision.number))
    assert house.commit(PROFILE) is not None
    assert heard == [1]
    assert "a listener failed on revision 1" in caplog.text


def test_another_key_file_is_noticed_at_start(house: House, store: Store) -> None:
    house.commit(PROFILE, GATEWAY)
    with pytest.raises(KeyFileError, match="not the one"):
        Desired.open(store, Vault(bytes(32)), Told())


def test_users_are_indexed_by_group_cidr_alias_and_gateway(house: House) -> None:
    house.commit(
        put(Noun.DOMAIN, "a.example"),
        put(Noun.DOMAIN, "b.example"),
        put(Noun.GROUP, "sales", "a.example"),
        put(Noun.GROUP, "support", "a.example"),
        put(Noun.USER, "2", "a.example", groups=["support", "sales"], number_alias="222"),
        put(Noun.USER, "1", "a.example", groups=["sales"], cidr="192.0.2.0/24"),
        put(Noun.USER, "3", "a.example", gateways=[{"name": "gw", "params": {"password": "x"}}]),
        put(Noun.USER, "1", "b.example", gateways=[{"name": "gw-b"}]),
    )
    a, b = (house.catalog.domains[key(Noun.DOMAIN, name)].id for name in ("a.example", "b.example"))
    with house.store.reading() as session:
        assert _names(reader.users_of(session, a)) == ["1", "2", "3"]
        assert _names(reader.users_of(session, a, "sales")) == ["1", "2"]
        assert _names(reader.users_of(session, a, "support")) == ["2"]
        assert _names(reader.users_with_cidr(session, a)) == ["1"]
        assert _names(reader.users_with_gateways(session, [a, b])) == ["1", "3"]
        assert _names(reader.users_with_gateways(session, [])) == []
        assert _names(reader.users_page(session, a, limit=2)) == ["1", "2"]
        assert _names(reader.users_page(session, a, after="2", limit=2)) == ["3"]
        by_alias = reader.user(session, a, "222")
        assert by_alias is not None
        assert by_alias.value.name == "2"
        assert reader.user(session, a, "222", alias=False) is None
        assert reader.user(session, b, "222") is None
    house.commit(
        put(Noun.USER, "2", "a.example", groups=["support"]),
        put(Noun.USER, "3", "a.example", groups=["sales"], cidr="2001:db8::/32"),
        Delete(key(Noun.USER, "1", "a.example")),
    )
    with house.store.reading() as session:
        assert _names(reader.users_of(session, a, "sales")) == ["3"]
        assert _names(reader.users_with_cidr(session, a)) == ["3"]
        assert _names(reader.users_with_gateways(session, [a])) == []
        assert reader.user(session, a, "222") is None


def _names(rows: tuple[Stored[User], ...]) -> list[str]:
    return [row.value.name for row in rows]


def test_aliases_can_change_hands_in_one_revision(house: House) -> None:
    house.commit(
        put(Noun.DOMAIN, "a.example"),
        put(Noun.USER, "1", "a.example", number_alias="11"),
        put(Noun.USER, "2", "a.example", number_alias="22"),
    )
    revision = house.commit(
        put(Noun.USER, "1", "a.example", number_alias="22"),
        put(Noun.USER, "2", "a.example", number_alias="11"),
    )
    assert revision is not None
    domain = house.catalog.domains[key(Noun.DOMAIN, "a.example")].id
    with house.store.reading() as session:
        found = reader.user(session, domain, "22")
    assert found is not None
    assert found.value.name == "1"


def test_reading_costs_the_same_whatever_the_tables_hold(house: House) -> None:
    house.commit(
        put(Noun.DOMAIN, "a.example"),
        put(Noun.CONTEXT, "default"),
        put(Noun.GROUP, "sales", "a.example"),
    )
    domain = house.catalog.domains[key(Noun.DOMAIN, "a.example")].id
    context = house.catalog.contexts[key(Noun.CONTEXT, "default")].id
    seen = []
    for start in (0, 50):
        house.commit(
            *(
                put(Noun.USER, f"{number}", "a.example", groups=["sales"], params={"password": "p"})
                for number in range(start, start + 50)
            ),
            *(
                put(Noun.EXTENSION, f"x{number}", "default", xml=f'<extension name="x{number}"/>')
                for number in range(start, start + 50)
            ),
        )
        with house.store.reading() as session:
            user = reader.user(session, domain, "7")
            assert user is not None
            refs = [param.value for param in user.value.params if isinstance(param.value, SecretRef)]
            assert refs
            for read in (
                lambda: reader.user(session, domain, "7"),
                lambda: reader.user(session, domain, "none"),
                lambda: reader.users_of(session, domain),
                lambda: reader.users_of(session, domain, "sales"),
                lambda: reader.users_with_cidr(session, domain),
                lambda: reader.users_with_gateways(session, [domain]),
                lambda: reader.extensions(session, context),
                partial(reader.secrets, session, house.vault, refs),
                lambda: reader.counts(session),
            ):
                with counted(house.store) as statements:
                    read()
                seen.append(len(statements))
    assert seen == [1] * 18


def test_a_commit_costs_the_same_whatever_its_size(house: House) -> None:
    house.put(Noun.DOMAIN, "a.example")
    costs = []
    for start, count in ((0, 2), (1000, 400)):
        users = [
            put(Noun.USER, str(number), "a.example", params={"password": "p"}, number_alias=f"9{number}")
            for number in range(start, start + count)
        ]
        with counted(house.store) as statements:
            house.commit(*users)
        costs.append(len(statements))
    assert costs[1] <= costs[0] + 4


def test_scopes_of_one_name_stand_side_by_side(house: House) -> None:
    house.commit(node("fs1", "eu"))
    rows = [
        put(Noun.ACL, "trusted", scope=scope, default="deny") for scope in ("global", "groups:eu", "node:fs1")
    ]
    house.commit(*rows)
    assert [row.value.scope for row in house.catalog.named(Noun.ACL, "trusted")] == [
        *(GLOBAL, Scope(("eu",)), Scope(node="fs1")),
    ]
    house.delete(rows[2].key)
    assert house.catalog.view("fs1").acls["trusted"].value.scope == Scope(("eu",))


def test_user_rows_are_gone_with_their_indexes(house: House) -> None:
    house.commit(put(Noun.DOMAIN, "a.example"), put(Noun.USER, "1", "a.example"))
    house.delete(key(Noun.DOMAIN, "a.example"))
    with house.store.reading() as session:
        assert session.query(UserRow).count() == 0
