"""What a real FreeSWITCH 1.11.2 sent, from tests/data/esl."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent.parent / "data" / "esl"
FILES = tuple(sorted(path.stem for path in FOLDER.glob("*.json")))
STREAMS = tuple(sorted(path.name for path in FOLDER.glob("*.txt")))


@cache
def exchanges(name: str) -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = json.loads((FOLDER / f"{name}.json").read_text())
    return loaded


def received(value: object) -> Iterator[bytes]:
    """Every byte stream in a recording, wherever it stands."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "received" and isinstance(inner, str):
                yield inner.encode()
            else:
                yield from received(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from received(inner)


def replies(*names: str) -> list[tuple[str, str, str]]:
    """(api line, reply, note) of every single api command in these recordings."""
    found = []
    for name in names:
        for exchange in exchanges(name):
            command, raw = exchange["command"], exchange.get("received")
            if (
                isinstance(raw, str)
                and command.startswith("api ")
                and raw.startswith("Content-Type: api/response")
            ):
                text = raw.partition("\n\n")[2]
                found.append((command.removeprefix("api "), text, exchange.get("note") or ""))
    return found
