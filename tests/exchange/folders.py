"""Folders to import: FreeSWITCH's own samples, where they are, and such as a test writes."""

import os
from pathlib import Path

import pytest

# Where this project and FreeSWITCH's sample configurations may lie side by side.
BESIDE = Path(__file__).parents[3] / "shared" / "freeswitch" / "conf"

GIVEN = {"domain": "pbx.example"}
"""What a sample leaves to the machine it runs on: its domain is an address there."""

CORE = {"local_ip_v4": "192.0.2.10", "sounds_dir": "/sounds", "images_dir": "/images", "conf_dir": "/conf"}
"""What the switch knows by itself, of what the samples use."""


def sample(name: str) -> Path:
    """One of FreeSWITCH's sample configurations, where it lies; skips the test where it does not."""
    found = Path(os.environ.get("FREESWITCH_CONF", BESIDE)) / name
    if not (found / "freeswitch.xml").is_file():
        pytest.skip(f"FreeSWITCH's sample configuration {name} is not here: FREESWITCH_CONF says where")
    return found


def folder(root: Path, **files: str | bytes) -> Path:
    """Write a folder; names are given with `__` for `/` and without `.xml`."""
    for name, text in files.items():
        path = root / f"{name.replace('__', '/')}.xml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return root


def document(**sections: str) -> str:
    """A freeswitch.xml with these sections."""
    inside = "".join(f'<section name="{name}">\n{text}\n</section>\n' for name, text in sections.items())
    return f'<document type="freeswitch/xml">\n{inside}</document>\n'


def include(pattern: str) -> str:
    return f'<X-PRE-PROCESS cmd="include" data="{pattern}"/>'
