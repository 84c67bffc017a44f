"""The way between the nodes and the daemon, which can be cut or stopped."""

import contextlib
import selectors
import socket
import threading
from enum import Enum


class Way(Enum):
    """What becomes of a connection."""

    OPEN = "passed on"
    CLOSED = "reset at once"
    STALLED = "accepted, and nothing comes back"


class Relay:
    """Passes connections on to `target`, a port of loopback, as its way is when they come."""

    def __init__(self, target: int = 0) -> None:
        self.target = target
        self.way = Way.OPEN
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = int(self._listener.getsockname()[1])
        self._held: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, name="relay")
        self._thread.start()

    @property
    def holds(self) -> bool:
        """Whether somebody waits whose connection is stalled."""
        return bool(self._held)

    def close(self) -> None:
        # A listener that is shut down wakes the thread that waits on it.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()
        self._let_go()

    def open(self) -> None:
        """Pass on again; what was stalled is reset."""
        self.way = Way.OPEN
        self._let_go()

    def _let_go(self) -> None:
        while self._held:
            self._held.pop().close()

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            match self.way:
                case Way.OPEN:
                    threading.Thread(target=self._pass_on, args=(peer,), daemon=True).start()
                case Way.CLOSED:
                    peer.close()
                case Way.STALLED:
                    self._held.append(peer)

    def _pass_on(self, peer: socket.socket) -> None:
        with peer, contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.target)) as ours:
            other = {peer: ours, ours: peer}
            with selectors.DefaultSelector() as ready:
                for each in other:
                    ready.register(each, selectors.EVENT_READ)
                while True:
                    for key, _ in ready.select():
                        source = peer if key.fileobj is peer else ours
                        data = source.recv(65536)
                        if not data:
                            return
                        other[source].sendall(data)
