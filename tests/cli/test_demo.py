import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.cli.program import COMMAND, PATIENCE

ROOT = Path(__file__).parents[2]
LINES, COLUMNS = 24, 100
LAST = "Ctrl-C ends the demo"


@contextlib.contextmanager
def shown(folder: Path) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """A demo that is up, and its screen."""
    with subprocess.Popen(
        [*COMMAND, "demo"], stdout=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(folder)}
    ) as demo:
        try:
            assert demo.stdout is not None
            screen = []
            for line in demo.stdout:
                screen.append(line.rstrip())
                if line.startswith(LAST):
                    break
            yield demo, screen
        finally:
            if demo.poll() is None:
                demo.terminate()
                demo.wait(PATIENCE)


def promised(command: str) -> str:
    """The README's example of a command."""
    [line] = re.findall(rf"^controlplane {command} .+$", (ROOT / "README.md").read_text(), re.MULTILINE)
    return str(line)


def test_what_the_demo_suggests_works_as_pasted(tmp_path: Path) -> None:
    with shown(tmp_path) as (demo, screen):
        assert screen[0].startswith("http://127.0.0.1:")
        assert len(screen) <= LINES
        assert max(map(len, screen)) <= COLUMNS
        typed = [line.strip() for line in screen if line.startswith("  ")]
        exports = "\n".join(line for line in typed if line.startswith("export "))
        change, kill, look, explain = [line for line in typed if not line.startswith("export ")]

        def paste(line: str) -> str:
            done = subprocess.run(
                ["bash", "-c", f"{exports}\n{line}"],
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            assert (done.returncode, done.stderr) == (0, "")
            return done.stdout

        landed = paste(change)
        assert sorted(line.split()[:2] for line in landed.splitlines()[1:]) == [
            ["fs1", "applied"],
            ["fs2", "applied"],
        ]
        assert paste(kill).startswith("+OK")
        before, after = paste(look).split("GATEWAY")[1:]
        assert after.count("NOREG") == 4
        assert "missing" not in after
        assert before.count("REGED") == after.count("REGED")
        scanned = paste(promised("rescan"))
        assert sorted(line.split()[:2] for line in scanned.splitlines()) == [["fs1", "ok"], ["fs2", "ok"]]
        told = paste(explain)
        assert "fs1: found" in told
        assert "user/acme.example/1001" in told
        demo.send_signal(signal.SIGTERM)
        assert demo.wait(PATIENCE) == 0
    assert list(tmp_path.iterdir()) == []
