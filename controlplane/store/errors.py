"""Every way in which the database or the key file can fail us.

StoreError
├── DatabaseUnreachable   no answer from the database, or it went away meanwhile
├── DatabaseTooNew        its schema is newer than this program
├── StoreBusy             another daemon, migration or writer holds it
├── DatabaseRefused       a URL that cannot be used, a full disk, missing rights, a damaged file
├── KeyFileError          the key file is missing rights, malformed, or not the one that sealed
└── SealBroken            one sealed value does not open: damaged, or moved from its place

Each message is one sentence for an operator and never holds a password.
"""


class StoreError(Exception):
    """The root of this room's errors."""


class DatabaseUnreachable(StoreError):  # noqa: N818
    """The database does not answer, or the connection was lost; it may be back later."""


class DatabaseTooNew(StoreError):  # noqa: N818
    """The schema was made by a later version of this program."""


class StoreBusy(StoreError):  # noqa: N818
    """Someone else holds what only one may hold, for longer than we wait."""


class DatabaseRefused(StoreError):  # noqa: N818
    """The database cannot be used as it is, and waiting will not help."""


class KeyFileError(StoreError):
    """The key file cannot be used."""


class SealBroken(StoreError):  # noqa: N818
    """A sealed value does not open with this key in this place."""
