"""Directory users of a domain."""

from typing import Annotated

from pydantic import Field

from api.resources.kit import Resource
from api.resources.shapes import (
    GatewayVariablesIn,
    Line,
    LongText,
    Name,
    ParamsIn,
    ScopedIn,
    Shape,
    TextIn,
)
from controlplane.desired.values import Noun


class UserGatewayIn(Shape):
    """A gateway declared by a user."""

    name: Name
    params: ParamsIn = Field(default_factory=list)
    variables: GatewayVariablesIn = Field(default_factory=list)


class A1HashIn(Shape):
    """MD5(username:realm:password) in hex, in place of a password; without `username` the user's name."""

    realm: Name
    hash: TextIn
    username: Name | None = None


class UserIn(ScopedIn):
    """A user; he is answered in the first of `groups`. `cacheable` is in ms, 0: never.

    `cacheable` and `hash_passwords` override the domain's.
    `elements`: what else modules read in him, one XML element each (`<skinny>` of mod_skinny).
    """

    domain: Name | None = None
    number_alias: Name | None = None
    cidr: Line | None = None
    groups: list[Name] = Field(default_factory=list)
    params: ParamsIn = Field(default_factory=list)
    variables: ParamsIn = Field(default_factory=list)
    profile_variables: ParamsIn = Field(default_factory=list)
    gateways: list[UserGatewayIn] = Field(default_factory=list)
    elements: list[LongText] = Field(default_factory=list)
    a1_hashes: list[A1HashIn] = Field(default_factory=list)
    cacheable: Annotated[int, Field(ge=0)] | None = None
    hash_passwords: bool | None = None


USERS = Resource(Noun.USER, "users", UserIn, parent=Noun.DOMAIN)
