"""The recorded lives of gateways and profiles, replayed: the same replies, the same events, under the mask.

FreeSWITCH's clock is not the stand-in's, so what depends on the moment at which a command came is
compared as sequences instead: the states of each gateway, the fate of each profile, over the whole
recording.
"""

import asyncio
import difflib
import re
from urllib.parse import unquote

from esl.switch import Switch, SwitchConfig, Timing
from tests.esl.recordings import FOLDER, exchanges
from tests.esl.switch.backend import NOT_FOUND, Backend, backend, canned
from tests.esl.switch.client import client, until
from tests.esl.switch.mask import masked

RETRYING = ("gw-fail", "gw-timeout")
"""They fail and try again for ever, on a clock of their own: compared in test_gateways."""

NOT_SIMULATED = {
    "api sofia": "the usage text names what the stand-in does not do",
    "api sofia loglevel all 0": "the SIP stack's log",
    "api sofia global siptrace off": "the SIP stack's trace",
    "api sofia profile internal check_sync": "phones' registrations",
    "api sofia recover": "calls",
}

SERVED: dict[str, dict[float, str | None]] = {
    "gateways": {
        6.36: "sofia-gw1",
        7.37: "sofia-gw2-added",
        9.89: "sofia-gw3-changed",
        15.54: "sofia-gw4-removed",
        33.24: "sofia-gw2-added",
        59.64: "sofia-dupgw",
    },
    "profiles": {
        12.22: "sofia-gw1",
        14.74: "sofia-3profiles",
        18.26: "sofia-badport",
        28.37: "sofia-nosettings",
        33.69: "sofia-3profiles",
        52.31: "sofia-ext-changed-settings",
        68.02: None,
        74.03: "sofia-gw1",
        77.04: None,
        79.05: "sofia-ext-only",
        83.05: "sofia-gw1",
    },
}
"""When the backend was given which sofia.conf; None: it says not found."""

CARRIER = 15070
"""The recorded carrier held this port, which one profile wants."""

AT_ONCE = ("gw-ok", 7)
"""Killed and started again within one tick: of two lives at once, the order is the clock's."""

TIMING = Timing(scale=0.02, heartbeat=3600)


def comparable(text: str) -> str:
    """Under the mask, without the moment's states; gateways that retry are left out of lists."""
    text = masked(text.partition("\n\n")[2] if text.startswith("Content-Type") else text)
    for name in RETRYING:
        text = re.sub(rf"(?m)^ *\w+::{name}\t.*\n", "", text)
        text = re.sub(rf"<gateway>\n<name>{name}</name>(?s:.*?)</gateway>\n.*\n", "", text)
        text = re.sub(rf"  <gateway>\n    <name>{name}</name>(?s:.*?)  </gateway>\n", "", text)
        text = re.sub(rf'\t*"{name}":\t{{(?s:.*?)\t}},?\n', "", text)
        text = re.sub(rf"\b{name} ", "", text)
    text = re.sub(r"(?m)^( *\w+::\S+\tgateway\t *\S+\t).*$", r"\1STATE", text)
    text = re.sub(r"<state>(?!ALIASED|RUNNING)\w+</state>", "<state>STATE</state>", text)
    text = re.sub(r"(?m)^(State   \t|Status  \t)\w+$", r"\1S", text)
    text = re.sub(r"<status>\w+</status>", "<status>S</status>", text)
    # dialogs that the SIP stack has seen
    return re.sub(r"<max-dialog>\d+<", "<max-dialog>N<", text)


def settled(switch: Switch) -> bool:
    """Nothing but waiting: every gateway that does not retry is where it stays."""
    for profile in switch.profiles.values():
        for gateway in profile.gateways:
            quiet = gateway.due is None or gateway.state in ("REGED", "NOREG")
            if gateway.deleted or (gateway.name not in RETRYING and not quiet):
                return False
    return True


def stands(switch: Switch) -> bool:
    return not switch.busy and settled(switch)


def set_ages(switch: Switch, command: str, recorded: str) -> None:
    """The recording waited, or did not wait, the ten seconds in which a profile refuses to stop."""
    now = asyncio.get_running_loop().time()
    old, young = now - 11 * TIMING.scale, now
    for profile in switch.profiles.values():
        if command == "api sofia profile restart all":
            profile.started = young if profile.name == "external" else old
        elif f" {profile.name} " in command:
            profile.started = young if "must be up" in recorded else old


async def replay(
    name: str, switch: Switch, served: Backend
) -> tuple[list[tuple[str, str, str]], list[dict[str, str]]]:
    """(command, recorded reply, heard reply) of each exchange, and the events."""
    compared = []
    async with client(switch.port, events="plain ALL") as connection:
        for exchange in exchanges(name):
            command, at = exchange["command"], exchange.get("at")
            if command in NOT_SIMULATED:
                continue
            if at in SERVED[name]:
                config = SERVED[name][at]
                served.documents["sofia.conf"] = NOT_FOUND if config is None else canned(f"{config}.conf.xml")
            recorded = comparable(exchange["received"])
            if command.endswith((" restart", " stop", " restart all")):
                set_ages(switch, command, recorded)
            heard = comparable(await connection.api(command.removeprefix("api ")))
            if command == "api sofia status":
                # the profiles' order is that of FreeSWITCH's hash; the gateways' is compared in xmlstatus
                recorded, heard = ("\n".join(sorted(each.split("\n"))) for each in (recorded, heard))
            compared.append((f"{at}: {command}", recorded, heard))
            await until(lambda: stands(switch), f"quiet after {command}")
        return compared, connection.events


def recorded_events(name: str) -> list[dict[str, str]]:
    events = []
    text = (FOLDER / f"events_{name}_lifecycle.txt").read_text()
    for block in text.split("Content-Type: text/event-plain\n\n")[1:]:
        pairs = (line.partition(": ") for line in block.partition("\n\n")[0].split("\n"))
        events.append({key: unquote(value) for key, _, value in pairs})
    return events


OWN = re.compile(r"Event-(Date|Sequence|Calling)|FreeSWITCH-|Core-UUID|Content-Length")


def fates(events: list[dict[str, str]]) -> dict[str, list[dict[str, str]]]:
    """The events of each gateway and each profile, in order, without the headers of the event itself."""
    told: dict[str, list[dict[str, str]]] = {}
    for event in events:
        key = event.get("Gateway") or event.get("profile_name")
        if key is not None and key not in RETRYING:
            told.setdefault(key, []).append({name: v for name, v in event.items() if not OWN.match(name)})
    name, count = AT_ONCE
    told[name][:count] = sorted(told[name][:count], key=str)
    return told


def added(events: list[dict[str, str]]) -> list[str]:
    return [each["Gateway"] for each in events if each.get("Event-Subclass") == "sofia::gateway_add"]


def callers(events: list[dict[str, str]]) -> set[tuple[str, ...]]:
    """Where each kind of event is made."""
    return {
        (
            each.get("Event-Subclass", each["Event-Name"]),
            each["Event-Calling-File"],
            each["Event-Calling-Function"],
            each["Event-Calling-Line-Number"],
        )
        for each in events
        if "Gateway" in each or "profile_name" in each or each["Event-Name"] in ("RELOADXML", "API")
    }


def differences(compared: list[tuple[str, str, str]]) -> str:
    """Every reply that is another one than was recorded, line by line."""
    lines: list[str] = []
    for command, recorded, heard in compared:
        lines += difflib.unified_diff(recorded.split("\n"), heard.split("\n"), command, "heard", lineterm="")
    return "\n".join(lines)


def of_the_unsimulated(event: dict[str, str]) -> bool:
    return event.get("Event-Subclass") == "sofia::recovery_recovered"


def test_gateways_and_profiles_live_as_recorded() -> None:
    async def main() -> None:
        async with backend() as served:
            served.documents["sofia.conf"] = canned("sofia-gw1.conf.xml")
            served.documents["gateways"] = canned("dir-gateways.xml")
            config = SwitchConfig(xml_curl_url=served.url, timing=TIMING)
            async with Switch(config) as switch:
                switch.faults.taken_ports.add(CARRIER)
                await until(lambda: stands(switch), "booted")
                del served.documents["gateways"]
                for name in ("gateways", "profiles"):
                    compared, events = await replay(name, switch, served)
                    assert not differences(compared)
                    expected = [each for each in recorded_events(name) if not of_the_unsimulated(each)]
                    assert added(events) == added(expected)
                    assert fates(events) == fates(expected)
                    assert callers(events) == callers(expected)

    asyncio.run(main())
