"""The settings: what is read, what is refused, and that every one is documented."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from controlplane.settings import Settings, SettingsError, load

EXAMPLE = Path(__file__).parent.parent / "config.example.toml"


def keys(model: type[BaseModel], prefix: str = "") -> set[str]:
    """Name every setting as section.key."""
    found: set[str] = set()
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found |= keys(field.annotation, f"{prefix}{name}.")
        else:
            found.add(prefix + name)
    return found


def paths(document: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in document.items():
        if isinstance(value, dict):
            yield from paths(value, f"{prefix}{name}.")
        else:
            yield prefix + name


def uncommented() -> str:
    """Give the example with its optional settings switched on."""
    return re.sub(r"^# (\w+ = )", r"\1", EXAMPLE.read_text(), flags=re.MULTILINE)


def test_the_example_names_every_setting() -> None:
    document = tomllib.loads(uncommented())
    assert set(paths(document)) == keys(Settings)


def test_the_example_is_the_defaults() -> None:
    assert load(EXAMPLE, {}) == load(None, {})


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[lookups]\nport = ", ":2: Invalid value"),
        ("[lookups]\nprot = 1\n", ": lookups.prot: there is no such setting"),
        ("[lookups]\nport = 70000\n", ": lookups.port: Input should be less than or equal to 65535"),
        ("lookups = 3\n", ": lookups: Input should be a valid dictionary"),
        ("[push]\nretry_min = 'soon'\n", ": push.retry_min: Input should be a valid number"),
    ],
)
def test_a_wrong_file_is_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(SettingsError) as raised:
        load(path, {})
    assert str(raised.value).startswith(f"{path}{sentence}")
    assert "\n" not in str(raised.value)


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"absent\.toml: No such file"):
        load(tmp_path / "absent.toml", {})


def test_the_environment_overrides_one_key_of_a_section(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "config.toml"
    path.write_text("[lookups]\nport = 1000\nhost = '::1'\n")
    monkeypatch.setenv("CONTROLPLANE__LOOKUPS__PORT", "2000")
    settings = load(path)
    assert (settings.lookups.host, settings.lookups.port) == ("::1", 2000)


def test_the_environment_reaches_a_section_within_a_section(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTROLPLANE__RECONCILE__PERIODS__MODULES", "300")
    monkeypatch.setenv("CONTROLPLANE__RECONCILE__IGNORE__GATEWAYS", '["test-*"]')
    found = load(None).reconcile
    assert (found.periods.modules, found.ignore.gateways) == (300, ("test-*",))


@pytest.mark.parametrize(
    "name",
    ["CONTROLPLANE__LOOKUPS__PROT", "CONTROLPLANE__LOKUPS__PORT", "CONTROLPLANE__RECONCILE__IGNORE__USERS"],
)
def test_an_unknown_name_in_the_environment_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match=f"{name}: there is no such setting"):
        load(None, {name: "1"})
