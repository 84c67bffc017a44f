"""A real FreeSWITCH: its program, and nodes of it that have on disk only what they cannot be told."""

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from benchmarks.ports import free_ports
from tests.e2e.house import House, Node, Process

PROGRAM = "FREESWITCH"
MODULES = "FREESWITCH_MODULES"
DOMAIN = "pbx.test"
LEFT_ON_DISK = "1999"
"""A user in the node's own files, in a domain that the control plane owns; his password is `on-disk`."""

_BEFORE = ("mod_logfile", "mod_xml_curl", "mod_event_socket")
_NEEDED = ("mod_commands", "mod_sofia", "mod_dialplan_xml", "mod_dptools")
FROM_US = "mod_expr"
"""Loaded because we say so: it stands in our post_load_modules.conf alone."""
OPTIONAL = (
    "mod_loopback",
    "mod_sndfile",
    "mod_tone_stream",
    "mod_conference",
    "mod_voicemail",
    "mod_callcenter",
    "mod_fifo",
    "mod_local_stream",
)
"""What else is loaded where it was built."""
_FOLDERS = "log db run temp storage cache recordings scripts sounds grammar certs htdocs"
_RTP_PORTS = 40


@dataclass(frozen=True, slots=True)
class Program:
    """A FreeSWITCH as it was built."""

    path: Path
    modules: Path

    @classmethod
    def named(cls) -> "Program":
        """The one that the environment names; skips without, and fails when it is none."""
        if not os.environ.get(PROGRAM):
            pytest.skip(
                f"set {PROGRAM} to a FreeSWITCH program (such as /usr/bin/freeswitch), and {MODULES} to its"
                " folder of modules if that is not found from there, to test against a real switch"
            )
        path = Path(os.environ[PROGRAM]).resolve()
        assert os.access(path, os.X_OK), f"{PROGRAM}={path} is no program"
        prefix = path.parent.parent
        given = os.environ.get(MODULES)
        folders = [Path(given)] if given else [prefix / "lib/freeswitch/mod", prefix / "mod"]
        for folder in folders:
            if all((folder / f"{module}.so").exists() for module in (*_BEFORE, *_NEEDED, FROM_US)):
                return cls(path, folder)
        wanted = ", ".join((*_BEFORE, *_NEEDED, FROM_US))
        pytest.fail(f"{folders[0]} does not hold {wanted}: set {MODULES} to the folder that does")

    def loads(self) -> tuple[str, ...]:
        """What a node of the tests loads, in that order."""
        found = (module for module in OPTIONAL if (self.modules / f"{module}.so").exists())
        return (*_BEFORE, *_NEEDED, *found)


class RealNode(Node):
    """A node that is a FreeSWITCH. `internal`, `external`: the ports of its SIP profiles."""

    def __init__(self, name: str, port: int, folder: Path, program: Program, told: Mapping[str, Any]) -> None:
        self.program = program
        self.folder = folder
        self.internal, self.external, *self._rtp = free_ports(2 + _RTP_PORTS)
        self._write(name, told["files"])
        words = [str(program.path), "-nonat", "-nocal", "-np", "-nf", "-nc", "-mod", str(program.modules)]
        words += ["-conf", str(folder / "conf")]
        for each in _FOLDERS.split():
            (folder / each).mkdir()
            words += [f"-{each}", str(folder / each)]
        super().__init__(name, port, Process(folder / "output", words))

    def log(self) -> str:
        return (self.folder / "log" / "freeswitch.log").read_text(errors="replace")

    def complaints(self) -> list[str]:
        """The errors in its log, as far as they follow its own format."""
        return [line for line in self.log().splitlines() if "[ERR]" in line or "[CRIT]" in line]

    def channels(self) -> list[dict[str, str]]:
        """The calls' legs that stand on it."""
        rows: list[dict[str, str]] = json.loads(self.api("show channels as json")).get("rows", [])
        return rows

    def state(self, gateway: str) -> str:
        """The state of a gateway's registration; empty when there is none of that name."""
        found = re.search("<state>(.*?)</state>", self.api(f"sofia xmlstatus gateway {gateway}"))
        return found[1] if found else ""

    def setting(self, profile: str, name: str) -> str:
        """What a running profile shows of a setting; empty when it does not run."""
        found = re.search(f"<{name}>(.*?)</{name}>", self.api(f"sofia xmlstatus profile {profile}"))
        return found[1] if found else ""

    def _write(self, name: str, files: Mapping[str, str]) -> None:
        told = dict(files)
        # As an operator adds what else the node runs.
        rest = [module for module in self.program.loads() if f'"{module}"' not in told["modules.conf.xml"]]
        loads = "".join(f'<load module="{module}"/>\n' for module in rest)
        told["modules.conf.xml"] = told["modules.conf.xml"].replace("</modules>", f"{loads}</modules>")
        for path, text in {**dict(self._own_files(name)), **told}.items():
            where = self.folder / "conf" / ("" if path == "freeswitch.xml" else "autoload_configs") / path
            where.parent.mkdir(parents=True, exist_ok=True)
            where.write_text(text)
            where.chmod(0o600)

    def _own_files(self, name: str) -> Iterator[tuple[str, str]]:
        variables = {"domain": DOMAIN, "internal_port": self.internal, "external_port": self.external}
        lines = [f'<X-PRE-PROCESS cmd="set" data="{name}={value}"/>' for name, value in variables.items()]
        yield (
            "freeswitch.xml",
            "\n".join(
                (
                    '<document type="freeswitch/xml">',
                    *lines,
                    '<section name="configuration">',
                    '<X-PRE-PROCESS cmd="include" data="autoload_configs/*.xml"/>',
                    "</section>",
                    f'<section name="directory"><domain name="{DOMAIN}"><user id="{LEFT_ON_DISK}"><params>',
                    '<param name="password" value="on-disk"/>',
                    "</params></user></domain></section>",
                    "</document>",
                    "",
                )
            ),
        )
        settings = {
            "switchname": name,
            "rtp-start-port": self._rtp[0],
            "rtp-end-port": self._rtp[-1],
            "max-sessions": 100,
            "loglevel": "debug",
        }
        params = "".join(f'<param name="{key}" value="{value}"/>\n' for key, value in settings.items())
        yield "switch.conf.xml", _document("switch.conf", f"<settings>\n{params}</settings>")
        yield "console.conf.xml", _document("console.conf", "<mappings/><settings/>")
        levels = "debug,info,notice,warning,err,crit,alert"
        yield (
            "logfile.conf.xml",
            _document(
                "logfile.conf",
                f'<profiles><profile name="default"><mappings><map name="all" value="{levels}"/></mappings>'
                "</profile></profiles>",
            ),
        )


def _document(name: str, inner: str) -> str:
    return f'<configuration name="{name}">\n{inner}\n</configuration>\n'


def built(program: Program, house: House[Any], name: str, port: int, told: Mapping[str, Any]) -> RealNode:
    return RealNode(name, port, house.folder / name, program, told)
