"""What a writer asks for, and what became of it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from sqlalchemy.orm import Session

from controlplane.desired.values import Key, Value

if TYPE_CHECKING:
    from controlplane.desired.catalog import Catalog


@dataclass(frozen=True, slots=True)
class Put:
    """Write a row whole. `spec` is its JSON (see `codec`) without what the key says.

    `if_match`: the version that the writer saw. `create`: True, the row must not exist yet;
    False, it must; None, either.
    """

    key: Key
    spec: Mapping[str, Any]
    if_match: int | None = None
    create: bool | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete a row, and what stands under it: a domain's groups and users, a context's extensions."""

    key: Key
    if_match: int | None = None


Item: TypeAlias = Put | Delete


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """What is to be written in one revision, all or nothing; each key at most once.

    The order does not matter: a row may refer to one that comes after it.
    """

    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Author:
    """Who writes, from where (an address), for which request, and why. `token`: the token's id.

    `rollout`: the strategy by which it is to go out (`controlplane.strategy`); empty: as set.
    """

    actor: str
    source: str = ""
    request_id: str = ""
    reason: str = ""
    token: str = ""
    rollout: str = ""


@dataclass(frozen=True, slots=True)
class Changed:
    """One row's before and after; None: it did not, or does not, exist. `row_id` is the row's."""

    key: Key
    before: Value | None
    after: Value | None
    before_version: int | None
    after_version: int | None
    row_id: int = 0


@dataclass(frozen=True, slots=True)
class Revision:
    """One commit. `nodes` got a push. `digest` covers the digest before it and all that is in it."""

    number: int
    at: datetime
    author: Author
    changes: tuple[Changed, ...]
    digest: str
    nodes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class Effects(Protocol):
    """Makes a commit's consequences part of its transaction."""

    def __call__(
        self,
        session: Session,
        revision: int,
        changes: Collection[Changed],
        before: "Catalog",
        after: "Catalog",
        author: Author,
    ) -> Collection[str]:
        """Enqueue what nodes must be told; give the names of the nodes that got a push."""
        ...
