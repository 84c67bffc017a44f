"""`demo`, `serve`: what runs on the control plane's own machine and needs no API.

What they stand on is loaded when one of them runs: a client of the API needs none of it.
"""

import importlib
from pathlib import Path
from typing import Annotated

import typer

from controlplane.cli.command import ending
from controlplane.cli.output import Output

Config = Annotated[Path, typer.Option("--config", metavar="FILE", help="The settings: config.example.toml.")]


def add(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(demo)
    app.command()(serve)


def demo() -> None:
    """Show a control plane with a sample tenant and two stand-in nodes, till Ctrl-C."""
    from controlplane.cli.demo import run

    with ending():
        run(Output(as_json=False))


def serve(config: Config) -> None:
    """Serve nodes and operators till SIGTERM or Ctrl-C."""
    from controlplane import logs
    from controlplane.cli.offline import failures, settings

    with ending():
        chosen = settings(config)
        logs.configure(style=chosen.log.format, level=chosen.log.level)
        # The floor above: it is started, not built upon.
        server, listeners = importlib.import_module("api.server"), importlib.import_module("api.listeners")
        with failures(listeners.CannotListen):
            code = server.run(chosen)
    raise typer.Exit(code)
