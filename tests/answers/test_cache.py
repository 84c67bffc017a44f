from hypothesis import given
from hypothesis import strategies as st

from controlplane.answers.answer import Answer
from controlplane.answers.cache import Cache
from controlplane.answers.ledger import Ledger


def answer(text: str = "x", size: int = 0) -> Answer:
    return Answer(text.encode().ljust(size), None, 1)


def kept(cache: Cache, key: str, value: Answer, *tokens: str) -> bool:
    return cache.put(key, value, guards=tokens, since=cache.generations(tokens), tokens=tokens)


def test_what_is_kept_is_given_till_one_of_its_sources_changes() -> None:
    cache = Cache(10_000)
    assert kept(cache, "a", answer("a"), "domain 1", "users")
    assert kept(cache, "b", answer("b"), "domain 2", "users")
    assert cache.get("a") == answer("a")
    cache.changed("domain 1")
    assert (cache.get("a"), cache.get("b")) == (None, answer("b"))
    cache.changed("users")
    assert (len(cache), cache.size) == (0, 0)


def test_what_was_being_read_during_a_change_is_not_kept() -> None:
    cache = Cache(10_000)
    since = cache.generations(["users"])
    cache.changed("users")
    assert not cache.put("a", answer(), guards=("users",), since=since, tokens=("users",))
    assert cache.get("a") is None


def test_a_dropped_token_is_no_guard() -> None:
    cache = Cache(10_000)
    since = cache.generations(["users"])
    cache.drop("user 1")
    assert cache.put("a", answer(), guards=("users",), since=since, tokens=("user 1",))
    cache.drop("user 1")
    assert cache.get("a") is None


def test_the_least_recently_used_goes_first() -> None:
    cache = Cache(3 * 1000)
    for key in "abc":
        assert kept(cache, key, answer(size=300), "t")
    assert cache.get("a") is not None
    assert kept(cache, "d", answer(size=300), "t")
    assert [key for key in "abcd" if cache.get(key) is not None] == ["a", "c", "d"]


def test_what_is_larger_than_the_cache_is_not_kept() -> None:
    cache = Cache(1000)
    assert kept(cache, "a", answer(size=10), "t")
    assert not kept(cache, "b", answer(size=2000), "t")
    assert cache.get("a") is not None


OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(["put", "get", "changed", "drop"]),
        st.sampled_from("abcdef"),
        st.sets(st.sampled_from("uvwxyz"), min_size=1, max_size=3),
        st.integers(0, 900),
    ),
    max_size=60,
)


@given(OPERATIONS)
def test_it_never_gives_what_is_stale_nor_grows_past_its_limit(
    operations: list[tuple[str, str, set[str], int]],
) -> None:
    cache = Cache(4000)
    model: dict[str, tuple[Answer, set[str]]] = {}
    for number, (kind, key, tokens, size) in enumerate(operations):
        if kind == "put":
            value = answer(str(number), size)
            assert kept(cache, key, value, *sorted(tokens))
            model[key] = (value, tokens)
        elif kind == "get":
            found = cache.get(key)
            assert found is None or found == model[key][0]
        else:
            for token in tokens:
                (cache.changed if kind == "changed" else cache.drop)(token)
            model = {key: row for key, row in model.items() if not row[1] & tokens}
        held = [key for key in "abcdef" if cache.get(key) is not None]
        assert set(held) <= set(model)
        assert len(held) == len(cache)
        assert cache.size <= 4000
        assert (cache.size == 0) == (not held)
    for token in "uvwxyz":
        cache.changed(token)
    assert (len(cache), cache.size, cache._by_token) == (0, 0, {})


def test_the_ledger_knows_what_was_told_after_a_mark() -> None:
    ledger = Ledger()
    ledger.note("fs1", "acl.conf", 4)
    mark = ledger.mark()
    assert ledger.answered("fs1", "acl.conf", mark) is None
    assert ledger.answered("fs1", "acl.conf", 0) == 4
    ledger.note("fs2", "acl.conf", 6)
    assert ledger.answered("fs1", "acl.conf", mark) is None
    ledger.note("fs1", "acl.conf", 5)
    assert ledger.answered("fs1", "acl.conf", mark) == 5
    assert ledger.answered("fs1", "sofia.conf", mark) is None
    ledger.forget("fs1")
    assert ledger.answered("fs1", "acl.conf", mark) is None


def test_the_ledger_does_not_grow_with_names() -> None:
    ledger = Ledger()
    for number in range(3000):
        ledger.note("fs1", f"configuration/{number}", 1)
    assert ledger.answered("fs1", "configuration/0", 0) is None
    assert ledger.answered("fs1", "configuration/2999", 0) == 1
