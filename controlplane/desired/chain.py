"""The digests that make the revisions a chain: none can be altered, moved or left out unseen."""

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from controlplane.desired.revisions import Author
from controlplane.store import tables

GENESIS = "0" * 64

_REVISIONS = tables.table(tables.RevisionRow)
_CHANGES = tables.table(tables.ChangeRow)


def digest(
    previous: str,
    number: int,
    at: datetime,
    author: Author,
    changes: Sequence[dict[str, Any]],
    nodes: Sequence[str],
    warnings: Sequence[str],
) -> str:
    """Give the SHA-256 (hex) over the digest before and the canonical JSON of what is in the revision.

    `changes`: as their rows' columns without `revision` and `position`.
    """
    content = {
        "number": number,
        "at": at.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor": author.actor,
        "token": author.token,
        "source": author.source,
        "request_id": author.request_id,
        "reason": author.reason,
        "nodes": list(nodes),
        "warnings": list(warnings),
        "changes": list(changes),
    }
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(previous.encode() + b"\n" + canonical.encode()).hexdigest()


def first_broken(session: Session) -> int | None:
    """Give the number of the first revision kept whose digest is not right, or None.

    Reads every revision, one after the other.
    """
    previous: str | None = None
    before: int | None = None
    for row in session.execute(select(_REVISIONS).order_by(_REVISIONS.c.number)).mappings():
        number = row["number"]
        author = Author(row["actor"], row["source"], row["request_id"], row["reason"], row["token"])
        columns = [column for column in _CHANGES.c if column.name not in ("revision", "position")]
        wanted = select(*columns).where(_CHANGES.c.revision == number).order_by(_CHANGES.c.position)
        changes = [dict(change) for change in session.execute(wanted).mappings()]
        right = digest(row["previous"], number, row["at"], author, changes, row["nodes"], row["warnings"])
        linked = previous is None or (row["previous"] == previous and number == (before or 0) + 1)
        if not linked or right != row["digest"]:
            return int(number)
        previous, before = row["digest"], number
    return None
