"""A control plane and its nodes, each a process started from the command line."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import httpx2

from benchmarks.ports import free_ports

PATIENCE = 30.0
ESL_PASSWORD = "ClueCon"
PERIOD = 2.0
"""Seconds between two comparisons of each node."""
PYTHON = (sys.executable, "-m")


def wait(so: Callable[[], Any], what: str, patience: float = PATIENCE) -> Any:
    """Wait till it is so, and give what it gave."""
    end = time.monotonic() + patience
    while not (found := so()):
        assert time.monotonic() < end, f"waited in vain for: {what}"
        time.sleep(0.02)
    return found


class Life(Protocol):
    """What is started and ended, perhaps more than once."""

    def start(self) -> None: ...
    def stop(self, number: signal.Signals = signal.SIGTERM) -> int: ...
    def close(self) -> None: ...


class Process:
    """A program of ours; started again with the same words after it ended."""

    def __init__(self, log: Path, words: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        self.log = log
        self._words = list(words)
        self._environment = {**os.environ, **(environment or {})}
        self.child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        assert self.child is None
        with self.log.open("ab") as output:
            self.child = subprocess.Popen(
                self._words,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self._environment,
                start_new_session=True,
            )

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it, and give its exit code."""
        assert self.child is not None
        child, self.child = self.child, None
        child.send_signal(number)
        return child.wait(15)

    def close(self) -> None:
        if self.child is not None:
            self.stop(signal.SIGKILL)


class Node:
    """A node with a life of its own."""

    def __init__(self, name: str, port: int, process: Life) -> None:
        self.name = name
        self.port = port
        self.process = process

    def api(self, command: str) -> str:
        """Run a command on the node by hand, as with fs_cli, and give its reply."""
        with socket.create_connection(("127.0.0.1", self.port), 5) as link:
            stream = link.makefile("rwb")
            assert _headers(stream)["Content-Type"] == "auth/request"
            stream.write(f"auth {ESL_PASSWORD}\n\n".encode())
            stream.flush()
            assert _headers(stream)["Reply-Text"] == "+OK accepted"
            stream.write(f"api {command}\n\n".encode())
            stream.flush()
            return str(stream.read(int(_headers(stream)["Content-Length"])).decode())

    def gateway(self, name: str) -> bool:
        """Whether the node runs a gateway of that name."""
        return self.api(f"sofia xmlstatus gateway {name}").startswith("<")

    def fingerprint(self, name: str) -> str:
        """A gateway's; empty when it does not run, or has none."""
        reply = self.api(f"sofia_gateway_data {name} ivar controlplane_fingerprint")
        return "" if reply.startswith("-ERR") else reply


class StandIn(Node):
    """A node that is no FreeSWITCH, and tells what was asked of it."""

    def took(self) -> list[str]:
        """What the control plane had it do, in order."""
        return self.api("standin commands").splitlines()


def _headers(stream: Any) -> dict[str, str]:
    found: dict[str, str] = {}
    while line := stream.readline().decode().rstrip("\n"):
        name, _, value = line.partition(": ")
        found[name] = value
    return found


N_co = TypeVar("N_co", bound=Node, covariant=True)
N = TypeVar("N", bound=Node)


class Builds(Protocol[N_co]):
    """Makes a node that the control plane knows already; `told`: what it says the node needs on its disk."""

    def __call__(self, house: "House[Any]", name: str, port: int, told: Mapping[str, Any]) -> N_co: ...


def stand_in(house: "House[Any]", name: str, port: int, told: Mapping[str, Any]) -> StandIn:
    words = [*PYTHON, "esl.switch", "--name", name, "--port", str(port), "--user", name]
    words += ["--url", f"http://127.0.0.1:{house.lookups}/xml_curl", "--fast"]
    secrets = {"SWITCH_PASSWORD": ESL_PASSWORD, "SWITCH_LOOKUP_PASSWORD": str(told["lookup_password"])}
    return StandIn(name, port, Process(house.folder / f"{name}.log", words, secrets))


class House(Generic[N]):
    """The control plane with its nodes, and an operator's client.

    `lookup_url`: where nodes are told to ask; empty: the daemon itself.
    """

    def __init__(
        self,
        folder: Path,
        names: Sequence[str],
        build: Builds[N],
        settings: str = "",
        lookup_url: str = "",
    ) -> None:
        self.folder = folder
        self._build = build
        operators, self.lookups, *ports = free_ports(2 + len(names))
        self.ports = dict(zip(names, ports, strict=True))
        self.config = folder / "config.toml"
        self.config.write_text(
            f'data_dir = "{folder / "var"}"\n'
            f"[operators]\nport = {operators}\n[lookups]\nport = {self.lookups}\n"
            f'public_url = "{lookup_url}"\n'
            f"[reconcile]\nperiod = {PERIOD}\njitter = 0\n[push]\nretry_min = 0.2\nretry_max = 0.5\n"
            f"[event_socket]\nbackoff_min = 0.1\nbackoff_max = 0.3\n{settings}"
        )
        self.daemon = Process(
            folder / "daemon.log", [*PYTHON, "controlplane.cli", "serve", "--config", str(self.config)]
        )
        self.url = f"http://127.0.0.1:{operators}"
        self.client = httpx2.Client(
            base_url=f"{self.url}/api/v1",
            headers={"Authorization": f"Bearer {self._token()}"},
            timeout=20,
        )
        self.nodes: dict[str, N] = {}

    def start(self) -> None:
        """Start the daemon, and wait till it can answer."""
        self.daemon.start()
        wait(self._ready, f"the daemon answers ({self.daemon.log.read_text()[-500:]})")

    def add_nodes(self) -> None:
        """Let every node be known, start it, and adopt it."""
        for name, port in self.ports.items():
            body = {"name": name, "host": "127.0.0.1", "port": port, "groups": ["all"]}
            self.send("POST", "/nodes", {**body, "event_socket_password": ESL_PASSWORD})
            node = self._build(self, name, port, self.told(name))
            self.nodes[name] = node
            node.process.start()
            self._connected(name)
            self.send("POST", f"/nodes/{name}/adopt", {})

    def told(self, node: str) -> Any:
        """What the node is to have on its disk."""
        return self.send("GET", f"/nodes/{node}/config")

    def send(self, method: str, path: str, body: Any = None) -> Any:
        response = self.client.request(method, path, json=body)
        assert response.is_success, f"{method} {path}: {response.text}"
        return response.json()

    def status(self, node: str) -> Any:
        return self.send("GET", f"/nodes/{node}/status")

    def _connected(self, node: str) -> None:
        wait(lambda: self.status(node)["connected"], f"{node} is connected")

    def landed(self, node: str, revision: int) -> None:
        """Wait till the node has shown that revision."""
        wait(lambda: self.status(node)["applied_revision"] >= revision, f"revision {revision} on {node}")

    def in_sync(self) -> None:
        """Wait till all nodes are as they should be."""
        wait(
            lambda: all(each["in_sync"] for each in self.send("GET", "/status")["items"]),
            "all nodes are in sync",
        )

    def close(self) -> None:
        self.client.close()
        for node in self.nodes.values():
            node.process.close()
        self.daemon.close()

    def _token(self) -> str:
        words = ["controlplane.cli", "token", "create", "tester", "--config", str(self.config), "--json"]
        done = subprocess.run([*PYTHON, *words], capture_output=True, text=True, check=True)
        return str(json.loads(done.stdout)["token"])

    def _ready(self) -> bool:
        assert self.daemon.child is not None
        assert self.daemon.child.poll() is None, self.daemon.log.read_text()
        try:
            return httpx2.get(f"{self.url}/readyz").is_success
        except httpx2.TransportError:
            return False


@contextlib.contextmanager
def house(
    folder: Path, names: Sequence[str] = ("fs1", "fs2"), settings: str = ""
) -> Iterator[House[StandIn]]:
    """A daemon with stand-in nodes that it manages; everything ends with the test."""
    found = House(folder, names, stand_in, settings)
    try:
        found.start()
        found.add_nodes()
        yield found
    finally:
        found.close()
