"""Why a change was not made.

DesiredError
├── Invalid         what was asked cannot stand: one reason a field
├── Conflict        the row is at another version than the writer saw
├── NotFound        no such row, or a revision that is not kept any more
└── AlreadyExists   a row that was to be new stands already
"""  # The API answers 422, 412, 404 and 409 for them.

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field: a path such as `params[2].value`, and the reason.

    `told_outside`: the reason for whom the row alone is, where the other names nodes, or rows of others.
    """

    field: str
    reason: str
    told_outside: str = ""

    def outside(self) -> "FieldError":
        """Give what may be told to whom the row alone is."""
        return FieldError(self.field, self.told_outside or self.reason)

    def __str__(self) -> str:
        return f"{self.field}: {self.reason}" if self.field else self.reason


class DesiredError(Exception):
    """The root of this room's errors."""


class Invalid(DesiredError):  # noqa: N818  # named for what happened
    """What was asked cannot stand; in a change set of several, `field` begins with the row's key."""

    def __init__(self, errors: tuple[FieldError, ...]) -> None:
        super().__init__("; ".join(str(error) for error in errors))
        self.errors = errors


class Conflict(DesiredError):  # noqa: N818  # named for what happened
    """The row's version is not the one that the writer saw; `version` is None when it is gone."""

    def __init__(self, key: str, version: int | None) -> None:
        stands = f"at version {version}" if version is not None else "gone"
        super().__init__(f"{key} was changed meanwhile: it is {stands}")
        self.key = key
        self.version = version


class NotFound(DesiredError):  # noqa: N818  # named for what happened
    """What was named does not exist."""


class AlreadyExists(DesiredError):  # noqa: N818  # named for what happened
    """What was to be created stands already."""
