"""How a command is made: its own parameters, those that every command has, and how it ends."""

import functools
import getpass
import inspect
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from controlplane.cli.client import Client
from controlplane.cli.failure import Code, Failure
from controlplane.cli.output import Output, complain

TOKEN_VARIABLE = "CONTROLPLANE_TOKEN"  # noqa: S105 - its name
DEFAULT_URL = "http://127.0.0.1:8080"

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON: one document, or a line for each result.")]
Url = Annotated[
    str, typer.Option("--url", envvar="CONTROLPLANE_URL", metavar="URL", help="Where the API is.")
]
TokenFile = Annotated[
    Path | None,
    typer.Option(
        "--token-file", metavar="FILE", help=f"Holds the token; else {TOKEN_VARIABLE} in the environment."
    ),
]


@dataclass(frozen=True, slots=True)
class Call:
    """One run of a command: whom it speaks to, and how it prints."""

    client: Client
    out: Output


def command(app: typer.Typer, function: Callable[..., Code | None], name: str | None = None) -> None:
    """Make a function a command that speaks to the API, by its own name unless another is given.

    It is given a `Call` and its own parameters, and returns its exit code (None: done). `--json`,
    `--url` and `--token-file` come with it.
    """

    @functools.wraps(function)
    def run(*, url: str, token_file: Path | None, as_json: bool, **own: object) -> None:
        with ending(), closing(Client(url, shown_token(token_file))) as client:
            code = function(Call(client, Output(as_json=as_json)), **own)
        raise typer.Exit(code or Code.DONE)

    keyword = inspect.Parameter.KEYWORD_ONLY
    _, *own = inspect.signature(function).parameters.values()
    shared = (
        inspect.Parameter("as_json", keyword, default=False, annotation=AsJson),
        inspect.Parameter("url", keyword, default=DEFAULT_URL, annotation=Url),
        inspect.Parameter("token_file", keyword, default=None, annotation=TokenFile),
    )
    # typer reads a command's parameters from here.
    vars(run)["__signature__"] = inspect.Signature([*(each.replace(kind=keyword) for each in own), *shared])
    app.command(name or function.__name__)(run)


@contextmanager
def ending() -> Iterator[None]:
    """End the command on a Failure: its sentence on standard error, and its code."""
    try:
        yield
    except Failure as failure:
        complain(str(failure))
        raise typer.Exit(failure.code) from None


def group(app: typer.Typer, name: str, about: str) -> typer.Typer:
    """Make a command that holds others."""
    made = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help=about)
    app.add_typer(made, name=name)
    return made


def read_secret(path: Path) -> str:
    """Read a secret that a file holds, without the end of its line; raises Failure."""
    return read_text(path).rstrip("\r\n")


def read_text(path: Path) -> str:
    """Read a text file; raises Failure."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise Failure(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Failure(f"{path}: is not UTF-8") from None


def ask_unseen(what: str) -> str:
    """Ask for a secret at the terminal, without showing what is typed; raises Failure."""
    try:
        return getpass.getpass(f"{what}: ")
    except EOFError:
        raise Failure(f"no {what} was typed") from None


def confirmed(question: str) -> bool:
    """Ask at the terminal; only a yes is one."""
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def agree(what: str, question: str, otherwise: str, *, yes: bool) -> None:
    """Say what is about to be and go on only after a yes; `yes`: it was said already.

    Raises Failure: `otherwise` after a no, and when nobody is there to be asked.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise Failure(f"{what}: say --yes")
    if not confirmed(f"{what}. {question}"):
        raise Failure(otherwise, Code.NODE_FAILED)


def shown_token(path: Path | None) -> str:
    """Give the token to show: the file's, or the environment's; raises Failure."""
    token = read_secret(path) if path is not None else os.environ.get(TOKEN_VARIABLE, "")
    if not token:
        raise Failure(
            f"no token: set {TOKEN_VARIABLE}, or give --token-file "
            "(`controlplane token create NAME --config FILE` makes one on the control plane's machine)"
        )
    return token.strip()
