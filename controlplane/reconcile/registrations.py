"""Registrations: phones of users who are no more stay registered till theirs run out."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping

from controlplane.observed.drift import Drift, Kind
from controlplane.observed.registrations import registered
from controlplane.observed.values import Wanted
from controlplane.push.ports import Nodes

Known = Callable[[str, Mapping[str, frozenset[str]]], Awaitable[Mapping[str, frozenset[str]]]]
"""`(node, names by domain)` -> those by which there is a user; domains that are none of ours are left out."""


async def compare(nodes: Nodes, wanted: Wanted, known: Known) -> tuple[Drift, ...]:
    """Give the users who are registered and are no more, and the domains that are none of ours.

    Somebody may register another than himself: he is there as long as one of the two is.
    """
    seen = await registered(nodes, wanted.node)
    names: dict[str, set[str]] = {}
    for each in seen:
        names.setdefault(each.domain, set()).update({each.user, each.auth_user} - {""})
    there = await known(wanted.node, {domain: frozenset(some) for domain, some in names.items()})
    orphans: dict[str, Drift] = {}
    foreign: Counter[str] = Counter()
    for each in seen:
        users = there.get(each.domain)
        if users is None:
            foreign[each.domain] += 1
        elif not users & {each.user, each.auth_user}:
            who = f"{each.user}@{each.domain}"
            reason = f"registered with profile {each.profile} from {each.ip}, and is no user"
            orphans.setdefault(who, Drift(Kind.REGISTRATION_ORPHAN, who, reason))
    return (
        *(orphans[who] for who in sorted(orphans)),
        *(
            Drift(Kind.REGISTRATION_FOREIGN, domain, f"{count} registered in it, and it is no domain of ours")
            for domain, count in sorted(foreign.items())
        ),
    )
