"""What a node, or one of its profiles, goes by since it started: what it fetched from us then."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from controlplane.observed.values import Wanted
from controlplane.push import settings
from controlplane.push.applied import Applied, acl_digest
from controlplane.push.documents import digests
from controlplane.push.ports import Ledger
from controlplane.push.touches import Touches
from controlplane.push.verify import acl_lookups, asked_as


class SinceBoot:
    """What of nodes began anew: their processes, and profiles that were started by others than us."""

    def __init__(self) -> None:
        self._heard: dict[str, int] = {}
        self._marks: dict[str, int] = {}
        self._profiles: dict[str, dict[str, int]] = {}

    def __call__(self, node: str) -> int:
        """The ledger's mark from before the process that runs there now began; 0 when we saw no other."""
        return self._marks.get(node, 0)

    def heard(self, node: str, mark: int) -> None:
        """The process that runs there gave a sign of life."""
        self._heard[node] = mark

    def down(self, node: str, mark: int) -> None:
        """The link went: what was asked since the last sign of life may come from the next process.

        A node that lost its power is back and has asked for all it needs before its silence is noticed.
        """
        self._marks[node] = self._heard.pop(node, mark)
        self._profiles.pop(node, None)

    def profile(self, node: str, name: str, mark: int) -> None:
        """A profile started, and not by our doing."""
        self._profiles.setdefault(node, {})[name] = mark

    def restarted(self, node: str) -> Mapping[str, int]:
        """Those profiles, until they are `settled`."""
        return dict(self._profiles.get(node, {}))

    def settled(self, node: str, seen: Mapping[str, int]) -> None:
        """These starts are accounted for; one that came since then is not."""
        left = self.restarted(node).items() - seen.items()
        self._profiles[node] = dict(left)


def since_start(wanted: Wanted, ledger: Ledger, since: int, touches: Touches, target: int) -> Applied:
    """What a freshly started node goes by: all that it has fetched from us as it is wanted now.

    What `touches` names must have been fetched at revision `target`, the rest at that of its row.
    """

    def fresh(whats: Iterable[str], touched: bool, revision: int) -> bool:
        least = target if touched else revision
        return any(
            answered is not None and answered >= least
            for answered in (ledger.answered(wanted.node, what, since) for what in whats)
        )

    profiles = {
        name: settings.in_force(profile)
        for name, profile in wanted.profiles.items()
        if fresh(("sofia.conf", f"sofia.conf/{name}"), name in touches.profiles, profile.revision)
    }
    documents: dict[str, str] = {}
    for name, document in wanted.documents.items():
        whats = ("sofia.conf",) if name.lower() == "sofia.conf" else asked_as(name)
        if fresh(whats, name in touches.documents, document.revision):
            documents |= digests(document)
    fetched = all(fresh((what,), bool(touches.acls), wanted.acl_revision) for what in acl_lookups(wanted))
    return Applied(profiles, documents, acl_digest(wanted.acls, wanted.cidrs) if fetched else None)


def with_restarted(applied: Applied, wanted: Wanted, ledger: Ledger, names: Iterable[str]) -> Applied:
    """Profiles that others started go by what they fetched then."""
    profiles = dict(applied.profiles)
    for name in names:
        told = ledger.answered(wanted.node, f"sofia.conf/{name}", 0)
        profiles.pop(name, None)
        profile = wanted.profiles.get(name)
        if profile is not None and told is not None and told >= profile.revision:
            profiles[name] = settings.in_force(profile)
    return replace(applied, profiles=profiles)
