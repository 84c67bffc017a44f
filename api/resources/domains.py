"""Directory domains."""

from typing import Annotated

from pydantic import Field

from api.resources.kit import Resource
from api.resources.shapes import ParamsIn, ScopedIn
from controlplane.desired.values import Noun


class DomainIn(ScopedIn):
    """A domain; `cacheable` is in ms, null: its users are never cached by a node."""

    params: ParamsIn = Field(default_factory=list)
    variables: ParamsIn = Field(default_factory=list)
    cacheable: Annotated[int, Field(ge=0)] | None = None


DOMAINS = Resource(Noun.DOMAIN, "domains", DomainIn)
