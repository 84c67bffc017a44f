"""What a million users cost: a lookup that misses the cache, beside the same with 10,000, and memory.

`python -m benchmarks million --users N` measures it alone; SQLite, every lookup reads the database.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks import processes, seed
from benchmarks.load import Job
from benchmarks.lookups import authorization, lookup
from benchmarks.ports import free_ports
from benchmarks.report import Row

FEW = 10_000
MANY = 1_000_000
ASKED = 10_000
CONNECTIONS = 4
ROUNDS = 5
SECONDS = 4.0


@dataclass(frozen=True, slots=True)
class _House:
    """A seeded database, and where its daemon will listen."""

    config: Path
    users: int
    operators: int
    lookups: int


def run(users: int = MANY) -> list[Row]:
    """Measure, and give the rows."""
    with tempfile.TemporaryDirectory() as made:
        few, many = (_seeded(Path(made), count) for count in (FEW, users))
        with (
            processes.daemon(few.config, few.operators),
            processes.daemon(many.config, many.operators) as child,
        ):
            # In turn, so that whatever else the machine does weighs on both.
            pairs = [(_cost(few), _cost(many)) for _ in range(ROUNDS)]
            memory = processes.resident_mib(child.pid)
    name = f"{users:,} users, miss"
    return [
        Row(
            f"{name}: time per lookup",
            median(large for _, large in pairs),
            "ms",
            median(large / small for small, large in pairs),
            f"{FEW:,} users",
        ),
        Row(f"{users:,} users: resident memory", memory, "MiB"),
    ]


def _seeded(folder: Path, users: int) -> _House:
    operators, lookups, node = free_ports(3)
    place = folder / str(users)
    place.mkdir()
    config, settings = seed.settings_for(place, operators, lookups)
    seed.seed(settings, [*seed.nodes([node]), *seed.users(0)])
    seed.more_users(settings, users)
    seed.without_cache(config)
    return _House(config, users, operators, lookups)


def _cost(house: _House) -> float:
    """Milliseconds per lookup, of users from all over the table."""
    step = house.users // ASKED
    bodies = [lookup(number) for number in range(1, house.users + 1, step)]
    job = Job("127.0.0.1", house.lookups, authorization(1), bodies, CONNECTIONS, SECONDS)
    result = processes.load(job)
    if result.failures:
        raise RuntimeError(f"{result.failures} lookups were not answered with 200")
    return 1000 / result.per_second
