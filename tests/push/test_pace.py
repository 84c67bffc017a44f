"""The pace of pushes, without any clock."""

from hypothesis import given
from hypothesis import strategies as st

from controlplane.push.pace import Pace


@given(st.lists(st.tuples(st.floats(0, 2), st.integers(0, 10)), max_size=50))
def test_no_span_holds_more_than_its_share(steps: list[tuple[float, int]]) -> None:
    pace, now, begun = Pace(rate=10, burst=4), 100.0, list[float]()
    for passed, wanted in steps:
        now += passed
        begun += [now + pace.turn(now) for _ in range(wanted)]
    assert begun == sorted(begun)
    for start, since in enumerate(begun):
        for end in range(start, len(begun)):
            assert end - start + 1 <= 10 * (begun[end] - since) + 4 + 1e-6


def test_a_few_begin_at_once_and_the_rest_evenly() -> None:
    pace = Pace(rate=10, burst=2)
    assert [round(pace.turn(5.0), 6) for _ in range(4)] == [0.0, 0.0, 0.1, 0.2]
    assert [round(pace.turn(6.0), 6) for _ in range(3)] == [0.0, 0.0, 0.1]
