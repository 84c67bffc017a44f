"""What the input models of the nouns share.

A model says which fields there are and of which JSON type, no more: what a name, an
address or a piece of XML may hold is checked once, in `controlplane.desired.checks`.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

Name = Annotated[str, Field(min_length=1, max_length=255)]
Line = Annotated[str, Field(max_length=4096)]
LongText = Annotated[str, Field(max_length=1_000_000)]


class Shape(BaseModel):
    """A JSON object whose every field is known; numbers are numbers and text is text."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class SecretIn(Shape):
    """A reference to a sealed value, as a read gave it; it stands for "unchanged"."""

    secret: Annotated[str, Field(pattern=r"^[0-9]{1,15}@[0-9]{1,15}$")]


def _form(value: Any) -> str | None:
    """Name the form of a value that may be written in two; errors then speak of that form alone."""
    if isinstance(value, str):
        return "<text>"
    if isinstance(value, list):
        return "<list>"
    return "<object>" if isinstance(value, dict | SecretIn) else None


TextIn = Annotated[
    Annotated[Line, Tag("<text>")] | Annotated[SecretIn, Tag("<object>")],
    Discriminator(
        _form,
        custom_error_type="text_or_secret",
        custom_error_message='a text, or {"secret": "ID@VERSION"} as a read gave it',
    ),
]


class ParamIn(Shape):
    """A `<param>` or `<variable>`."""

    name: Name
    value: TextIn


class GatewayVariableIn(ParamIn):
    """A gateway's `<variable>`, which may say for which calls it is set."""

    direction: Literal["inbound", "outbound"] | None = None


_NAMED = Annotated[dict[Name, TextIn], Tag("<object>")]
_LIST_OR_OBJECT = Discriminator(
    _form,
    custom_error_type="list_or_object",
    custom_error_message='a list of {"name", "value"}, or an object {name: value}',
)
ParamsIn = Annotated[Annotated[list[ParamIn], Tag("<list>")] | _NAMED, _LIST_OR_OBJECT]
GatewayVariablesIn = Annotated[Annotated[list[GatewayVariableIn], Tag("<list>")] | _NAMED, _LIST_OR_OBJECT]

# What the path or a read says. A writer may send it back: `version` then counts as If-Match.
_NO_FIELDS = frozenset({"name", "scope", "version", "revision"})


class ResourceIn(Shape):
    """What every noun takes: its name (also in the path), and what a read gave beside its fields."""

    name: Name | None = None
    version: Annotated[int, Field(ge=1)] | None = None
    revision: Annotated[int, Field(ge=0)] | None = None

    def fields(self) -> dict[str, Any]:
        """Give the noun's own fields that were sent, as plain JSON values."""
        return self.model_dump(mode="json", exclude_unset=True, exclude=set(_NO_FIELDS))


class ScopedIn(ResourceIn):
    """A noun that may stand for every node, for groups of nodes, or for one."""

    scope: Annotated[str, Field(max_length=1000)] | None = None
