"""Configuration documents such as `conference.conf`."""

from api.resources.kit import Resource
from api.resources.shapes import LongText, ScopedIn
from controlplane.desired.values import Noun


class DocumentIn(ScopedIn):
    """A document: `xml` is one `<configuration>` element of the same name.

    Attributes that hold passwords are sealed when written; a read shows `sealed:ID@VERSION`
    in their place, which stands for "unchanged" when it is sent back.
    """

    xml: LongText
    secrets: list[str] | None = None


DOCUMENTS = Resource(Noun.DOCUMENT, "documents", DocumentIn)
