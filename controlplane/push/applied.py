"""What was last seen to be in force on a node, beyond what can be read back from it at any time."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from controlplane.desired.values import Acl
from controlplane.push import settings
from controlplane.push.held import Held, Wait

ACL = "acl"
"""Under which the digest of the ACL lists is kept."""

_PROFILE, _DOCUMENT, _HELD = "profile/", "document/", "held/"
_UNREAD, _RECEIPT = "unread/", "receipt/"


def _none() -> Mapping[str, str]:
    return {}


def _no_profiles() -> Mapping[str, Mapping[str, str]]:
    return {}


def _nothing_held() -> Mapping[str, Held]:
    return {}


@dataclass(frozen=True, slots=True)
class Applied:
    """Baselines of profiles, digests of documents, and the digest of all ACL lists together.

    What is not named is not known. `held`: what outlasts the push that held it back, by `Held.what`.
    `unread`: documents that nobody on the node reads, and why. `receipts`: tokens that are accounted for.
    """

    profiles: Mapping[str, Mapping[str, str]] = field(default_factory=_no_profiles)
    documents: Mapping[str, str] = field(default_factory=_none)
    acl: str | None = None
    held: Mapping[str, Held] = field(default_factory=_nothing_held)
    unread: Mapping[str, str] = field(default_factory=_none)
    receipts: Mapping[str, str] = field(default_factory=_none)

    def to_json(self) -> dict[str, str]:
        """As it is kept in the database: flat, by the names that `Held.what` uses."""
        held = {f"{_PROFILE}{name}": settings.written(baseline) for name, baseline in self.profiles.items()}
        held |= {f"{_DOCUMENT}{name}": digest for name, digest in self.documents.items()}
        held |= {
            f"{_HELD}{what}": json.dumps([each.wait.value, each.reason, each.command])
            for what, each in self.held.items()
        }
        held |= {f"{_UNREAD}{name}": reason for name, reason in self.unread.items()}
        held |= {f"{_RECEIPT}{what}": token for what, token in self.receipts.items()}
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
            {
                what: _held(what, text)
                for key, text in held.items()
                if (what := key.removeprefix(_HELD)) != key
            },
            {key.removeprefix(_UNREAD): text for key, text in held.items() if key.startswith(_UNREAD)},
            {key.removeprefix(_RECEIPT): text for key, text in held.items() if key.startswith(_RECEIPT)},
        )


def _held(what: str, text: str) -> Held:
    wait, reason, command = json.loads(text)
    return Held(Wait(wait), what, reason, command)


def acl_digest(acls: Mapping[str, Acl], cidrs: Mapping[str, tuple[str, ...]]) -> str:
    """Of every list as the switch would hold it, users' networks included."""
    written = [
        [name, acl.default_allow, [[entry.allow, entry.cidr, entry.domain] for entry in acl.entries]]
        for name, acl in sorted(acls.items())
    ]
    text = json.dumps([written, sorted((domain, list(found)) for domain, found in cidrs.items())])
    return hashlib.sha256(text.encode()).hexdigest()[:32]
