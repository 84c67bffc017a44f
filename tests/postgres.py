"""A real PostgreSQL server for tests, in a folder of its own, reached by a unix socket only."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psycopg
import pytest

REQUIRED = "CONTROLPLANE_REQUIRE_POSTGRESQL"


@dataclass(frozen=True)
class PostgresServer:
    """A running server; its superuser needs no password."""

    folder: Path
    user: str
    numbers: "count[int]"

    def url(self, database: str) -> str:
        return f"postgresql://{self.user}@/{database}?host={self.folder}"

    def run(self, statement: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())

    @contextlib.contextmanager
    def database(self, template: str = "template1") -> Iterator[str]:
        """A new database, dropped at the end; gives its URL."""
        name = f"test_{next(self.numbers)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield self.url(name)
        finally:
            self.run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def programs() -> Path:
    """Where the server's programs lie; skips without them, or fails when they are required."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    if versions:
        return versions[-1].parent
    sentence = "there is no PostgreSQL server program: install Debian's package postgresql"
    if os.environ.get(REQUIRED) == "1":
        pytest.fail(f"{sentence} ({REQUIRED}=1)")
    pytest.skip(sentence)


def serve() -> Iterator[PostgresServer]:
    """Start a server and stop it; used by the fixture in conftest."""
    bin_folder = programs()
    # initdb and postgres refuse to run as root.
    user = pwd.getpwuid(os.geteuid()).pw_name
    if os.geteuid() == 0:
        user = _unprivileged()
    account = pwd.getpwnam(user)
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    os.chown(folder, account.pw_uid, account.pw_gid)
    log = folder / "log"
    as_user: dict[str, int | list[int]] = {}
    if os.geteuid() == 0:
        as_user = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    data = str(folder / "data")
    make = [str(bin_folder / "initdb"), "-D", data, "-U", user, "-A", "trust", "-E", "UTF8", "--no-sync"]
    start = [str(bin_folder / "postgres"), "-D", data, "-k", str(folder), "-c", "listen_addresses="]
    try:
        with log.open("wb") as output:
            subprocess.run(  # type: ignore[call-overload]
                [*make, "--locale=C.UTF-8"], check=True, cwd=folder, stdout=output, stderr=output, **as_user
            )
            server = subprocess.Popen(  # type: ignore[call-overload]
                [*start, "-c", "fsync=off"], cwd=folder, stdout=output, stderr=output, **as_user
            )
        try:
            running = PostgresServer(folder, user, count(1))
            _wait(running, server, log)
            yield running
        finally:
            # Fast shutdown: sessions that a failed test left open are ended.
            server.send_signal(signal.SIGINT)
            server.wait(timeout=30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _unprivileged() -> str:
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    pytest.fail("there is no unprivileged user to run PostgreSQL as")


def _wait(running: PostgresServer, server: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with contextlib.suppress(psycopg.OperationalError):
            running.run("SELECT 1")
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(timeout=0.05)
            break
    pytest.fail(f"PostgreSQL did not start: {log.read_text(errors='replace')[-2000:]}")
