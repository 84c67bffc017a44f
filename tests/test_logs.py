"""Logs: JSON or readable, carrying what they are about, and no secret."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from controlplane import logs

SECRETS = [
    "postgresql://cp:hunter2@127.0.0.1/cp",
    "Authorization: Basic ZnMxOmh1bnRlcjI=hunter2",
    "authorization: Bearer cp_0123456789ab.hunter2",
    "auth hunter2",
    '<param name="password" value="hunter2"/>',
    '{"vm-password": "hunter2"}',
    "lookup_password=hunter2",
    "a1-hash: hunter2",
]


@pytest.fixture(autouse=True)
def root_logger_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("uvicorn.error").filters.clear()


@pytest.mark.parametrize("style", ["json", "text"])
@pytest.mark.parametrize("text", SECRETS)
def test_no_secret_passes(style: str, text: str) -> None:
    stream = io.StringIO()
    logs.configure(style=style, level="info", stream=stream)
    logging.getLogger("x").warning("seen: %s", text, extra={"more": text})
    try:
        raise ValueError(text)
    except ValueError:
        logging.getLogger("x").exception("failed")
    assert "seen" in stream.getvalue()
    assert "hunter2" not in stream.getvalue()


def test_ordinary_text_passes_unchanged() -> None:
    text = "auth ok; secret 12@3 of gateway/carrier-a; rescan of internal; basic facts"
    assert logs.redact("node fs1: authenticated, revision 12") == "node fs1: authenticated, revision 12"
    assert "12@3" in logs.redact(text)


def test_a_line_says_what_it_is_about() -> None:
    stream = io.StringIO()
    logs.configure(style="json", level="info", stream=stream)
    with logs.about(node="fs1", push=7):
        logging.getLogger("push").info("applied")
    logging.getLogger("push").info("idle")
    first, second = (json.loads(line) for line in stream.getvalue().splitlines())
    assert (first["event"], first["node"], first["push"], first["level"]) == ("applied", "fs1", 7, "info")
    assert "node" not in second


@pytest.mark.parametrize("style", ["json", "text"])
def test_uvicorns_colours_are_left_out(style: str) -> None:
    stream = io.StringIO()
    logs.configure(style=style, level="info", stream=stream)
    coloured = {"color_message": "Started \x1b[36m%d\x1b[0m", "more": "kept"}
    logging.getLogger("uvicorn.error").warning("Started %d", 7, extra=coloured)
    line = stream.getvalue()
    assert "Started 7" in line
    assert "kept" in line
    assert "color_message" not in line
    assert "\x1b" not in line
    assert "[36m" not in line


def test_what_strangers_send_without_end_is_told_now_and_then() -> None:
    stream, now = io.StringIO(), [0.0]
    logs.configure(style="json", level="info", stream=stream)
    server = logging.getLogger("uvicorn.error")
    assert [type(each) for each in server.filters] == [logs.Seldom]
    server.filters[:] = [logs.Seldom(60.0, lambda: now[0])]
    for second in range(121):
        now[0] = float(second)
        server.warning("Invalid HTTP request received.")
    server.warning("Unsupported upgrade request.")
    for _ in range(2):
        server.error("Exception in ASGI application")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == [
        "Invalid HTTP request received.",
        "Invalid HTTP request received. (59 more like it were not told)",
        "Invalid HTTP request received. (59 more like it were not told)",
        "Unsupported upgrade request.",
        "Exception in ASGI application",
        "Exception in ASGI application",
    ]
