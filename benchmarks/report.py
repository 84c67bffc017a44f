"""Rows of results: printed as a table, kept as `results.json`."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from benchmarks.load import Result

RESULTS = Path(__file__).parent / "results.json"


def machine() -> str:
    """Say on what the figures were measured."""
    return f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"


@dataclass(frozen=True, slots=True)
class Row:
    """One figure. `ratio` is to what `to` names, measured in the same run; None where there is none."""

    name: str
    value: float
    unit: str
    ratio: float | None = None
    to: str | None = None
    machine: str = ""


def compared(name: str, pairs: Sequence[tuple[Result, Result]], to: str) -> list[Row]:
    """Throughput and p99 beside what `to` names, measured in turn; raises RuntimeError on failures."""
    failures = sum(one.failures + other.failures for one, other in pairs)
    if failures:
        raise RuntimeError(f"{failures} lookups were not answered with 200")
    return [
        Row(
            f"{name}: throughput",
            median(one.per_second for one, _ in pairs),
            "/s",
            median(one.per_second / other.per_second for one, other in pairs),
            to,
        ),
        Row(
            f"{name}: p99",
            median(one.p99_ms for one, _ in pairs),
            "ms",
            median(one.p99_ms / other.p99_ms for one, other in pairs),
            to,
        ),
    ]


def table(rows: list[Row]) -> str:
    """Write rows as a Markdown table."""
    lines = ["| what | measured | ratio | to |", "|---|---:|---:|---|"]
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        lines.append(f"| {row.name} | {_figure(row.value)} {row.unit} | {ratio} | {row.to or ''} |")
    return "\n".join(lines)


def save(rows: list[Row], path: Path = RESULTS) -> None:
    """Write rows as JSON, each with the machine it was measured on."""
    here = machine()
    path.write_text(json.dumps([{**asdict(row), "machine": here} for row in rows], indent=2) + "\n")


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"
