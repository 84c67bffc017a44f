"""`controlplane demo`: a daemon, a sample tenant and two stand-in nodes, for the first five minutes.

Everything is a process of its own, as in production, on loopback and in one folder that is
removed at the end. This module only starts them, waits for each, and ends them in order.
"""

import contextlib
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx2

from controlplane.cli.failure import Code, Failure
from controlplane.cli.output import Output
from controlplane.cli.sample import NODES, sample

# The ports that the documentation names, taken when they are free.
OPERATORS_PORT, LOOKUPS_PORT = 8080, 8081
SWITCH_PORTS = (8021, 8022)
_PATIENCE = 60.0
_ESL_PASSWORD = "ClueCon"  # noqa: S105 - FreeSWITCH's well-known default; loopback only


class DemoFailed(Failure):
    """A part of the demo did not come up; the text says which and why."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the demo did not start: {reason}", Code.NODE_FAILED)


@dataclass(frozen=True, slots=True)
class Running:
    """A demo that is up: where its API is, an operator's token, and where each node listens."""

    url: str
    token: str
    nodes: Mapping[str, int]


def run(out: Output) -> None:
    """Show the demo till Ctrl-C, SIGTERM, or the terminal is closed; raises DemoFailed."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        with contextlib.ExitStack() as stack:
            with out.progress("starting a daemon and two nodes"):
                running = stack.enter_context(started())
            out.text(screen(running))
            signal.pause()
    except KeyboardInterrupt:
        out.say("stopped")


@contextlib.contextmanager
def started() -> Iterator[Running]:
    """Start everything, wait till both nodes are in sync, and end it all on the way out.

    Raises DemoFailed.
    """
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="controlplane-demo-")))
        operators, lookups = free_port(OPERATORS_PORT), free_port(LOOKUPS_PORT)
        config = folder / "config.toml"
        config.write_text(
            f'data_dir = "{folder}"\n[operators]\nport = {operators}\n[lookups]\nport = {lookups}\n'
            '[reconcile]\nperiod = 5\njitter = 0\n[log]\nformat = "text"\n'
        )
        token = _output(_command("token", "create", "demo", "--config", str(config), "--json"))["token"]
        daemon = stack.enter_context(
            process(_command("serve", "--config", str(config)), folder / "daemon.log")
        )
        url = f"http://127.0.0.1:{operators}"
        client = stack.enter_context(
            httpx2.Client(
                base_url=f"{url}/api/v1",
                headers={"Authorization": f"Bearer {token}"},
                timeout=30,
                trust_env=False,
            )
        )
        _wait(lambda: _ready(url), "the daemon answers", daemon, folder / "daemon.log")
        ports = {name: free_port(port) for name, port in zip(NODES, SWITCH_PORTS, strict=True)}
        passwords = _fill(client, ports)
        for name, port in ports.items():
            log = folder / f"{name}.log"
            command = [
                *(sys.executable, "-m", "esl.switch", "--name", name, "--port", str(port)),
                *("--url", f"http://127.0.0.1:{lookups}/xml_curl", "--user", name, "--chatter", "2"),
            ]
            secrets = {"SWITCH_PASSWORD": _ESL_PASSWORD, "SWITCH_LOOKUP_PASSWORD": passwords[name]}
            switch = stack.enter_context(process(command, log, secrets))
            _wait(partial(_connected, client, name), f"node {name} is connected", switch, log)
        for name in NODES:
            _send(client, "POST", f"/nodes/{name}/adopt", {})
        _wait(lambda: _in_sync(client), "both nodes are in sync", daemon, folder / "daemon.log")
        yield Running(url, token, ports)


def screen(running: Running) -> str:
    """Write what to try, on one screen; every command can be pasted as it stands."""
    first, port = next(iter(running.nodes.items()))
    return f"""\
{running.url}/api/v1 is the API; two stand-in FreeSWITCH nodes follow it: {", ".join(running.nodes)}.

Paste this into another terminal: the API, an operator's token, and where the program is.
  export CONTROLPLANE_URL={running.url}
  export CONTROLPLANE_TOKEN={running.token}
  export PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH

1. Change a gateway's password, and watch it land on both nodes:
  echo changed | controlplane set gateway trunk-a --secret password --wait 30

2. Break {first} by hand, as somebody with fs_cli would, and watch it be repaired within 5 seconds:
  python -m esl.switch --tell 127.0.0.1:{port} 'sofia profile external killgw trunk-b'
  controlplane gateways; sleep 6; controlplane gateways

3. See what {first} would be told about a user, and from which rows:
  controlplane explain {first} --user 1001@acme.example

Ctrl-C ends the demo and removes everything it made."""


def free_port(wanted: int) -> int:
    """Give the wanted port of loopback when it is free, else another."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise DemoFailed("no port of 127.0.0.1 is free")


@contextlib.contextmanager
def process(
    command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process, its output into `log`; ended on the way out, first politely."""
    with log.open("wb") as output:
        # A session of its own: Ctrl-C reaches us alone, and we end the parts in order.
        child = subprocess.Popen(  # noqa: S603 - our own program
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
    try:
        yield child
    finally:
        child.terminate()
        try:
            child.wait(12)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "controlplane.cli", *arguments]


def _output(command: Sequence[str]) -> dict[str, Any]:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own program
    if done.returncode != 0:
        raise DemoFailed(done.stderr.strip() or f"{command[3]} ended with {done.returncode}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _fill(client: httpx2.Client, ports: Mapping[str, int]) -> dict[str, str]:
    """Put the nodes and the sample tenant in; gives each node's lookup password."""
    for name, port in ports.items():
        node = {"name": name, "host": "127.0.0.1", "port": port, "groups": ["europe"]}
        _send(client, "POST", "/nodes", {**node, "event_socket_password": _ESL_PASSWORD})
    for each in sample():
        _send(client, "PUT", each.path, each.body)
    return {name: _send(client, "GET", f"/nodes/{name}/config")["lookup_password"] for name in ports}


def _send(client: httpx2.Client, method: str, path: str, body: object = None) -> dict[str, Any]:
    response = client.request(method, path, json=body)
    if response.is_error:
        raise DemoFailed(f"{method} {path}: {response.text}")
    answer: dict[str, Any] = response.json()
    return answer


def _ready(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/readyz", trust_env=False).is_success
    except httpx2.TransportError:
        return False


def _connected(client: httpx2.Client, name: str) -> bool:
    return bool(_send(client, "GET", f"/nodes/{name}/status")["connected"])


def _in_sync(client: httpx2.Client) -> bool:
    return all(_send(client, "GET", f"/nodes/{name}/status")["in_sync"] for name in NODES)


def _wait(so: Callable[[], bool], what: str, child: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _PATIENCE
    while not so():
        if child.poll() is not None or time.monotonic() > end:
            last = log.read_text(errors="replace").strip().splitlines()[-3:]
            raise DemoFailed(f"waited for: {what}. Last words: " + " / ".join(last))
        time.sleep(0.05)
