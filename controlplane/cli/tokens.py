"""`token`: who may speak to the API, how far, from where and how long.

`create` works on the control plane's own machine too, be it running or not: the first token is made there.
"""

import re
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal

import typer

from controlplane.cli.client import Client, Json, below
from controlplane.cli.command import (
    DEFAULT_URL,
    AsJson,
    Call,
    TokenFile,
    Url,
    command,
    ending,
    group,
    shown_token,
)
from controlplane.cli.failure import Failure
from controlplane.cli.output import Column, Output, moment

TOKENS = (
    Column("NAME", "name"),
    Column("ID", "id"),
    Column("ROLE", "role"),
    Column("REACHES", lambda token: _reached(token)),
    Column("FROM", lambda token: ", ".join(token["networks"]) or "anywhere"),
    Column("STATE", lambda token: _state(token)),
    Column("LAST USED (UTC)", lambda token: moment(token["last_used_at"])),
)
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_FOR = re.compile(r"([1-9][0-9]{0,4})([hdw])")

Role = Literal["viewer", "operator", "admin"]


def add(app: typer.Typer) -> None:
    """Add the commands."""
    made = group(app, "token", "Operators' tokens.")
    made.command("create")(create)
    command(made, listed, "list")
    command(made, revoke)


def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose it is; revisions and audit name it.")],
    role: Annotated[
        Role | None,
        typer.Option("--role", help="What it may do; with --config an administrator's, else say."),
    ] = None,
    domain: Annotated[
        list[str] | None, typer.Option("--domain", help="It sees and changes this domain alone; repeat it.")
    ] = None,
    context: Annotated[
        list[str] | None,
        typer.Option("--context", help="With --domain: a dialplan context of its own; repeat."),
    ] = None,
    expires: Annotated[
        str | None,
        typer.Option("--expires", metavar="WHEN", help="In 12h, 30d or 8w, or at a time (ISO 8601)."),
    ] = None,
    network: Annotated[
        list[str] | None,
        typer.Option("--network", metavar="CIDR", help="It is taken from here alone; repeat it."),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", metavar="FILE", help="The settings: made on this machine, not over the API."
        ),
    ] = None,
    url: Url = DEFAULT_URL,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Make an operator's token, shown this once. With --config no control plane need run."""
    out = Output(as_json=as_json)
    with ending():
        if role is None and (config is None or domain or context):
            raise Failure("say --role viewer, operator or admin")
        asked: Json = {
            "name": name,
            "role": role or "admin",
            "domains": domain or [],
            "contexts": context or [],
            "networks": network or [],
            "expires_at": _expires(expires).isoformat() if expires is not None else None,
        }
        if config is not None:
            from controlplane.cli.offline import granted, mint, settings

            minted = mint(settings(config), granted(asked))
            made = {"token": minted.text, "id": minted.token.id, "name": name, "role": asked["role"]}
        else:
            with closing(Client(url, shown_token(token_file))) as client:
                made = client.send("POST", "/tokens", asked)
        if as_json:
            out.document(made)
        else:
            out.say(made["token"])


def listed(call: Call) -> None:
    """List tokens, those that have ended too; none can be read again."""
    told = call.client.get("/tokens")
    if call.out.as_json:
        call.out.document(told)
    else:
        call.out.table(TOKENS, told["items"])


def revoke(
    call: Call, token: Annotated[str, typer.Argument(metavar="NAME", help="The token's name, or its id.")]
) -> None:
    """End a token: from now on it opens nothing."""
    known = call.client.get("/tokens")["items"]
    found = [each["id"] for each in known if token in (each["name"], each["id"])]
    if not found:
        raise Failure(f"there is no token {token!r}")
    [told] = [call.client.send("DELETE", f"/tokens{below(each)}") for each in found]
    if call.out.as_json:
        call.out.document(told)
    else:
        call.out.say(f"token {told['name']} is revoked")


def _expires(text: str) -> datetime:
    lasting = _FOR.fullmatch(text)
    if lasting is not None:
        return datetime.now(UTC) + int(lasting[1]) * _UNITS[lasting[2]]
    try:
        return datetime.fromisoformat(text).astimezone()
    except ValueError:
        raise Failure(f"--expires {text}: write 12h, 30d, 8w or a time such as 2030-01-31T18:00") from None


def _reached(token: Json) -> str:
    return ", ".join([*token["domains"], *(f"context {name}" for name in token["contexts"])]) or "everything"


def _state(token: Json) -> str:
    if token["revoked_at"] is not None:
        return f"revoked {moment(token['revoked_at'])}"
    if token["expires_at"] is None:
        return "valid"
    ends = datetime.fromisoformat(token["expires_at"])
    return f"{'ended' if ends <= datetime.now(UTC) else 'valid till'} {moment(token['expires_at'])}"
