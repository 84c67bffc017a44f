"""`make bench`: everything that is measured, as a table; `python -m benchmarks lookups` for one part."""

import argparse

from benchmarks import changes, dialplan, fleet, lookups, million, showing
from benchmarks.report import Row, machine, save, table

PARTS = {
    "lookups": lookups.run,
    "showing": showing.run,
    "dialplan": dialplan.run,
    "changes": changes.run,
    "fleet": fleet.run,
    "million": million.run,
}


def main() -> None:
    """Measure the parts named, or all; only all of them are written down."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="all when none is named")
    parser.add_argument("--users", type=int, default=million.MANY, help="how many a million is")
    given = parser.parse_args()
    chosen = given.parts or list(PARTS)
    rows: list[Row] = []
    for part in chosen:
        rows += million.run(given.users) if part == "million" else PARTS[part]()
    print(f"{machine()}\n\n{table(rows)}")
    if chosen == list(PARTS):
        save(rows)


if __name__ == "__main__":
    main()
