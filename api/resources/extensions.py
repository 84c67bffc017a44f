"""Dialplan extensions of a context."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field
from starlette.requests import Request

from api.resources.kit import Resource
from api.resources.plans import Attributes, ConditionIn, Word
from api.resources.shapes import LongText, Name, ScopedIn
from controlplane.desired.plans import extension_form
from controlplane.desired.values import Noun, Stored


class ExtensionIn(ScopedIn):
    """An extension, ordered by (position, name): either `xml`, one `<extension>` element, or `conditions`.

    A read gives both; `conditions` is null where the XML says what they cannot. Sent back they must agree.
    `numbers` declares what the extension can match, where its conditions do not tell: exact numbers, and
    prefixes written `^PREFIX`. It is then left out of answers for other numbers.
    """

    model_config = ConfigDict(serialize_by_alias=True)

    context: Name | None = None
    position: Annotated[int, Field(ge=0, le=1_000_000_000)] = 0
    numbers: Annotated[list[Name], Field(default_factory=list, max_length=10_000)]
    xml: LongText | None = None
    continue_: Annotated[Word | None, Field(alias="continue")] = None
    attributes: Attributes | None = None
    conditions: list[ConditionIn] | None = None


def _form(_request: Request, stored: Stored[Any]) -> dict[str, Any]:
    return extension_form(stored.value.xml)


EXTENSIONS = Resource(Noun.EXTENSION, "extensions", ExtensionIn, parent=Noun.CONTEXT, show=_form)
