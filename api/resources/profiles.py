"""SIP profiles; their gateways are a noun of their own."""

from pydantic import Field

from api.resources.kit import Resource
from api.resources.shapes import Name, ParamsIn, ScopedIn, Shape
from controlplane.desired.values import Noun


class ProfileDomainIn(Shape):
    """A `<domain>` of a profile."""

    name: Name
    alias: bool = False
    parse: bool = False


class ProfileIn(ScopedIn):
    """A profile: settings, aliases and domains."""

    params: ParamsIn = Field(default_factory=list)
    aliases: list[Name] = Field(default_factory=list)
    domains: list[ProfileDomainIn] = Field(default_factory=list)


PROFILES = Resource(Noun.PROFILE, "profiles", ProfileIn)
