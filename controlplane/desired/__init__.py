"""What FreeSWITCH should be: frozen values, checks, revisions and rollback."""

from controlplane.desired.errors import (
    AlreadyExists,
    Conflict,
    DesiredError,
    FieldError,
    Invalid,
    NotFound,
)
from controlplane.desired.state import Desired

__all__ = ["AlreadyExists", "Conflict", "Desired", "DesiredError", "FieldError", "Invalid", "NotFound"]
