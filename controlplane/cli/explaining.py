"""`explain`: what a node would be told for a lookup, and from which rows."""

from typing import Annotated

import typer

from controlplane.cli.actions import user_and_domain
from controlplane.cli.client import Json
from controlplane.cli.command import Call, command
from controlplane.cli.failure import Failure
from controlplane.cli.output import Column, word

ROWS = (
    Column("ROW", "key"),
    Column("SCOPE", "scope"),
    Column("VERSION", "version"),
    Column("CHANGED IN REVISION", "revision"),
)


def add(app: typer.Typer) -> None:
    """Add the command."""
    command(app, explain)


def explain(
    call: Call,
    node: Annotated[str | None, typer.Argument()] = None,
    lookup: Annotated[
        int | None, typer.Option("--lookup", metavar="ID", help="One of `lookups`, as it was asked.")
    ] = None,
    user: Annotated[str | None, typer.Option("--user", metavar="USER@DOMAIN")] = None,
    document: Annotated[str | None, typer.Option("--document", metavar="NAME", help="acl.conf, ...")] = None,
    profile: Annotated[str | None, typer.Option("--profile", help="sofia.conf, cut to this profile.")] = None,
    gateway: Annotated[str | None, typer.Option("--gateway", help="With --profile: cut to it.")] = None,
    context: Annotated[str | None, typer.Option("--context", help="A dialplan context.")] = None,
    section: Annotated[
        str | None, typer.Option("--section", help="Any other lookup, with a --field for each of its fields.")
    ] = None,
    field: Annotated[
        list[str] | None,
        typer.Option("--field", metavar="NAME=VALUE", help="As mod_xml_curl names it; may be given again."),
    ] = None,
) -> None:
    """Show what a node would be told for a lookup, why, and from which rows; passwords are masked."""
    asked = [
        each
        for each in (
            _user(user) if user is not None else None,
            _configuration(document) if document is not None else None,
            _configuration("sofia.conf") | _cut(profile, gateway) if profile is not None else None,
            {"section": "dialplan", "context": context} if context is not None else None,
            {"section": section} if section is not None else None,
        )
        if each is not None
    ]
    if lookup is not None and node is None and not asked:
        told = call.client.get(f"/lookups/{lookup}/explain")
    elif lookup is not None or node is None or len(asked) != 1 or (gateway is not None and profile is None):
        raise Failure(
            "say one lookup: --lookup, or a node and --user, --document, --profile (--gateway narrows it), "
            "--context or --section"
        )
    else:
        told = call.client.send("POST", "/explain", {"node": node, **asked[0], **_fields(field or [])})
    if call.out.as_json:
        call.out.document(told)
        return
    found = word("found" if told["found"] else "not found")
    call.out.say(f"{told['node']}: ", found, f", at revision {told['revision']}: {told['reason']}")
    call.out.table(ROWS, told["rows"], empty="from no row")
    call.out.text(told["xml"])


def _user(text: str) -> Json:
    """Ask as FreeSWITCH does when a phone registers (sofia_reg.c)."""
    user, domain = user_and_domain(text)
    asked = {"section": "directory", "tag_name": "domain", "key_name": "name", "key_value": domain}
    return {**asked, "action": "sip_auth", "key": "id", "user": user, "domain": domain}


def _configuration(name: str) -> Json:
    return {"section": "configuration", "tag_name": "configuration", "key_name": "name", "key_value": name}


def _cut(profile: str, gateway: str | None) -> Json:
    return {"profile": profile, "gateway": gateway or ""}


def _fields(pairs: list[str]) -> Json:
    fields = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise Failure(f"{pair!r} is not NAME=VALUE")
        fields[name] = value
    return fields
