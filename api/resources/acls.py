"""ACL lists."""

from typing import Literal

from pydantic import Field

from api.resources.kit import Resource
from api.resources.shapes import Line, ScopedIn, Shape
from controlplane.desired.values import Noun


class AclEntryIn(Shape):
    """A `<node>` of a list: exactly one of `cidr` and `domain`."""

    type: Literal["allow", "deny"]
    cidr: Line | None = None
    domain: Line | None = None


class AclIn(ScopedIn):
    """An ACL list: what is in no entry is allowed or denied by `default`."""

    default: Literal["allow", "deny"]
    entries: list[AclEntryIn] = Field(default_factory=list)


ACLS = Resource(Noun.ACL, "acls", AclIn)
