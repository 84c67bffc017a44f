"""What is touched merges, and survives the queue."""

from hypothesis import given
from hypothesis import strategies as st

from controlplane.push.touches import _NAMES, EVERYTHING, MOST_FLUSHES, CacheKey, Touches, merged

NAMES = st.frozensets(st.text(max_size=3), max_size=3)
KEYS = st.builds(CacheKey, st.sampled_from(["id", "number-alias"]), st.text(max_size=3), st.text(max_size=3))
TOUCHES = st.builds(
    Touches,
    *[NAMES] * len(_NAMES),
    flushes=st.frozensets(KEYS, max_size=3),
    flush_all=st.booleans(),
    everything=st.booleans(),
)


@given(TOUCHES)
def test_json_keeps_everything(touches: Touches) -> None:
    assert Touches.from_json(touches.to_json()) == touches


@given(TOUCHES, TOUCHES)
def test_merging_loses_nothing(one: Touches, other: Touches) -> None:
    both = one.merge(other)
    for name in _NAMES:
        assert getattr(both, name) == getattr(one, name) | getattr(other, name)
    assert both.flush_all or both.flushes == one.flushes | other.flushes
    assert both.flush_all is (one.flush_all or other.flush_all)
    assert both.everything is (one.everything or other.everything)
    assert both == other.merge(one)


def test_empty_is_false() -> None:
    assert not Touches()
    assert Touches(gateways=frozenset({"a"}))
    assert EVERYTHING
    assert Touches().to_json() == {}


def test_too_many_flushes_become_one() -> None:
    many = merged(
        Touches(flushes=frozenset({CacheKey("id", str(number), "d")})) for number in range(MOST_FLUSHES + 1)
    )
    assert many.flush_all
    assert many.flushes == frozenset()


def test_flushing_everybody_covers_each() -> None:
    one = Touches(flushes=frozenset({CacheKey("id", "1", "d")}))
    assert one.merge(Touches(flush_all=True)) == Touches(flush_all=True)
