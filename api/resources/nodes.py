"""FreeSWITCH nodes: the noun. What is done with a node is in `api.node_actions`."""

import secrets
from typing import Annotated, Any, Literal

from pydantic import Field

from api.problems import FieldProblem, invalid
from api.resources.kit import Resource
from api.resources.shapes import Line, Name, ResourceIn, TextIn
from controlplane.desired import codec
from controlplane.desired.codec import text_to_json
from controlplane.desired.values import Node, NodeMode, Noun, Stored

# Bytes of randomness in a generated lookup password.
PASSWORD_BYTES = 24
# What says who may ask in a node's name, as whom we log in, and when it may be changed.
KEPT = (
    "lookup_schemes",
    "lookup_networks",
    "lookup_certificate",
    "event_socket_user",
    "change_windows",
)


class NodeIn(ResourceIn):
    """A node. Passwords left out stay as they are; a new node's lookup password is generated.

    So does who may ask, and as whom we log in: `lookup_schemes`, `lookup_networks`, `lookup_certificate`
    and `event_socket_user` are not lifted by a writer who does not know of them, nor are `change_windows`.

    `mode` may be sent back as it was read; adopting a node changes it, not writing.
    """

    switchname: Name | None = None
    host: Line
    port: Annotated[int, Field(ge=1, le=65535)] = 8021
    groups: list[Name] = Field(default_factory=list)
    mode: Literal["observing", "managed"] | None = None
    event_socket_user: Line | None = None
    event_socket_password: TextIn | None = None
    lookup_passwords: Annotated[list[TextIn], Field(min_length=1, max_length=2)] | None = None
    lookup_schemes: list[Literal["basic", "digest-sha-256", "digest-md5"]] | None = None
    lookup_networks: list[Line] | None = None
    lookup_certificate: Line | None = None
    response_max_bytes: Annotated[int, Field(ge=1)] | None = None
    change_windows: list[Line] | None = None
    status: Any = None


def new_password() -> str:
    """Make a lookup password."""
    return secrets.token_urlsafe(PASSWORD_BYTES)


def complete(fields: dict[str, Any], stands: Stored[Node] | None) -> dict[str, Any]:
    """Fill in what was left out; raises `Problem` 422."""
    kept = codec.fields_to_json(stands.value) if stands is not None else {}
    standing = {name: kept[name] for name in KEPT if name in kept and name not in fields}
    fields = {name: value for name, value in fields.items() if value is not None and name != "status"}
    fields |= standing
    mode = stands.value.mode if stands is not None else NodeMode.OBSERVING
    if fields.setdefault("mode", mode.value) != mode.value:
        raise invalid([FieldProblem("mode", f"the node is {mode.value}: adopt it, or observe it, instead")])
    if stands is not None:
        node = stands.value
        fields.setdefault("event_socket_password", text_to_json(node.event_socket_password))
        fields.setdefault("lookup_passwords", [text_to_json(password) for password in node.lookup_passwords])
    else:
        fields.setdefault("lookup_passwords", [new_password()])
    return fields


NODES = Resource(Noun.NODE, "nodes", NodeIn, prepare=complete)
