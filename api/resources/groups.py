"""Directory groups of a domain."""

from pydantic import Field

from api.resources.kit import Resource
from api.resources.shapes import Name, ParamsIn, ScopedIn
from controlplane.desired.values import Noun


class GroupIn(ScopedIn):
    """A group; what it holds is merged into its users."""

    domain: Name | None = None
    params: ParamsIn = Field(default_factory=list)
    variables: ParamsIn = Field(default_factory=list)
    profile_variables: ParamsIn = Field(default_factory=list)


GROUPS = Resource(Noun.GROUP, "groups", GroupIn, parent=Noun.DOMAIN)
