"""What a node is told, and of what it was made."""

from dataclasses import dataclass
from typing import final

from controlplane.desired.values import Key


@dataclass(frozen=True, slots=True)
class Row:
    """A row that went into an answer, as it stood then."""

    key: Key
    version: int
    revision: int


@dataclass(frozen=True, slots=True)
class Answer:
    """The XML for one lookup.

    `what`: by which name the ledger knows it, None for what nobody waits for (users, dialplan).
    `revision`: the newest revision known when its reading began; what it says stands at least then.
    `found`: False for FreeSWITCH's "not found", and for a domain without the user asked for.
    `cacheable`: the switch may keep it. `by_login`: good for the very login that it was asked with.
    """

    body: bytes
    what: str | None
    revision: int
    rows: tuple[Row, ...] = ()
    found: bool = True
    cacheable: bool = False
    by_login: bool = False


@final
@dataclass(frozen=True, slots=True)
class Names:
    """Stands where an answer is kept once for each choice of values: `names` are the variables put in."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """What would be answered, and why: the same XML with every secret masked."""

    xml: str
    reason: str
    found: bool
    revision: int
    rows: tuple[Row, ...]
