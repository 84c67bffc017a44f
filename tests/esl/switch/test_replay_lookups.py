"""The recorded lookups and what was answered to commands: the same bodies, the same replies, under a mask."""

import asyncio
import json
import re
import time
from collections.abc import Iterable
from typing import Any

import pytest

from esl.switch import Switch, SwitchConfig
from tests.esl.recordings import exchanges
from tests.esl.switch.backend import DATA, Backend, backend, canned, subject
from tests.esl.switch.client import until

SIMULATED = frozenset(
    (
        *("reloadxml", "reloadacl", "acl", "sofia", "user_exists", "user_data", "find_user_xml"),
        *("xml_locate", "domain_exists", "load", "unload", "reload", "xml_flush_cache"),
    )
)
"""Commands that are replayed. The others in these recordings place calls, list users or keep voicemail."""

NOT_COMPARED = {
    "api sofia status": "of a moment; compared in test_replay_sofia",
    "api unload mod_callcenter": "the recorded node's disk held no callcenter.conf",
    "api load mod_callcenter": "the recorded node's disk held no callcenter.conf",
    "api xml_locate directory domain name example.com": "needs the recorded node's disk, byte for byte",
    "api xml_locate dialplan": "needs the recorded node's disk, byte for byte",
}

DIAL = (
    "{sip_invite_domain=${dialed_domain},presence_id=${dialed_user}@${dialed_domain}}"
    "${sofia_contact(*/${dialed_user}@${dialed_domain})}"
)
DISK = {
    "directory": f"""<document type="freeswitch/xml"><section name="directory"><domain name="example.com">
<params><param name="dial-string" value="{DIAL}"/></params>
<groups><group name="default"><users><user id="1000">
<params><param name="password" value="1234"/><param name="vm-password" value="1000"/></params>
<variables><variable name="user_context" value="default"/></variables>
</user></users></group></groups></domain></section></document>""",
    "sofia.conf": canned("sofia-gw1.conf.xml"),
    "acl.conf": canned("acl.conf.xml"),
}

VARYING = (
    r"Core-UUID=[^&]+",
    r"Event-Date-[^=&]+=[^&]+",
    r"Event-Sequence=\d+",
)
"""Of a body: ids and times."""


def lookups(name: str, scenario: str | None = None) -> list[dict[str, Any]]:
    lines = (DATA / "http" / f"{name}.jsonl").read_text().splitlines()
    found = [json.loads(line) for line in lines]
    return [each for each in found if scenario in (None, each["scenario"])]


def body(text: str) -> str:
    for pattern in VARYING:
        text = re.sub(pattern, lambda found: found[0].partition("=")[0], text)
    return text


def squeezed(text: str) -> str:
    """switch_xml writes blanks of its own between tags."""
    return re.sub(r">\s+<", "><", text).strip() if text.startswith("<") else text


def serve(served: Backend, recorded: Iterable[dict[str, Any]]) -> None:
    """Gives the backend what the recorded one answered with."""
    for each in recorded:
        about = subject(each["body"].encode())
        if each["answered"] == "not-found":
            served.documents.pop(about, None)
        elif each["answered"].endswith(".xml"):
            served.documents[about] = canned(each["answered"])


@pytest.mark.parametrize("scenario", ["boot/notfound", "boot/served-conf-min"])
def test_a_boot_asks_as_recorded(scenario: str) -> None:
    async def main() -> None:
        recorded = lookups("boot", scenario)
        async with backend() as served:
            serve(served, recorded)
            async with Switch(SwitchConfig(xml_curl_url=served.url, disk=DISK)):
                asked = [each.decode() for each in served.requests]
        expected = [body(each["body"]) for each in recorded]
        heard = [body(each) for each in asked]
        assert sorted(heard) == sorted(expected)
        # The workers of profiles run side by side, and so do the last modules and the network lists.
        assert sorted(heard[:5]) == sorted(expected[:5])
        assert heard[0] == expected[0]
        assert heard[5:15] == expected[5:15]
        assert heard[-1] == expected[-1]

    asyncio.run(main())


EXPIRED = ("cache/3000ms-third-after-expiry", "cache/3000ms-expired-and-backend-says-not-found")
"""Before these the recording waited longer than the three seconds for which a user was cached."""


THINNED = "cache/3000ms-expired-and-backend-says-not-found"
"""Of which the lookups, as its name says answered "not found", were not kept."""


class Clock:
    """Time, and what a test adds to it."""

    ahead = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead


def scenarios(name: str) -> dict[str, list[dict[str, Any]]]:
    """Scenario -> its commands, of those in which every command is replayed."""
    found: dict[str, list[dict[str, Any]]] = {}
    for each in exchanges(f"http_{name}_apis"):
        found.setdefault(each["http_scenario"], []).append(each)
    return {
        scenario: commands
        for scenario, commands in found.items()
        if all(each["command"].split()[1] in SIMULATED for each in commands)
    }


@pytest.mark.parametrize("name", ["served", "notfound", "cache"])
def test_commands_are_answered_and_ask_as_recorded(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr("esl.switch.directory.time", clock)

    async def main() -> None:
        async with backend() as served:
            serve(served, lookups("boot", "boot/served-conf-min" if name == "served" else "boot/notfound"))
            # Only the node that was always told "not found" had users on its disk.
            disk = DISK if name == "notfound" else {key: DISK[key] for key in ("sofia.conf", "acl.conf")}
            async with Switch(SwitchConfig(xml_curl_url=served.url, disk=disk)) as switch:
                for scenario, commands in scenarios(name).items():
                    recorded = lookups(name, scenario)
                    serve(served, recorded)
                    served.requests.clear()
                    if scenario in EXPIRED:
                        clock.ahead += 4
                    if scenario == THINNED:
                        served.documents.clear()
                    await run(switch, commands)
                    if not recorded and (name != "cache" or scenario == THINNED):
                        continue  # of these recordings the commands alone were kept
                    asked = sorted(body(each.decode()) for each in served.requests)
                    assert (scenario, asked) == (scenario, sorted(body(each["body"]) for each in recorded))

    asyncio.run(main())


async def run(switch: Switch, commands: Iterable[dict[str, Any]]) -> None:
    for each in commands:
        command = each["command"]
        if command.endswith(" restart"):
            for profile in switch.profiles.values():
                profile.started -= 10
        reply = await switch.api(command.removeprefix("api "))
        await until(lambda: not switch.busy, f"{command} is done")
        if command not in NOT_COMPARED:
            expected = each["received"].partition("\n\n")[2]
            assert (command, squeezed(reply)) == (command, squeezed(expected))


def test_a_broken_file_is_told_of_as_recorded() -> None:
    async def main() -> None:
        disk = {**DISK, "callcenter.conf": canned("callcenter.conf.xml")}
        async with Switch(SwitchConfig(disk=disk)) as switch:
            for each in exchanges("reload_failure"):
                expected = each["received"].partition("\n\n")[2]
                broken = re.search(r"\[(\[?[^S].*)\]\n", expected)
                if "mod_" not in each["command"]:
                    switch.faults.reload_error = broken[1] if broken else None
                reply = await switch.api(each["command"].removeprefix("api "))
                assert (each["command"], reply) == (each["command"], expected)

    asyncio.run(main())
