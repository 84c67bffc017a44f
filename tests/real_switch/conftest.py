"""Fixtures: the program, and a control plane with nodes of it."""

import contextlib
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.house import House
from tests.real_switch.node import Program, RealNode, built
from tests.real_switch.relay import Relay
from tests.real_switch.state import describe


@pytest.fixture(scope="session")
def program() -> Program:
    return Program.named()


class Fleet(House[RealNode]):
    """A control plane with real nodes. `ways`: each node's own, which lead into `relay`, their way to it."""

    def __init__(
        self, folder: Path, names: Sequence[str], program: Program, relay: Relay, settings: str
    ) -> None:
        super().__init__(folder, names, partial(built, program), settings, _url(relay))
        self.relay = relay
        relay.target = self.lookups
        self.ways = {name: Relay(relay.port) for name in names}

    def told(self, node: str) -> Any:
        told = super().told(node)
        ours, own = _url(self.relay), _url(self.ways[node])
        return {**told, "files": {path: text.replace(ours, own) for path, text in told["files"].items()}}

    def close(self) -> None:
        super().close()
        for way in self.ways.values():
            way.close()


def _url(relay: Relay) -> str:
    return f"http://127.0.0.1:{relay.port}/xml_curl"


@contextlib.contextmanager
def _fleet(folder: Path, names: Sequence[str], program: Program, settings: str = "") -> Iterator[Fleet]:
    with (
        contextlib.closing(Relay()) as relay,
        contextlib.closing(Fleet(folder, names, program, relay, settings)) as found,
    ):
        found.start()
        describe(found)
        found.add_nodes()
        found.in_sync()
        yield found


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory, program: Program) -> Iterator[Fleet]:
    """A control plane with one node, for all tests of a file."""
    with _fleet(tmp_path_factory.mktemp("one"), ["fs1"], program) as found:
        yield found


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory, program: Program) -> Iterator[Fleet]:
    """A control plane with two nodes, for all tests of a file."""
    with _fleet(tmp_path_factory.mktemp("two"), ["fs1", "fs2"], program) as found:
        yield found


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory, program: Program) -> Iterator[Fleet]:
    """A control plane with three nodes, for all tests of a file; a gateway is to be well within seconds."""
    settings = "[rollout]\nsettle = 8.0\n"
    with _fleet(tmp_path_factory.mktemp("three"), ["fs1", "fs2", "fs3"], program, settings) as found:
        yield found
