"""ACL lists: one address of every entry is tried, for nothing tells what a list holds.

So an entry too many is seen where it covers an address of another one, and else is not.
"""

from functools import lru_cache

from controlplane.desired.values import Acl
from controlplane.observed.drift import Drift, Kind
from controlplane.observed.values import Wanted
from controlplane.push.acls import Sample, samples
from controlplane.push.applied import acl_digest
from controlplane.push.ports import Nodes
from controlplane.reconcile.asking import answers
from esl.queries import CheckAcl

MOST = 200
"""Most addresses that are tried on one list."""


async def compare(nodes: Nodes, wanted: Wanted) -> tuple[Drift, ...]:
    """Give the lists that say otherwise of an address than they should."""
    chosen = [
        (name, sample)
        for name, acl in sorted(wanted.acls.items())
        for sample in _samples(acl, _cidrs(wanted, acl))
    ]
    verdicts = await answers(nodes, wanted.node, [CheckAcl(each.address, name) for name, each in chosen])
    wrong: dict[str, Drift] = {}
    for (name, sample), allowed in zip(chosen, verdicts, strict=True):
        if allowed is not sample.allowed and name not in wrong:
            does, should = ("lets", "should not") if allowed else ("does not let", "should")
            digest = acl_digest(wanted.acls, wanted.cidrs)
            wrong[name] = Drift(Kind.ACL_WRONG, name, f"{does} {sample.address} in, and {should}", digest)
    return tuple(wrong.values())


_Cidrs = tuple[tuple[str, tuple[str, ...]], ...]


def _cidrs(wanted: Wanted, acl: Acl) -> _Cidrs:
    named = sorted({entry.domain for entry in acl.entries if entry.domain is not None})
    return tuple((domain, wanted.cidrs.get(domain, ())) for domain in named)


@lru_cache(maxsize=256)  # most nodes share their lists, and each address is compared with each entry
def _samples(acl: Acl, cidrs: _Cidrs) -> tuple[Sample, ...]:
    return samples(acl, dict(cidrs))[:MOST]
