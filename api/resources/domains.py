"""Directory domains."""

from typing import Annotated

from pydantic import Field

from api.resources.kit import Resource
from api.resources.shapes import ParamsIn, ScopedIn
from controlplane.desired.values import Noun


class DomainIn(ScopedIn):
    """A domain; `cacheable` is in ms (60000 when it is not sent), null or 0: no node caches its users.

    `hash_passwords`: nodes are told an a1-hash in place of each password.
    """

    params: ParamsIn = Field(default_factory=list)
    variables: ParamsIn = Field(default_factory=list)
    profile_variables: ParamsIn = Field(default_factory=list)
    cacheable: Annotated[int, Field(ge=0)] | None = None
    hash_passwords: bool = False


DOMAINS = Resource(Noun.DOMAIN, "domains", DomainIn)
