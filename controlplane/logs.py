"""Structured logs: JSON for machines, readable on a terminal; no secret in either.

Rooms log with plain `logging`. What a line is about (node, revision, push, request) is
bound once with `about`, and every line of that task carries it.
"""

import logging
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict

# The last net, not the first: nothing that holds a secret is logged to begin with. It knows what
# passwords look like in the texts that pass through here. Quotes may stand escaped, as in JSON.
_QUOTE = r"""\\?["']"""
_END = r"""\s"'\\,;&<>"""
_SECRETS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(://[^:/@\s]*:)[^@/\s]+(?=@)",  # a URL's
        rf"(\bauthorization{_QUOTE}?\s*:?\s*{_QUOTE}?\w+\s+)[^{_END}]+",  # HTTP's
        rf"(\bbearer\s+)[^{_END}]+",
        r"(\bcp_[0-9a-f]{12}\.)[\w-]+",  # an operator's token
        rf"(\b(?:user)?auth\s+)(?=[^\s]*[\d:])[^{_END}]+",  # Event Socket's
        rf"(name={_QUOTE}[^{_END}]*(?:password|secret|a1-hash|-pass)[^{_END}]*{_QUOTE}\s+value={_QUOTE})[^\"'\\]*",
        # A field's; a reference to a secret (12@3) is none.
        rf"((?:password|passwd|secret|a1-hash)[\w-]*{_QUOTE}?\s*[=:]\s*{_QUOTE}?)(?!\d+@\d+\b)[^{_END}]+",
    )
)


def configure(*, style: str, level: str, stream: TextIO = sys.stderr) -> None:
    """Set up logging for the process; `style` is `auto`, `json` or `text`."""
    readable = stream.isatty() if style == "auto" else style == "text"
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.ExtraAdder(),
        _uncoloured,
    ]
    renderer: list[Any] = (
        [structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)]
        if readable
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        _Redacting(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # Their own account of what we already say, line by line.
    for chatty in ("apscheduler", "alembic", "uvicorn", "httpx2", "httpcore2"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    server = logging.getLogger("uvicorn.error")
    server.filters[:] = [Seldom()]


@contextmanager
def about(**what: str | int) -> Iterator[None]:
    """Bind what the lines of this task are about: node, revision, push, request."""
    with structlog.contextvars.bound_contextvars(**what):
        yield


def redact(text: str) -> str:
    """Take out what looks like a secret."""
    for pattern in _SECRETS:
        text = pattern.sub(r"\1***", text)
    return text


class Seldom(logging.Filter):
    """Lets a warning of one text by once in `period` seconds, and says how many were left out before it.

    For a server's own words about requests that are none: anybody may send those, without end.
    """

    def __init__(self, period: float = 60.0, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._period = period
        self._clock = clock
        self._said: dict[str, tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno != logging.WARNING:
            return True
        text, now = record.getMessage(), self._clock()
        since, left_out = self._said.get(text, (now - self._period, 0))
        if now - since < self._period:
            self._said[text] = (since, left_out + 1)
            return False
        self._said[text] = (now, 0)
        if left_out:
            record.msg, record.args = f"{text} ({left_out} more like it were not told)", None
        return True


def _uncoloured(_logger: object, _method: str, line: EventDict) -> EventDict:
    """Drop what uvicorn adds for terminals: its message again, with escapes."""
    line.pop("color_message", None)
    return line


class _Redacting(structlog.stdlib.ProcessorFormatter):
    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))
