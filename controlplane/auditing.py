"""Writes down what operators did that made no revision: commands, tokens, secrets shown."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.orm import Session

from controlplane.desired.revisions import Author
from controlplane.store.audit import AuditRow
from controlplane.store.engine import Store


async def audit(
    store: Store, author: Author, action: str, target: str = "", detail: Mapping[str, Any] | None = None
) -> None:
    """Write one act down; `action` is a word such as `rescan`, `detail` holds no secret.

    An act is written down before it is done: one that cannot be accounted for is not done.
    """
    await store.write(lambda session: noted(session, author, action, target, detail))


def noted(
    session: Session, author: Author, action: str, target: str = "", detail: Mapping[str, Any] | None = None
) -> None:
    """Write one act down in the transaction that does it."""
    row = AuditRow(
        at=datetime.now(UTC),
        actor=author.actor,
        token=author.token,
        source=author.source,
        request_id=author.request_id,
        action=action,
        target=target,
        detail={**({"reason": author.reason} if author.reason else {}), **(detail or {})},
    )
    session.add(row)
