import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from api.pipe import Failed, Pipe, PipeClosed
from controlplane.answers.errors import Unanswerable, Unwritable

Talk = Callable[[Pipe, Pipe], Awaitable[None]]


def between(talk: Talk, here: dict[str, Callable[..., Any]], there: dict[str, Callable[..., Any]]) -> None:
    """Run `talk` with both ends of a pipe."""

    async def run() -> None:
        one, other = socket.socketpair()
        ours, theirs = Pipe(one, here), Pipe(other, there)
        try:
            await talk(ours, theirs)
        finally:
            ours.close()
            theirs.close()

    asyncio.run(run())


def test_what_is_told_is_taken_in_in_order_and_before_a_later_call() -> None:
    seen: list[bytes] = []
    large = b"x" * (4 << 20)

    async def talk(ours: Pipe, theirs: Pipe) -> None:
        for number in range(100):
            ours.tell("seen", large if number == 50 else b"%d" % number)
        assert await ours.call("count", 1) == 101
        assert seen == [large if number == 50 else b"%d" % number for number in range(100)]

    between(talk, {}, {"seen": seen.append, "count": lambda more: len(seen) + more})


def test_who_catches_up_knows_all_that_was_told_before() -> None:
    seen: list[int] = []

    async def talk(ours: Pipe, theirs: Pipe) -> None:
        theirs.tell("seen", 1)
        ours.catch_up()
        assert seen == [1]

    between(talk, {"seen": seen.append}, {})


def test_calls_that_take_long_let_others_by() -> None:
    async def talk(ours: Pipe, theirs: Pipe) -> None:
        go = asyncio.Event()
        handlers["long"] = go.wait
        waiting = asyncio.ensure_future(ours.call("long"))
        assert await ours.call("short") == "at once"
        assert not waiting.done()
        go.set()
        assert await waiting is True

    handlers: dict[str, Callable[..., Any]] = {"short": lambda: "at once"}
    between(talk, {}, handlers)


@pytest.mark.parametrize("error", [Unwritable("a sign"), Unanswerable("no database"), KeyError("fs1")])
def test_the_caller_gets_what_the_handler_raises(error: Exception) -> None:
    def at_once() -> None:
        raise error

    async def later() -> None:
        raise error

    async def talk(ours: Pipe, theirs: Pipe) -> None:
        for name in ("at_once", "later"):
            with pytest.raises(type(error)) as raised:
                await ours.call(name)
            assert raised.value.args == error.args
        assert not theirs.closed.is_set()

    between(talk, {}, {"at_once": at_once, "later": later})


class Particular(Exception):  # noqa: N818
    """Cannot be made again of its text alone."""

    def __init__(self, node: str, reason: str) -> None:
        super().__init__(f"{node}: {reason}")


class Tied(Exception):  # noqa: N818
    """Holds what belongs to its process."""

    def __init__(self) -> None:
        super().__init__("tied")
        self.held = lambda: None


@pytest.mark.parametrize("error", [Particular("fs1", "late"), Tied(), ValueError(lambda: None)])
def test_the_caller_hears_also_of_what_cannot_be_handed_over(error: Exception) -> None:
    def fail() -> None:
        raise error

    async def later() -> None:
        raise error

    async def talk(ours: Pipe, theirs: Pipe) -> None:
        for name in ("fail", "later"):
            async with asyncio.timeout(10):
                with pytest.raises(Failed, match=type(error).__name__):
                    await ours.call(name)
        assert not theirs.closed.is_set()

    between(talk, {}, {"fail": fail, "later": later})


def test_who_cannot_take_in_what_he_was_told_lets_go(caplog: pytest.LogCaptureFixture) -> None:
    """He might go on with what is not so any more."""

    def fail() -> None:
        raise ValueError("a defect")

    async def talk(ours: Pipe, theirs: Pipe) -> None:
        ours.tell("fail")
        await theirs.closed.wait()
        await ours.closed.wait()
        with pytest.raises(PipeClosed):
            await ours.call("fail")
        ours.tell("fail")

    with caplog.at_level(logging.ERROR):
        between(talk, {}, {"fail": fail})
    [record] = caplog.records
    assert "fail, could not be taken in" in record.message


def test_who_waits_is_told_that_the_other_is_gone() -> None:
    async def talk(ours: Pipe, theirs: Pipe) -> None:
        waiting = asyncio.ensure_future(ours.call("never"))
        await asyncio.sleep(0)
        theirs.close()
        with pytest.raises(PipeClosed):
            await waiting

    between(talk, {}, {"never": lambda: asyncio.get_running_loop().create_future()})
