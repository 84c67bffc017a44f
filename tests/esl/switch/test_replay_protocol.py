"""The recorded dialogues, one after another, against the stand-in: the same bytes under the mask."""

import asyncio
import json
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

import pytest

from esl.switch import Switch, SwitchConfig
from tests.esl.recordings import exchanges
from tests.esl.switch.backend import canned
from tests.esl.switch.client import PATIENCE
from tests.esl.switch.mask import masked

DISK = {"sofia.conf": canned("sofia-gw1.conf.xml"), "directory": canned("dir-gateways.xml")}
DIALOGUES = {each["command"]: each["exchange"] for each in exchanges("protocol")}

INCOMPATIBLE = {
    "long reply split": "433 interfaces of a real installation; the stand-in lists its few modules",
}
"""Dialogues that are compared in their form only."""

LIVE = {
    "bgapi BACKGROUND_JOB json": "a list of gateways is the body; compared in test_replay_sofia",
    "event plain ALL then reloadxml": "the stream goes on with whatever happens next",
    "sendevent": "FreeSWITCH puts the sender's headers before its own; names are compared, order is not",
}
"""Dialogues whose events are compared without order or in part."""


def as_long(expected: str, heard: str) -> bool:
    return len(heard) >= len(expected)


def whole_json(expected: str, heard: str) -> bool:
    return "{" not in expected or heard.endswith("}")


def till_the_end(_: str) -> bool:
    return False


async def hear(reader: asyncio.StreamReader, enough: Callable[[str], bool]) -> str:
    """What comes till it is enough, or till the end."""
    data = b""
    while not enough(masked(data.decode(errors="ignore"))) and (more := await reader.read(65536)):
        data += more
    return masked(data.decode())


async def replay(
    exchange: list[dict[str, str]],
    enough: Callable[[str, str], bool] = as_long,
    disk: Mapping[str, str] = MappingProxyType({}),
) -> list[tuple[str, str]]:
    """(recorded, heard) of each step. Without gateways on its disk no event of theirs comes in between."""
    pairs = []
    async with Switch(SwitchConfig(disk=disk)) as switch, asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection("127.0.0.1", switch.port)
        for step in exchange:
            if step["sent"]:
                writer.write(step["sent"].encode())
            expected = masked(step["received"])
            closed = step.get("state") == "closed by server"
            till = partial(enough, expected) if not closed else till_the_end
            heard = await hear(reader, till)
            pairs.append((expected, heard))
        writer.close()
    return pairs


@pytest.mark.parametrize(
    "name", [name for name in DIALOGUES if name not in INCOMPATIBLE and name not in LIVE]
)
def test_a_recorded_dialogue(name: str) -> None:
    for expected, heard in asyncio.run(replay(DIALOGUES[name])):
        assert heard == expected


def lines(text: str) -> list[str]:
    return sorted(text.replace(",", "\n").splitlines())


def test_an_event_sent_by_hand_has_the_recorded_headers() -> None:
    for expected, heard in asyncio.run(replay(DIALOGUES["sendevent"])):
        assert lines(heard) == lines(expected)


def test_a_reload_is_told_before_its_own_command() -> None:
    pairs = asyncio.run(replay(DIALOGUES["event plain ALL then reloadxml"]))
    for expected, heard in pairs:
        assert heard.startswith(expected.rstrip("\n"))


def test_a_background_job_in_json_has_the_recorded_keys() -> None:
    expected, heard = asyncio.run(replay(DIALOGUES["bgapi BACKGROUND_JOB json"], whole_json, DISK))[-1]
    told = [json.loads(text[text.index("{") :]) for text in (expected, heard)]
    assert list(told[0]) == list(told[1])
    assert [each["Job-Command"] for each in told] == ["sofia", "sofia"]


def test_modules_are_listed_in_the_recorded_form() -> None:
    dialogue = DIALOGUES["long reply split"]
    _, heard = asyncio.run(replay(dialogue, whole_json))[-1]
    told = json.loads(heard[heard.index("{") :])
    recorded = json.loads(dialogue[-1]["received"].partition("\n\n")[2])
    assert told["row_count"] == len(told["rows"])
    assert list(told) == list(recorded)
    assert {frozenset(row) for row in told["rows"]} == {frozenset(row) for row in recorded["rows"]}
