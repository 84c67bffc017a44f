"""The processes of a benchmark, each its own interpreter: the daemon, stand-in nodes, load."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import httpx2

from benchmarks.load import Job, Result

PATIENCE = 60.0


@contextmanager
def python(
    module: str, *arguments: str, output: Path, idle: bool = False
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `python -m module`, its output into a file; terminated on the way out.

    `idle`: only with processor time that nobody else wants.
    """
    with output.open("wb") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", module, *arguments], stdout=log, stderr=subprocess.STDOUT
        )
    if idle:
        os.sched_setscheduler(child.pid, os.SCHED_IDLE, os.sched_param(0))
    try:
        yield child
    finally:
        child.terminate()
        try:
            child.wait(15)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


@contextmanager
def daemon(config: Path, operators: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run the daemon as in production, and wait till it is ready."""
    log = config.with_name("daemon.log")
    with python("controlplane.cli", "serve", "--config", str(config), output=log) as child:
        end = time.monotonic() + PATIENCE
        while not _ready(operators):
            if child.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"the daemon did not start: {log.read_text()[-2000:]}")
            time.sleep(0.05)
        yield child


@contextmanager
def bare(size: int, folder: Path, *tls: Path) -> Iterator[int]:
    """Run the bare app, answering `size` bytes; `tls`: its certificate and key. Gives its port."""
    log = folder / "bare.log"
    with python("benchmarks.bare", str(size), *map(str, tls), output=log):
        end = time.monotonic() + PATIENCE
        while not (text := log.read_text().strip()).isdecimal():
            if time.monotonic() > end:
                raise RuntimeError(f"the bare app did not start: {text}")
            time.sleep(0.05)
        yield int(text)


def load(job: Job) -> Result:
    """Run one load to its end."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.load"],
        input=json.dumps(asdict(job)),
        capture_output=True,
        text=True,
        check=True,
        timeout=job.seconds + 60,
    )
    return Result(**json.loads(done.stdout))


def cpu_seconds(pid: int) -> float:
    """Give the processor time that a process and its children have used (proc(5), stat)."""
    used = 0
    for each in _family(pid):
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        used += int(fields[11]) + int(fields[12])
    return used / 100


def resident_mib(pid: int) -> float:
    """Give the memory of a process and its children, what they share counted once (proc(5), Pss)."""
    used = 0
    for each in _family(pid):
        rollup = Path(f"/proc/{each}/smaps_rollup").read_text()
        used += int(rollup.partition("Pss:")[2].split()[0])
    return used / 1024


def _family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *map(int, children)]


def _ready(port: int) -> bool:
    try:
        return httpx2.get(f"http://127.0.0.1:{port}/readyz", timeout=5).is_success
    except httpx2.TransportError:
        return False
