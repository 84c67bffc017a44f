"""Languages: the phrase macros that FreeSWITCH says."""

from api.resources.kit import Resource
from api.resources.shapes import LongText, ScopedIn
from controlplane.desired.values import Noun


class LanguageIn(ScopedIn):
    """A language: `xml` is one `<language>` element of the same name, with `<phrases>` and `<macros>`."""

    xml: LongText


LANGUAGES = Resource(Noun.LANGUAGE, "languages", LanguageIn)
