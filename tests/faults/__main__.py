"""`make chaos`: as many seeds as asked for, one after the other, and one line that sums them up."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.faults.backstage import Backstage
from tests.faults.driver import Driver, Tally
from tests.faults.house import FragileHouse


def main() -> int:
    """Exit code 1 when anything was not as it must be."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--seeds", type=int, default=100, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--keep", type=Path, help="a folder for the logs of seeds that failed")
    parser.add_argument("--verbose", action="store_true", help="a line for each seed")
    options = parser.parse_args()
    began, tally, failed = time.monotonic(), Tally(), list[int]()
    with tempfile.TemporaryDirectory() as folder:
        backstage = Backstage()
        house = FragileHouse(Path(folder), backstage)
        try:
            house.furnish()
            for seed in range(options.first, options.first + options.seeds):
                house.begin()
                driver = Driver(house, seed)
                since = time.monotonic()
                try:
                    driver.run()
                except AssertionError as error:
                    failed.append(seed)
                    print(f"seed {seed}: {error}\n  {'; '.join(driver.steps)}", flush=True)
                    if options.keep is not None:
                        options.keep.mkdir(parents=True, exist_ok=True)
                        (options.keep / f"{seed}.log").write_bytes(house.daemon.log.read_bytes())
                if options.verbose:
                    print(f"seed {seed}: {time.monotonic() - since:.1f} s", flush=True)
                tally.add(driver.tally)
        finally:
            house.close()
            backstage.close()
    print(
        f"{options.seeds} seeds from {options.first}, {time.monotonic() - began:.0f} s: "
        f"{tally.accepted} edits accepted, {tally.unanswered} cut off by a crash, {tally.refused} refused; "
        f"{tally.faults} faults, {tally.reboots} reboots of nodes, {tally.by_hand} deeds by hand, "
        f"{tally.crashes} times kill -9 "
        f"(amid {tally.interrupted} pushes), {tally.stops} stops. "
        + (f"FAILED: seeds {', '.join(map(str, failed))}" if failed else "Nothing lost, nothing done twice.")
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
