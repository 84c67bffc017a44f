"""A terminal, in which a command believes that somebody sits before it."""

import contextlib
import fcntl
import os
import select
import struct
import subprocess
import termios
import time
from collections.abc import Iterator, Mapping

from tests.cli.program import COMMAND, PATIENCE


class Terminal:
    """What is typed is sent as lines; `screen` holds all that was printed, echo included."""

    def __init__(self, process: subprocess.Popen[bytes], descriptor: int) -> None:
        self.process = process
        self.screen = ""
        self._descriptor = descriptor

    def expect(self, text: str) -> None:
        """Wait till a text was printed."""
        end = time.monotonic() + PATIENCE
        while text not in self.screen:
            assert self._read(end), f"waited for {text!r}:\n{self.screen}"

    def type(self, line: str) -> None:
        os.write(self._descriptor, line.encode() + b"\n")

    def code(self) -> int:
        """Read to the end; gives the exit code."""
        end = time.monotonic() + PATIENCE
        while self._read(end):
            pass
        return self.process.wait(PATIENCE)

    def _read(self, end: float) -> bool:
        readable, _, _ = select.select([self._descriptor], [], [], max(0.0, end - time.monotonic()))
        try:
            part = os.read(self._descriptor, 65536) if readable else b""
        except OSError:  # EIO: the other side is closed
            part = b""
        self.screen += part.decode(errors="replace")
        return bool(part)


@contextlib.contextmanager
def typing(*arguments: str, environment: Mapping[str, str]) -> Iterator[Terminal]:
    """Run the command in a terminal of 100 columns."""
    ours, theirs = os.openpty()
    try:
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
        with subprocess.Popen(
            [*COMMAND, *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            env={**os.environ, "TERM": "xterm", **environment},
        ) as process:
            os.close(theirs)
            try:
                yield Terminal(process, ours)
            finally:
                if process.poll() is None:
                    process.kill()
    finally:
        os.close(ours)
