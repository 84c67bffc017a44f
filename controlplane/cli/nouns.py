"""`get`, `put`, `set`, `delete`: every noun of the desired state."""

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from controlplane.cli.client import Json, below
from controlplane.cli.command import Call, agree, ask_unseen, command, read_text
from controlplane.cli.failure import Code, Failure
from controlplane.cli.landing import Reason, Rollout, Wait, landed
from controlplane.cli.output import Column, complain


@dataclass(frozen=True, slots=True)
class Noun:
    """A noun: its word, its part of the API's paths, what it stands under, and its columns."""

    word: str
    plural: str
    columns: tuple[str, ...]
    parent: str = ""

    def collection(self, parent: str) -> str:
        """Give the path of all, of that parent's."""
        return below(self.parent, parent, self.plural) if self.parent else below(self.plural)

    def item(self, name: str) -> str:
        """Give the path of one; raises Failure when the name does not say which parent's."""
        parent, slash, own = name.partition("/")
        if self.parent and not (parent and slash and own):
            above = self.parent.removesuffix("s")
            raise Failure(f"{name!r} does not say which {above}'s: write {above.upper()}/NAME")
        return self.collection(parent) + below(own) if self.parent else below(self.plural, name)


NODE = Noun("node", "nodes", ("name", "switchname", "host", "port", "groups", "mode"))
NOUNS = (
    NODE,
    Noun("domain", "domains", ("name", "scope", "cacheable")),
    Noun("group", "groups", ("name", "domain", "scope"), parent="domains"),
    Noun("user", "users", ("name", "domain", "number_alias", "groups", "cidr"), parent="domains"),
    Noun("profile", "profiles", ("name", "scope", "aliases")),
    Noun("gateway", "gateways", ("name", "profile", "placed_on", "scope")),
    Noun("acl", "acls", ("name", "default", "scope")),
    Noun("context", "contexts", ("name", "scope")),
    Noun("extension", "extensions", ("position", "name", "context"), parent="contexts"),
    Noun("document", "documents", ("name", "scope")),
    Noun("language", "languages", ("name", "scope")),
    Noun("chatplan", "chatplans", ("name", "scope")),
    Noun("variable", "variables", ("name", "scope", "value")),
)

# Fields that say which row it is, and those that are numbers, and true or false.
_KEYS = {"name", "scope", "domain", "version", "revision", "mode", "params", "variables"}
_SECRET = re.compile("pass(word|wd)|secret|a1-hash", re.IGNORECASE)
_NUMBERS = {"port", "position", "cacheable"}
_TRUTHS = {"hash_passwords"}


def _noun(text: str) -> Noun:
    for noun in NOUNS:
        if text in (noun.word, noun.plural):
            return noun
    raise typer.BadParameter(f"{text!r} is none of {', '.join(noun.word for noun in NOUNS)}")


NounArgument = Annotated[
    Noun, typer.Argument(parser=_noun, metavar="NOUN", help=", ".join(noun.word for noun in NOUNS))
]
Name = Annotated[
    str, typer.Argument(metavar="NAME", help="DOMAIN/NAME for users and groups, CONTEXT/NAME for extensions.")
]
Scope = Annotated[
    str | None,
    typer.Option(
        "--scope", help="global, groups:A,B or node:N: which of several of the name, or of a new one."
    ),
]


def add(app: typer.Typer) -> None:
    """Add the commands."""
    command(app, get)
    command(app, put)
    command(app, change, "set")
    command(app, delete)


def get(
    call: Call,
    noun: NounArgument,
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="One; without it all.")] = None,
    scope: Scope = None,
) -> None:
    """List a noun, or read one as JSON, fit for `put`. A domain's users: `get user DOMAIN`."""
    params = {"scope": scope}
    if name is not None and (not noun.parent or "/" in name):
        call.out.document(call.client.get(noun.item(name), params))
        return
    if noun.parent and name is None:
        above = noun.parent.removesuffix("s")
        raise Failure(f"say which {above}'s: get {noun.word} {above.upper()}")
    items = call.client.pages(noun.collection(name or ""), params)
    if call.out.as_json:
        call.out.document({"items": items, "next": None})
    else:
        columns = [Column(each.replace("_", " ").upper(), each) for each in noun.columns]
        call.out.table(columns, items, empty=f"no {noun.plural}")


def put(
    call: Call,
    noun: NounArgument,
    name: Name,
    file: Annotated[str, typer.Option("--file", metavar="FILE", help="JSON; - is standard input.")],
    scope: Scope = None,
    reason: Reason = None,
    rollout: Rollout = None,
    wait: Wait = None,
) -> Code:
    """Create one, or replace it whole. A `version` in the JSON must be the one that stands."""
    path = noun.item(name)
    body = _read_json(file)
    told = call.client.send("PUT", path, body, params={"scope": scope, "reason": reason, "rollout": rollout})
    return landed(call, f"{noun.word} {name}", told, wait)


def change(
    call: Call,
    noun: NounArgument,
    name: Name,
    params: Annotated[list[str] | None, typer.Argument(metavar="KEY=VALUE")] = None,
    secret: Annotated[
        str | None,
        typer.Option(
            "--secret", metavar="KEY", help="Ask for the value of KEY unseen, or read it from standard input."
        ),
    ] = None,
    scope: Scope = None,
    reason: Reason = None,
    rollout: Rollout = None,
    wait: Wait = None,
) -> Code:
    """Change params of one and keep the rest, unless somebody else changes it meanwhile.

    A KEY that is one of the noun's own fields, as `get` shows them, changes that field; a list is
    written A,B and an empty VALUE takes the field away.
    """
    path = noun.item(name)
    values = [_pair(each) for each in params or ()]
    for key, _ in values:
        if _SECRET.search(key) and key not in _TRUTHS:
            complain(f"warning: {key} now stands in the shell's history; --secret {key} asks for it unseen")
    if secret is not None:
        key, equals, _ = secret.partition("=")
        if equals:
            raise Failure(f"--secret takes a name only, the value is asked for: --secret {key}")
        values.append((key, _ask(key)))
    if not values:
        raise Failure("nothing to set: give KEY=VALUE, or --secret KEY")
    stands = call.client.get(path, {"scope": scope})
    for key, value in values:
        _set(stands, key, value)
    told = call.client.send(
        "PUT",
        path,
        stands,
        params={"scope": stands.get("scope"), "reason": reason, "rollout": rollout},
        headers={"If-Match": f'"{stands["version"]}"'},
    )
    return landed(call, f"{noun.word} {name}", told, wait)


def delete(
    call: Call,
    noun: NounArgument,
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    scope: Scope = None,
    reason: Reason = None,
    rollout: Rollout = None,
    wait: Wait = None,
) -> Code:
    """Delete one, and what stands under it: that is asked about first, and so is a node."""
    below_it = [each for each in NOUNS if each.parent == noun.plural]
    first = {"limit": 1, "scope": scope}
    holds = [each.plural for each in below_it if call.client.get(each.collection(name), first)["items"]]
    if holds:
        what = f"{noun.word} {name} holds {' and '.join(holds)}, which go with it"
        agree(what, "Delete them all?", "nothing is deleted", yes=yes)
    elif noun is NODE:
        agree(f"node {name} is answered and commanded no more", "Delete it?", "nothing is deleted", yes=yes)
    told = call.client.send(
        "DELETE", noun.item(name), params={"scope": scope, "reason": reason, "rollout": rollout}
    )
    return landed(call, f"{noun.word} {name} is removed", told, wait)


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise Failure(f"{text!r} is not KEY=VALUE")
    return key, value


def _set(row: Json, key: str, value: str) -> None:
    if key in _KEYS & row.keys():
        raise Failure(f"{key} is not set so: change it with `get`, an editor and `put`")
    match row.get(key):
        case [*items] if all(isinstance(each, str) for each in items):
            row[key] = [each for each in value.split(",") if each]
        case {"secret": _}:
            row[key] = value
        case list() | dict():
            raise Failure(f"{key} has parts: change it with `get`, an editor and `put`")
        case _ if key in _NUMBERS & row.keys() and value.isdecimal():
            row[key] = int(value)
        case _ if key in _TRUTHS & row.keys() and value in ("true", "false"):
            row[key] = value == "true"
        case _ if key in row:
            row[key] = value or None
        case _ if "params" in row:
            _set_param(row["params"], key, value)
        case _:
            raise Failure(f"there is no field {key}, and there are no params")


def _set_param(params: list[Json], key: str, value: str) -> None:
    found = [param for param in params if param["name"] == key]
    if len(found) > 1:
        raise Failure(f"there are {len(found)} params {key}: change them with `get`, an editor and `put`")
    if found:
        found[0]["value"] = value
    else:
        params.append({"name": key, "value": value})


def _ask(key: str) -> str:
    value = ask_unseen(key) if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
    if not value:
        raise Failure(f"nothing was given for {key}")
    return value


def _read_json(file: str) -> Any:
    text = sys.stdin.read() if file == "-" else read_text(Path(file))
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        where = "standard input" if file == "-" else file
        raise Failure(f"{where}:{error.lineno}: is not JSON: {error.msg}") from None
