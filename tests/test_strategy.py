"""How operators say in which order nodes get a change."""

import pytest

from controlplane.strategy import ALL_AT_ONCE, ONE_BY_ONE, Strategy, Way, parse


@pytest.mark.parametrize(
    ("written", "strategy"),
    [
        ("all-at-once", ALL_AT_ONCE),
        ("one-by-one", ONE_BY_ONE),
        ("batches:10", Strategy(Way.BATCHES, 10)),
        ("canary:europe", Strategy(Way.ONE_BY_ONE, canary="europe")),
        ("canary:europe/all-at-once", Strategy(Way.ALL_AT_ONCE, canary="europe")),
        ("canary:europe/batches:3", Strategy(Way.BATCHES, 3, "europe")),
    ],
)
def test_what_is_written_is_read_and_written_alike(written: str, strategy: Strategy) -> None:
    assert parse(written) == strategy
    assert str(strategy) == written
    assert strategy.at_once is (strategy == ALL_AT_ONCE)


@pytest.mark.parametrize(
    "written",
    ["", "fast", "batches", "batches:0", "batches:-1", "batches:x", "canary", "canary:", "canary:a/b"],
)
def test_what_is_no_strategy_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"is no strategy|needs a group"):
        parse(written)
