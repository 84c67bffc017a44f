from hypothesis import given
from hypothesis import strategies as st

from controlplane.push.pace import Pace


@given(st.lists(st.tuples(st.floats(0, 2), st.integers(0, 10)), max_size=50))
def test_no_span_holds_more_than_its_share(steps: list[tuple[float, int]]) -> None:
    pace, now, taken = Pace(rate=10, burst=4), 100.0, list[tuple[float, int]]()
    for passed, wanted in steps:
        now += passed
        count = min(wanted, pace.allowed(now))
        pace.take(count)
        taken.append((now, count))
    for start, (since, _) in enumerate(taken):
        for end in range(start, len(taken)):
            span = taken[end][0] - since
            assert sum(count for _, count in taken[start : end + 1]) <= 10 * span + 4 + 1e-6


def test_when_none_is_allowed_it_says_when_one_is() -> None:
    pace = Pace(rate=10, burst=2)
    assert pace.allowed(5.0) == 2
    pace.take(2)
    assert pace.allowed(5.0) == 0
    assert pace.allowed(pace.next() + 1e-9) == 1
