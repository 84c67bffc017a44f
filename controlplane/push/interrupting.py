"""What of a change interrupts calls on a node: gateways that it runs and that are to be others. Pure.

Such a gateway is killed before its successor is started, and calls cannot be set up through it for the
second or two between. One that is new, or is to go, interrupts nothing that is to go on.
"""

from collections.abc import Collection, Mapping

from controlplane.desired.catalog import Catalog
from controlplane.desired.revisions import Changed
from controlplane.desired.values import User
from controlplane.push.touches import Touches


def interrupting(
    touched: Mapping[str, Touches], changes: Collection[Changed], before: Catalog, after: Catalog
) -> dict[str, Touches]:
    """Of what is touched that which interrupts, by node; nodes without any are left out."""
    by_users = _by_users(changes)
    found = {}
    for node, touches in touched.items():
        if not touches.gateways or before.node(node) is None:
            continue
        stood, stands = before.view(node).gateways, after.view(node).gateways
        names = frozenset(
            name for name in touches.gateways if (name in stood and name in stands) or name in by_users
        )
        if names:
            found[node] = Touches(gateways=names)
    return found


def _by_users(changes: Collection[Changed]) -> frozenset[str]:
    """The gateways that directory users declared before, and declare still."""
    found: set[str] = set()
    for change in changes:
        if isinstance(change.before, User) and isinstance(change.after, User):
            stood = {gateway.name for gateway in change.before.gateways}
            found |= {gateway.name for gateway in change.after.gateways if gateway.name in stood}
    return frozenset(found)
