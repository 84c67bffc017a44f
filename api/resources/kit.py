"""The routes that every noun has, from its description: list, create, read, replace, delete."""

from dataclasses import dataclass

from api.resources.shapes import ResourceIn
from controlplane.desired.values import Noun


@dataclass(frozen=True, slots=True)
class Resource:
    """A noun as the API shows it.

    `plural` is its segment of the path. `parent` is the noun it stands under (a user under
    his domain), whose name then comes before it in the path.
    """

    noun: Noun
    plural: str
    model: type[ResourceIn]
    parent: Noun | None = None
