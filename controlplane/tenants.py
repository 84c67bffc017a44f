"""Roles, and tenants: how far a token goes."""

from dataclasses import dataclass
from enum import StrEnum

from controlplane.desired.values import Key, Noun


class Role(StrEnum):
    """What its holder may do; each may do what those before it may."""

    VIEWER = "viewer"
    """Reads, but no secrets."""
    OPERATOR = "operator"
    """Writes, and commands nodes."""
    ADMIN = "admin"
    """Gives and revokes tokens, and reads all passwords at once."""

    def includes(self, other: "Role") -> bool:
        """Say whether it may do what the other may."""
        return _ORDER.index(self) >= _ORDER.index(other)


_ORDER = tuple(Role)


@dataclass(frozen=True, slots=True)
class Tenant:
    """Domains with their users and groups, and contexts with their extensions: all that a token reaches.

    The contexts are named with the token. Were they those that the domains' `user_context` names, a tenant
    would make any context his own by writing its name there.
    """

    domains: tuple[str, ...]
    contexts: tuple[str, ...] = ()

    def owns(self, key: Key) -> bool:
        """Say whether the row is one of the tenant's, whatever its scope."""
        match key.noun:
            case Noun.DOMAIN:
                return key.name in self.domains
            case Noun.GROUP | Noun.USER:
                return key.parent in self.domains
            case Noun.CONTEXT:
                return key.name in self.contexts
            case Noun.EXTENSION:
                return key.parent in self.contexts
            case _:
                return False
