"""The real program: the command in this process or as one of its own, and a daemon that it serves."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from controlplane.cli.offline import mint, settings
from controlplane.cli.program import app
from controlplane.tenants import Role
from controlplane.tokens import Grant

PATIENCE = 20.0
COMMAND = (sys.executable, "-m", "controlplane.cli")
LISTENING = "lookups at "


def configure(folder: Path, **sections: str) -> Path:
    """Write settings with free ports; sections are given as TOML."""
    listeners = {"operators": "port = 0", "lookups": "port = 0", "log": 'format = "json"'}
    text = "".join(f"[{name}]\n{body}\n" for name, body in (listeners | sections).items())
    config = folder / "config.toml"
    config.write_text(f'data_dir = "{folder / "data"}"\n{text}')
    return config


def ran(*arguments: str, stdin: str = "", environment: Mapping[str, str] | None = None) -> Any:
    """Run the command as a process of its own, to its end."""
    return subprocess.run(
        [*COMMAND, *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env={**os.environ, **(environment or {})},
        check=False,
    )


@dataclass(frozen=True)
class Control:
    """A daemon that `controlplane serve` runs, and an operator who has its token."""

    process: subprocess.Popen[bytes]
    lookups: str
    operators: str
    token: str

    def __call__(self, *arguments: str, stdin: str = "", **environment: str) -> Result:
        """Run a command in this process; environment variables are given by name."""
        said = {"CONTROLPLANE_URL": self.operators, "CONTROLPLANE_TOKEN": self.token, **environment}
        return CliRunner().invoke(app, list(arguments), input=stdin, env=said)

    def done(self, *arguments: str, stdin: str = "", **environment: str) -> str:
        """Run a command that must succeed; gives what it printed."""
        result = self(*arguments, stdin=stdin, **environment)
        assert result.exit_code == 0, result.output
        return result.stdout

    def json(self, *arguments: str, stdin: str = "") -> Any:
        """Run a command with `--json` that must succeed; gives the document."""
        return json.loads(self.done(*arguments, "--json", stdin=stdin))


@contextlib.contextmanager
def serving(folder: Path, **sections: str) -> Iterator[Control]:
    config = configure(folder, **sections)
    token = mint(settings(config), Grant("tester", Role.ADMIN)).text
    log = folder / "log"
    with (
        log.open("w") as output,
        subprocess.Popen([*COMMAND, "serve", "--config", str(config)], stderr=output) as process,
    ):
        try:
            lookups, operators = _listening(process, log)
            yield Control(process, lookups, operators, token)
        finally:
            if process.poll() is None:
                process.kill()


def _listening(process: subprocess.Popen[bytes], log: Path) -> tuple[str, str]:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        for line in log.read_text().splitlines():
            if LISTENING in line:
                words = json.loads(line)["event"].split()
                return words[2].removesuffix("/xml_curl,"), words[5].removesuffix("/api/v1")
        time.sleep(0.02)
    raise AssertionError(log.read_text())
