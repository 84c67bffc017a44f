import contextlib
import json
import signal
import socket
import sqlite3
import time
from pathlib import Path

import pytest

from controlplane.store import upgrade
from tests.cli.program import PATIENCE, configure, ran, serving


def refused(config: Path, **environment: str) -> str:
    """Serve with settings that cannot be served with; gives the one sentence."""
    done = ran("serve", "--config", str(config), environment=environment)
    assert done.returncode == 2, done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert done.stdout == ""
    return str(lines[0])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_told_to_with_0_within_ten_seconds(tmp_path: Path, number: int) -> None:
    with serving(tmp_path) as control:
        assert control("nodes").exit_code == 0
        began = time.monotonic()
        control.process.send_signal(number)
        assert control.process.wait(PATIENCE) == 0
        assert time.monotonic() - began < 10


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert refused(tmp_path / "none.toml") == f"controlplane: {tmp_path}/none.toml: No such file or directory"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('data_dir = "x"\n[log]\nlevel = \n', ":3: Invalid value"),
        ("[pusch]\ndebounce = 1\n", ": pusch: there is no such setting"),
        ("[push]\ndebunce = 1\n", ": push.debunce: there is no such setting"),
        ('[operators]\nport = "x"\n', ": operators.port: Input should be a valid integer"),
        ('[log]\nlevel = "loud"\n', ": log.level: Input should be 'debug'"),
    ],
)
def test_a_wrong_line_key_or_type_is_named(tmp_path: Path, text: str, said: str) -> None:
    config = tmp_path / "config.toml"
    config.write_text(text)
    assert refused(config).startswith(f"controlplane: {config}{said}")


def test_a_wrong_variable_of_the_environment_is_named(tmp_path: Path) -> None:
    said = refused(configure(tmp_path), CONTROLPLANE__PUSH__DEBUNCE="1")
    assert "CONTROLPLANE__PUSH__DEBUNCE" in said


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refused(configure(tmp_path, operators=f"port = {port}"))
    assert said == f"controlplane: cannot listen on 127.0.0.1 port {port}: Address already in use"
    assert not (tmp_path / "data").exists()


def test_a_database_that_does_not_answer_is_named_without_its_password(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    url = f'url = "postgresql://me:marker-db@127.0.0.1:{port}/cp"'
    config = configure(tmp_path, database=url)
    for said in (refused(config), ran("token", "create", "a", "--config", str(config)).stderr):
        assert f"127.0.0.1:{port}/cp does not answer" in said
        assert "marker-db" not in said


def test_a_database_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    file = tmp_path / "other.db"
    file.write_text("this is no database, and long enough to be read as one" * 100)
    said = refused(configure(tmp_path, database=f'url = "sqlite:///{file}"'))
    assert "is not a SQLite database" in said
    assert "is no database that is known here" in refused(configure(tmp_path, database='url = "mysql://x/y"'))


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    assert "the data folder cannot be made" in refused(configure(tmp_path))
    minted = ran("token", "create", "a", "--config", str(tmp_path / "config.toml"))
    assert (minted.returncode, "the data folder cannot be made" in minted.stderr) == (2, True)


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    config = configure(tmp_path)
    assert ran("token", "create", "a", "--config", str(config)).returncode == 0
    key = tmp_path / "data" / "secrets.key"
    assert key.stat().st_mode & 0o777 == 0o600
    key.chmod(0o644)
    assert "open to others" in refused(config)


def test_a_second_daemon_on_the_database_is_refused(tmp_path: Path) -> None:
    with serving(tmp_path):
        assert "another daemon runs on the database" in refused(tmp_path / "config.toml")


def test_a_token_is_made_beside_a_daemon_and_opens_its_api(tmp_path: Path) -> None:
    with serving(tmp_path) as control:
        config = str(tmp_path / "config.toml")
        minted = ran("token", "create", "second", "--config", config)
        assert control("nodes", CONTROLPLANE_TOKEN=minted.stdout.strip()).exit_code == 0
        as_json = ran("token", "create", "third", "--config", config, "--json")
        assert control("nodes", CONTROLPLANE_TOKEN=json.loads(as_json.stdout)["token"]).exit_code == 0
        again = ran("token", "create", "second", "--config", config)
        assert again.returncode == 2
        assert again.stderr == "controlplane: a token named 'second' exists, or existed\n"
        bad = ran("token", "create", "two words", "--config", config)
        assert (bad.returncode, "name: is 1 to 64" in bad.stderr) == (2, True)


def test_a_token_is_made_in_a_database_of_each_kind(tmp_path: Path, database_url: str) -> None:
    config = configure(tmp_path, database=f"url = {database_url!r}")
    minted = ran("token", "create", "first", "--config", str(config))
    assert minted.returncode == 0, minted.stderr
    assert minted.stdout.startswith("cp_")
    assert upgrade(database_url) is None


def test_a_database_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    config = configure(tmp_path)
    assert ran("token", "create", "a", "--config", str(config)).returncode == 0
    database = tmp_path / "data" / "controlplane.db"
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = 'later'")
    minted = ran("token", "create", "b", "--config", str(config))
    assert minted.returncode == 2
    assert "was made by a later version of this program" in minted.stderr
    assert "was made by a later version of this program" in refused(config)
