"""Warns of one account that registers from more than one node.

Each node would take the registration from the other. It may be meant (several contacts), so
it is a warning and no error.
"""

from collections.abc import Iterator, Sequence

from controlplane.desired.catalog import Catalog, rank
from controlplane.desired.revisions import Changed
from controlplane.desired.values import Gateway

_TRUE = ("true", "yes", "on", "1", "enabled", "active", "allow", "t")

Account = tuple[str, str]


def account(gateway: Gateway) -> Account | None:
    """Give the user and the host that a gateway registers with, or None for one that does not."""
    said = {param.name.lower(): param.value for param in gateway.params if isinstance(param.value, str)}
    # sofia.c, parse_gateways: it registers unless told not to; realm, proxy and user have these defaults.
    if said.get("register", "true").lower() not in _TRUE:
        return None
    realm = said.get("realm") or gateway.name
    host = said.get("register-proxy") or said.get("proxy") or realm
    return said.get("username") or gateway.name, host.lower()


def warnings(changes: Sequence[Changed], after: Catalog) -> Iterator[str]:
    """Give a sentence for each account of a changed gateway that would register from several nodes."""
    changed = {
        found: change.after.name
        for change in changes
        if isinstance(change.after, Gateway) and (found := account(change.after)) is not None
    }
    if not changed:
        return
    nodes: dict[Account, set[str]] = {found: set() for found in changed}
    for row in after.gateways.values():
        found = account(row.value)
        if found in nodes:
            for node in after.nodes.values():
                placed = row.value.placed_on in (None, node.value.name)
                if placed and rank(node.value, row.value.scope) is not None:
                    nodes[found].add(node.value.name)
    for (user, host), where in nodes.items():
        if len(where) > 1:
            gateway = changed[user, host]
            yield (
                f"gateway {gateway}: the account {user} at {host} registers from several nodes "
                f"({', '.join(sorted(where))}); place it on one unless that is meant"
            )
