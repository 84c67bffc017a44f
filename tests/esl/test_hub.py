import asyncio
import threading
import time

import gevent  # type: ignore[import-untyped]
import pytest

from esl.hub import Hub


def test_calls_and_posts_cross_in_order_and_in_their_threads() -> None:
    async def main() -> None:
        hub = Hub("esl-test")
        assert hub.call(lambda: None) is False
        await hub.start()
        ours = threading.get_ident()
        there: list[tuple[int, int]] = []
        here: list[tuple[int, int]] = []
        done = asyncio.Event()

        def back(number: int) -> None:
            here.append((number, threading.get_ident()))
            if number == 999:
                done.set()

        def over(number: int) -> None:
            there.append((number, threading.get_ident()))
            hub.post(back, number)

        for number in range(1000):
            assert hub.call(over, number)
            if number % 100 == 0:
                await asyncio.sleep(0)
        async with asyncio.timeout(5):
            await done.wait()
        assert [number for number, _ in there] == [number for number, _ in here] == list(range(1000))
        assert {ident for _, ident in here} == {ours}
        [gevent_thread] = {ident for _, ident in there}
        assert gevent_thread != ours
        assert await hub.stop(2) is True
        assert hub.call(over, 0) is False
        assert await hub.stop(2) is True
        with pytest.raises(RuntimeError, match="once"):
            await hub.start()

    asyncio.run(main())


def test_a_batch_wakes_the_other_side_once() -> None:
    async def main() -> None:
        hub = Hub()
        await hub.start()
        loop = asyncio.get_running_loop()
        wakes = 0
        original = loop.call_soon_threadsafe

        def counted(*args: object, **more: object) -> object:
            nonlocal wakes
            wakes += 1
            return original(*args, **more)  # type: ignore[arg-type]

        loop.call_soon_threadsafe = counted  # type: ignore[method-assign,assignment]
        seen: list[int] = []
        done = asyncio.Event()

        def post_many() -> None:
            for number in range(500):
                hub.post(seen.append, number)
            hub.post(done.set)

        hub.call(post_many)
        async with asyncio.timeout(5):
            await done.wait()
        assert seen == list(range(500))
        # The posts may have been drained while they were still being made, but not one by one.
        assert wakes < 50
        await hub.stop(2)

    asyncio.run(main())


def test_a_call_that_fails_does_not_end_the_thread(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        hub = Hub()
        await hub.start()
        outcome = asyncio.get_running_loop().create_future()
        hub.call(lambda: 1 / 0)
        hub.call(hub.post, outcome.set_result, "still here")
        async with asyncio.timeout(5):
            assert await outcome == "still here"
        await hub.stop(2)

    asyncio.run(main())
    assert "ZeroDivisionError" in caplog.text


def test_greenlets_end_with_the_hub() -> None:
    async def main() -> None:
        hub = Hub()
        await hub.start()
        ended = asyncio.Event()

        def forever() -> None:
            try:
                gevent.sleep(3600)
            finally:
                hub.post(ended.set)

        hub.call(lambda: hub.spawn(forever))
        assert await hub.stop(2) is True
        async with asyncio.timeout(1):
            await ended.wait()
        assert not any(thread.name == "esl" and thread.is_alive() for thread in _after_a_moment())

    asyncio.run(main())


def _after_a_moment() -> list[threading.Thread]:
    for thread in threading.enumerate():
        if thread.name == "esl":
            thread.join(2)
    return threading.enumerate()


def test_stop_gives_up_on_a_thread_that_is_stuck(caplog: pytest.LogCaptureFixture) -> None:
    release = threading.Event()

    async def main() -> None:
        hub = Hub("esl-stuck")
        await hub.start()
        hub.call(release.wait)  # blocks the thread itself
        began = time.monotonic()
        assert await hub.stop(0.1) is False
        assert time.monotonic() - began < 1
        release.set()

    asyncio.run(main())
    assert "did not end" in caplog.text
    for thread in threading.enumerate():
        if thread.name == "esl-stuck":
            thread.join(2)
            assert not thread.is_alive()


def test_posts_to_a_closed_loop_are_dropped() -> None:
    hub = Hub("esl-orphan")
    posted = threading.Event()

    async def main() -> None:
        await hub.start()

    asyncio.run(main())

    def late() -> None:
        hub.post(print, "nobody hears this")
        posted.set()

    assert hub.call(late)
    assert posted.wait(2)
    assert hub.backlog == 0
    hub.call(hub._finish)
    for thread in threading.enumerate():
        if thread.name == "esl-orphan":
            thread.join(2)
            assert not thread.is_alive()
