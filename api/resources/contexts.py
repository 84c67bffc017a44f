"""Dialplan contexts; one that stands here is always answered, be it empty."""

from api.resources.kit import Resource
from api.resources.shapes import ScopedIn
from controlplane.desired.values import Noun


class ContextIn(ScopedIn):
    """A context has a name and a scope only."""


CONTEXTS = Resource(Noun.CONTEXT, "contexts", ContextIn)
