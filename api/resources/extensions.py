"""Dialplan extensions of a context."""

from typing import Annotated

from pydantic import Field

from api.resources.kit import Resource
from api.resources.shapes import LongText, Name, ScopedIn
from controlplane.desired.values import Noun


class ExtensionIn(ScopedIn):
    """An extension: `xml` is one `<extension>` element; they are ordered by (position, name)."""

    context: Name | None = None
    position: Annotated[int, Field(ge=0, le=1_000_000_000)] = 0
    xml: LongText


EXTENSIONS = Resource(Noun.EXTENSION, "extensions", ExtensionIn, parent=Noun.CONTEXT)
