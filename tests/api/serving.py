"""A control plane as a process of its own: `python -m tests.api.serving FOLDER`.

Prints where it listens as one JSON line once it does.
"""

import json
import sys
from pathlib import Path

from api.server import Listening, run
from controlplane.logs import configure
from controlplane.settings import Lookups, OperatorsListener, Settings


def _ready(where: Listening) -> None:
    print(json.dumps({"lookups": where.lookups.port, "operators": where.operators.port}), flush=True)


def main(folder: Path) -> int:
    settings = Settings(data_dir=folder, lookups=Lookups(port=0), operators=OperatorsListener(port=0))
    configure(style="json", level="info")
    return run(settings, _ready)


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
