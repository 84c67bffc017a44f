"""What the input models of the nouns share.

A model says which fields there are and of which JSON type, no more: what a name, an
address or a piece of XML may hold is checked once, in `controlplane.desired.checks`.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(min_length=1, max_length=255)]
Line = Annotated[str, Field(max_length=4096)]
LongText = Annotated[str, Field(max_length=1_000_000)]


class Shape(BaseModel):
    """A JSON object whose every field is known; numbers are numbers and text is text."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class SecretIn(Shape):
    """A reference to a sealed value, as a read gave it; it stands for "unchanged"."""

    secret: Annotated[str, Field(pattern=r"^[0-9]{1,15}@[0-9]{1,15}$")]


TextIn = Annotated[Line | SecretIn, Field(union_mode="left_to_right")]


class ParamIn(Shape):
    """A `<param>` or `<variable>`."""

    name: Name
    value: TextIn


class GatewayVariableIn(ParamIn):
    """A gateway's `<variable>`, which may say for which calls it is set."""

    direction: Literal["inbound", "outbound"] | None = None


ParamsIn = list[ParamIn] | dict[Name, TextIn]
GatewayVariablesIn = list[GatewayVariableIn] | dict[Name, TextIn]

# What a read adds to a resource. A writer may send it back: `version` then counts as If-Match.
READ_ONLY = frozenset({"version", "revision"})


class ResourceIn(Shape):
    """What every noun takes: its name (also in the path), and what a read gave beside its fields."""

    name: Name | None = None
    version: Annotated[int, Field(ge=1)] | None = None
    revision: Annotated[int, Field(ge=0)] | None = None

    def fields(self) -> dict[str, Any]:
        """Give the noun's own fields that were sent, as plain JSON values."""
        return self.model_dump(mode="json", exclude_unset=True, exclude=set(READ_ONLY))


class ScopedIn(ResourceIn):
    """A noun that may stand for every node, for groups of nodes, or for one."""

    scope: Annotated[str, Field(max_length=1000)] | None = None
