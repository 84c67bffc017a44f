"""What pushes leave behind that operators should know of: as findings, for as long as it is so."""

from collections.abc import Mapping

from controlplane.push.applied import Applied
from controlplane.push.findings import Found, Severity

HELD = "held"
"""The kind of finding that says what is not done yet, and why."""
UNREAD = "document-unread"
"""The kind that names a document which nobody on the node reads."""

KEPT = frozenset({HELD, UNREAD})


def kept(node: str, applied: Mapping[str, str]) -> tuple[Found, ...]:
    """All of it, out of the node's applied state as it is kept."""
    known = Applied.from_json(applied)
    held = [Found(node, HELD, what, each.reason, Severity.WARNING) for what, each in known.held.items()]
    unread = [Found(node, UNREAD, name, why, Severity.INFO) for name, why in known.unread.items()]
    return (*held, *unread)
