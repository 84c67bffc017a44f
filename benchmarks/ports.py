"""Free ports of loopback."""

import random
import socket
from contextlib import ExitStack

# Below the ports that the kernel gives to outgoing connections, which could take one before it is used.
_FIRST, _LAST = 20_000, 32_000


def free_ports(count: int) -> list[int]:
    """Give so many ports in a row that were free a moment ago."""
    starts = list(range(_FIRST, _LAST - count, count))
    random.shuffle(starts)
    for first in starts:
        with ExitStack() as stack:
            try:
                for port in range(first, first + count):
                    stack.enter_context(socket.create_server(("127.0.0.1", port)))
            except OSError:
                continue
            return list(range(first, first + count))
    raise RuntimeError(f"no {count} ports in a row are free")
