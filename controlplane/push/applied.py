"""What was last seen to be in force on a node, beyond what can be read back from it at any time."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from controlplane.desired.values import Acl
from controlplane.push import settings

ACL = "acl"
"""Under which the digest of the ACL lists is kept."""

_PROFILE, _DOCUMENT, _HELD = "profile/", "document/", "held/"


def _none() -> Mapping[str, str]:
    return {}


def _no_profiles() -> Mapping[str, Mapping[str, str]]:
    return {}


@dataclass(frozen=True, slots=True)
class Applied:
    """Baselines of profiles, digests of documents, and the digest of all ACL lists together.

    What is not named is not known. `held`: what waits for a restart, and why.
    """

    profiles: Mapping[str, Mapping[str, str]] = field(default_factory=_no_profiles)
    documents: Mapping[str, str] = field(default_factory=_none)
    acl: str | None = None
    held: Mapping[str, str] = field(default_factory=_none)

    def to_json(self) -> dict[str, str]:
        """As it is kept in the database: flat, by the names that `Held.what` uses."""
        held = {f"{_PROFILE}{name}": settings.written(baseline) for name, baseline in self.profiles.items()}
        held |= {f"{_DOCUMENT}{name}": digest for name, digest in self.documents.items()}
        held |= {f"{_HELD}{what}": reason for what, reason in self.held.items()}
        if self.acl is not None:
            held[ACL] = self.acl
        return dict(sorted(held.items()))

    @classmethod
    def from_json(cls, held: Mapping[str, str]) -> "Applied":
        """Read what `to_json` wrote."""
        return cls(
            {
                key.removeprefix(_PROFILE): settings.read(text)
                for key, text in held.items()
                if key.startswith(_PROFILE)
            },
            {key.removeprefix(_DOCUMENT): text for key, text in held.items() if key.startswith(_DOCUMENT)},
            held.get(ACL),
            {key.removeprefix(_HELD): text for key, text in held.items() if key.startswith(_HELD)},
        )


def acl_digest(acls: Mapping[str, Acl], cidrs: Mapping[str, tuple[str, ...]]) -> str:
    """Of every list as the switch would hold it, users' networks included."""
    written = [
        [name, acl.default_allow, [[entry.allow, entry.cidr, entry.domain] for entry in acl.entries]]
        for name, acl in sorted(acls.items())
    ]
    text = json.dumps([written, sorted((domain, list(found)) for domain, found in cidrs.items())])
    return hashlib.sha256(text.encode()).hexdigest()[:32]
