"""Who listens is told, whatever others do."""

import pytest

from controlplane.signals import Signal


def test_listeners_are_told_in_order_till_they_end(caplog: pytest.LogCaptureFixture) -> None:
    signal: Signal[int] = Signal("numbers")
    heard: list[tuple[str, int]] = []

    def fail(_: int) -> None:
        raise LookupError("no")

    end = signal.listen(lambda number: heard.append(("a", number)))
    signal.listen(fail)
    signal.listen(lambda number: heard.append(("b", number)))
    signal.tell(1)
    end()
    end()
    signal.tell(2)
    assert heard == [("a", 1), ("b", 1), ("b", 2)]
    assert "a listener to numbers failed" in caplog.text


def test_one_that_ends_while_it_is_told_keeps_no_other_from_it() -> None:
    signal: Signal[int] = Signal("numbers")
    heard: list[int] = []
    end = signal.listen(lambda _: end())
    signal.listen(heard.append)
    signal.tell(1)
    assert heard == [1]
