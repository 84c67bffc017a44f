"""A switch in a thread of its own, for tests and programs that are not asynchronous."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from esl.switch.config import SwitchConfig
from esl.switch.switch import Switch


@contextmanager
def running(config: SwitchConfig) -> Iterator[Switch]:
    """Yields a switch that runs in a thread with its own event loop, and stops it at the end.

    ``faults`` may be changed and ``commands``, ``lookups``, ``gateways`` and ``profiles`` read from any
    thread; coroutines go through ``call``: ``switch.call(switch.api, "status")``,
    ``switch.call(switch.reboot)``. Raises what ``start`` raised.
    """
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name=f"switch {config.name}", daemon=True)
    thread.start()

    async def start() -> Switch:
        switch = Switch(config)
        try:
            await switch.start()
        except BaseException:
            await switch.stop()
            raise
        return switch

    try:
        switch = asyncio.run_coroutine_threadsafe(start(), loop).result()
        try:
            yield switch
        finally:
            switch.call(switch.stop)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
