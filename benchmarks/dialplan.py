"""One DID's lookup in a context of 10,000, beside the same in a context of 100.

Each is asked in two ways: every DID in turn (each is read from the database, for the cache is too small
for anything), and numbers that nobody has.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks import processes, seed
from benchmarks.load import Job, Result
from benchmarks.lookups import answer, authorization
from benchmarks.ports import free_ports
from benchmarks.report import Row, compared
from controlplane.desired.revisions import Put
from controlplane.desired.values import Key, Noun

SIZES = (100, 10_000)
CONNECTIONS = 16
ROUNDS = 3
SECONDS = 2.0
SMALL = 8 * 1024

# Less what we do not read: a dialplan lookup brings every channel variable, its length counts, too.
_BODY = (
    "hostname=fs1&section=dialplan&tag_name=&key_name=&key_value=&Event-Name=REQUEST_PARAMS"
    "&Caller-Destination-Number={number}&Caller-Context={context}&{variables}"
    "&Hunt-Direction=inbound&Hunt-Destination-Number={number}&Hunt-Context={context}"
)
_VARIABLES = "&".join(f"variable_sip_{number}=some%20value%20of%20a%20channel" for number in range(150))


def run() -> list[Row]:
    """Measure, and give the rows."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        operators, lookups, node = free_ports(3)
        config, settings = seed.settings_for(folder, operators, lookups)
        seed.seed(settings, [*seed.nodes([node]), *(put for size in SIZES for put in _context(size))])
        few, many = SIZES
        with processes.daemon(config, operators):
            rows.append(Row("DID of 10,000, answer", _answer_size(lookups, _lookup(many, 1)), "bytes"))
            rows += _compare("unknown number", lookups, [_lookup(few, -1)], [_lookup(many, -1)])
        seed.without_cache(config)
        with processes.daemon(config, operators):
            every = [[_lookup(size, number) for number in range(size)] for size in SIZES]
            rows += _compare("DID", lookups, *every)
    return rows


def _context(size: int) -> Iterator[Put]:
    yield Put(Key(Noun.CONTEXT, f"did{size}"), {})
    for number in range(size):
        action = {"application": "transfer", "data": f"{number} XML default"}
        condition = {"field": "destination_number", "expression": f"^{_did(number)}$", "actions": [action]}
        yield Put(Key(Noun.EXTENSION, f"did-{number}", f"did{size}"), {"conditions": [condition]})


def _did(number: int) -> str:
    return f"1555{number:07}"


def _lookup(size: int, number: int) -> str:
    called = _did(number) if number >= 0 else "19990000000"
    return _BODY.format(context=f"did{size}", number=called, variables=_VARIABLES)


def _compare(what: str, port: int, few: list[str], many: list[str]) -> list[Row]:
    pairs = [(_load(port, many), _load(port, few)) for _ in range(ROUNDS)]
    return compared(f"{what} of 10,000", pairs, "of 100")


def _load(port: int, bodies: list[str]) -> Result:
    return processes.load(Job("127.0.0.1", port, authorization(1), bodies, CONNECTIONS, SECONDS))


def _answer_size(port: int, body: str) -> int:
    told = answer(port, body)
    if len(told) > SMALL or b"did-1" not in told:
        raise RuntimeError(f"an answer of {len(told)} bytes is not narrowed to one DID")
    return len(told)
