"""Variables: what `$${name}` becomes in what operators write, for each node."""

from api.resources.kit import Resource
from api.resources.shapes import ScopedIn, TextIn
from controlplane.desired.values import Noun


class VariableIn(ScopedIn):
    """A variable; one whose name says that it is a password is sealed."""

    value: TextIn


VARIABLES = Resource(Noun.VARIABLE, "variables", VariableIn)
