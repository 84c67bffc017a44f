"""SIP gateways."""

from pydantic import Field

from api.resources.kit import Resource
from api.resources.shapes import GatewayVariablesIn, Name, ParamsIn, ScopedIn
from controlplane.desired.values import Noun


class GatewayIn(ScopedIn):
    """A gateway of a profile; `placed_on` names the one node of its scope where it stands, null: all."""

    profile: Name
    placed_on: Name | None = None
    params: ParamsIn = Field(default_factory=list)
    variables: GatewayVariablesIn = Field(default_factory=list)


GATEWAYS = Resource(Noun.GATEWAY, "gateways", GatewayIn)
