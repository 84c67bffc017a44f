"""A fleet of 500 stand-in nodes with 20 gateways each on one machine: connected, changed, compared.

The stand-ins run in a few processes of their own, on what processor time the daemon leaves; what the daemon
uses, with its process for lookups, is told apart.
"""

import time
from functools import partial
from statistics import median

from benchmarks import processes
from benchmarks.changes import Fleet, applied, change_again, fleet, gateway, meanwhile
from benchmarks.report import Row

NODES = 500
GATEWAYS = 20
ROUNDS = 3
COMPARISON = "reconcile-gateways"


def run() -> list[Row]:
    """Measure, and give the rows."""
    with fleet(NODES, GATEWAYS) as found:
        name = f"{NODES} nodes of {GATEWAYS} gateways"
        rows = [Row(f"{name}: connected, compared, all in sync", found.connected, "s")]
        changed = [
            applied(found, "registering", gateway(register=True, password=f"{turn}"))
            for turn in range(ROUNDS)
        ]
        rows.append(Row(f"{name}: a registering gateway changed on all, seen", median(changed), "s"))
        rows += meanwhile(found, f"it is changed on {NODES} nodes", partial(change_again, found))
        compared = [_compared(found, turn) for turn in range(ROUNDS)]
        rows.append(Row(f"{name}: all compared", median(compared), "s"))
        rows += meanwhile(found, f"{NODES} nodes are compared", partial(_compared, found))
        rows.append(Row(f"{name}: daemon's memory", processes.resident_mib(found.daemon), "MiB"))
    return rows


def _compared(found: Fleet, turn: int) -> float:
    """Have every node's gateways compared with what they should be, and give the seconds."""
    began = time.monotonic()
    done = found.client.post(f"/jobs/{COMPARISON}/run", timeout=120).raise_for_status().json()["detail"]
    if (done["nodes"], done["drifting"], done["not_read"]) != (NODES, 0, 0):
        raise RuntimeError(f"the comparison tells {done}")
    return time.monotonic() - began
