import inspect
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from controlplane.cli.program import app
from tests.cli.program import Control, ran


def commands(of: typer.Typer, above: tuple[str, ...] = ()) -> Iterator[tuple[str, Callable[..., Any]]]:
    for each in of.registered_commands:
        assert each.callback is not None
        yield " ".join((*above, each.name or each.callback.__name__)), each.callback
    for group in of.registered_groups:
        assert group.typer_instance is not None
        yield from commands(group.typer_instance, (*above, group.name or ""))


COMMANDS = dict(commands(app))


def test_no_command_is_a_coroutine() -> None:
    """An `async def` command would do nothing and end with 0."""
    assert len(COMMANDS) > 25
    for name, callback in COMMANDS.items():
        assert not inspect.iscoroutinefunction(inspect.unwrap(callback)), name


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_what_it_does(name: str) -> None:
    result = CliRunner().invoke(app, [*name.split(), "--help"])
    assert result.exit_code == 0
    assert inspect.unwrap(COMMANDS[name]).__doc__
    if name not in ("demo", "serve"):
        assert "--json" in result.stdout
    assert "--token " not in result.stdout
    assert "--password " not in result.stdout


def test_a_wrong_command_line_ends_with_2() -> None:
    for wrong in (
        ["nonsense"],
        ["get"],
        ["get", "nonsense"],
        ["nodes", "--nonsense"],
        ["push", "retry", "x"],
    ):
        done = ran(*wrong)
        assert done.returncode == 2, wrong
        assert "Traceback" not in done.stderr
        assert done.stderr


def test_an_api_that_is_not_there_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    done = ran("nodes", "--url", f"http://127.0.0.1:{port}", environment={"CONTROLPLANE_TOKEN": "cp_x.y"})
    assert done.returncode == 2
    assert done.stderr.startswith(f"controlplane: the API at http://127.0.0.1:{port} cannot be reached")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "url", ["nonsense", "ftp://127.0.0.1", "http://", "http://[::1", "http://127.0.0.1:x"]
)
def test_an_address_that_is_none_is_one_sentence(url: str) -> None:
    done = ran("nodes", "--url", url, environment={"CONTROLPLANE_TOKEN": "cp_x.y"})
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)


def test_another_server_is_told_from_ours(control: Control) -> None:
    result = control("nodes", CONTROLPLANE_URL=control.lookups)
    assert result.exit_code == 2
    assert "is not the control plane's API" in result.stderr


def test_the_token_comes_from_the_environment_or_a_file(control: Control, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(control.token + "\n")
    assert control("nodes", "--token-file", str(file), CONTROLPLANE_TOKEN="").exit_code == 0
    for given, said in (
        ({"CONTROLPLANE_TOKEN": ""}, "no token"),
        ({"CONTROLPLANE_TOKEN": "two words"}, "single word"),
        ({"CONTROLPLANE_TOKEN": "cp_000000000000." + "x" * 43}, "not valid"),
    ):
        result = control("nodes", **given)
        assert result.exit_code == 2
        assert said in result.stderr
    missing = control("nodes", "--token-file", str(tmp_path / "missing"))
    assert (missing.exit_code, "No such file" in missing.stderr) == (2, True)


def test_a_proxy_of_the_environment_does_not_get_the_token(control: Control) -> None:
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        address = f"http://127.0.0.1:{proxy.getsockname()[1]}"
        assert control("nodes", HTTP_PROXY=address, http_proxy=address, ALL_PROXY=address).exit_code == 0


def test_what_is_not_there_is_said_in_words(control: Control) -> None:
    for arguments, said in (
        (["nodes"], "no nodes"),
        (["gateways"], "no gateways"),
        (["pushes"], "no pushes"),
        (["findings"], "nothing is found wrong"),
        (["get", "domain"], "no domains"),
        (["revisions"], "no revisions"),
    ):
        assert control.done(*arguments) == said + "\n"
        found = control.json(*arguments)
        assert found.get("items", found.get("gateways")) == []


def test_jobs_are_listed_and_run(control: Control) -> None:
    assert "reconcile-gateways" in control.done("jobs")
    assert control.done("jobs", "--run", "retention").startswith("retention: done")
    last = {job["name"]: job["last"] for job in control.json("jobs")["items"]}["retention"]
    assert last["outcome"] == "done"
    assert last["duration"] >= 0
    assert control.done("jobs", "--pause", "retention", "--reason", "a look") == "retention is paused\n"
    assert "paused by tester: a look" in control.done("jobs")
    assert control.done("jobs", "--run", "retention").startswith("retention: done")
    assert control.json("jobs", "--resume", "retention")["paused"] is None
    assert control("jobs", "--run", "retention", "--pause", "retention").exit_code != 0
