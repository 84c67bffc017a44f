"""How what a node runs differs from what it should run. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from controlplane.observed.values import Seen, SeenGateway, Wanted, WantedGateway

UNWELL = frozenset({"FAILED", "FAIL_WAIT", "EXPIRED", "TIMEOUT"})
"""Gateway states in which a registration does not stand and is tried again by the node itself."""


class Kind(StrEnum):
    """What is wrong."""

    MISSING = "gateway-missing"
    """Desired, not running."""
    EXTRA = "gateway-extra"
    """Made by us, desired no more."""
    CHANGED = "gateway-changed"
    """Made by us, but not as it is desired now, be it only the password."""
    WRONG_PROFILE = "gateway-wrong-profile"
    DUPLICATE = "gateway-duplicate"
    """Running more than once; only a restart of the profile clears it."""
    UNMANAGED = "gateway-unmanaged"
    """Desired, and one of that name runs that we did not make."""
    FOREIGN = "gateway-foreign"
    """Neither desired nor made by us: told of, never touched."""
    UNWELL = "gateway-not-registered"
    """As desired, but it cannot register. Killing and adding it again would not help."""
    PROFILE_DOWN = "profile-down"
    PROFILE_UNKNOWN = "profile-foreign"
    """Running, not desired: told of, never touched."""
    ACL_WRONG = "acl-wrong"
    """A list says otherwise of an address than it should."""
    REGISTRATION_ORPHAN = "registration-orphan"
    """Of a user who is no more, in a domain of ours."""
    REGISTRATION_FOREIGN = "registration-foreign"
    """In a domain that is none of ours: told of, never touched."""
    MODULE_MISSING = "module-missing"
    """Named by modules.conf, not loaded."""
    MODULE_NEEDED = "module-needed"
    """Not loaded, so that nobody reads a document."""
    VARIABLE_DIFFERS = "variable-differs"
    """A global variable is not what we put in its place in what the node is told."""
    VARIABLE_UNSETTABLE = "variable-unsettable"
    """The same, and no command can set it."""


@dataclass(frozen=True, slots=True)
class Drift:
    """One difference. `name`: of the gateway, profile, list, module or variable, or the user.

    `wanted`: what it should be, as something that is another text when that changes.
    """

    kind: Kind
    name: str
    reason: str
    wanted: str = ""


GATEWAY_REPAIRS = frozenset({Kind.MISSING, Kind.EXTRA, Kind.CHANGED, Kind.WRONG_PROFILE, Kind.UNMANAGED})
"""What a push to the gateway mends; an unmanaged one only where the node is adopted."""

PROFILE_REPAIRS = frozenset({Kind.PROFILE_DOWN})
"""What a push to the profile mends."""


def drift(wanted: Wanted, seen: Seen) -> tuple[Drift, ...]:
    """Compare; of what was not asked for nothing is said. Sorted by name within gateways and profiles."""
    return (*_gateways(wanted, seen), *_profiles(wanted, seen))


def of_gateway(wanted: WantedGateway | None, seen: SeenGateway | None) -> Drift | None:
    """Compare one gateway, its state and its copies aside; None: it is as it should be, or not ours."""
    if wanted is None:
        if seen is None or seen.fingerprint is None:
            return None
        return Drift(Kind.EXTRA, seen.name, f"runs on profile {seen.profile}, desired no more")
    if seen is None:
        return Drift(Kind.MISSING, wanted.name, f"does not run on profile {wanted.profile}")
    if seen.fingerprint is None:
        return Drift(Kind.UNMANAGED, wanted.name, f"runs on profile {seen.profile}, not made by us")
    if seen.profile != wanted.profile:
        return Drift(Kind.WRONG_PROFILE, wanted.name, f"runs on {seen.profile} instead of {wanted.profile}")
    if seen.fingerprint != wanted.fingerprint:
        return Drift(Kind.CHANGED, wanted.name, "its fingerprint is not that of the desired one")
    return None


def _gateways(wanted: Wanted, seen: Seen) -> list[Drift]:
    names = set(wanted.gateways) | set(seen.gateways)
    if seen.asked_gateways is not None:
        names &= seen.asked_gateways
    found: list[Drift] = []
    for name in sorted(names):
        should, runs = wanted.gateways.get(name), seen.gateways.get(name)
        differs = of_gateway(should, runs)
        if differs is not None:
            found.append(differs)
        if runs is None:
            continue
        if runs.copies > 1:
            found.append(Drift(Kind.DUPLICATE, name, f"runs {runs.copies} times"))
        if should is None and runs.fingerprint is None:
            found.append(Drift(Kind.FOREIGN, name, f"runs on profile {runs.profile}, not made by us"))
        if should is not None and differs is None and runs.state in UNWELL:
            found.append(Drift(Kind.UNWELL, name, f"is {runs.state}"))
    return found


def _profiles(wanted: Wanted, seen: Seen) -> list[Drift]:
    names = set(wanted.profiles) | set(seen.profiles)
    if seen.asked_profiles is not None:
        names &= seen.asked_profiles
    found = []
    for name in sorted(names):
        runs = seen.profiles.get(name)
        if name in wanted.profiles:
            if runs is None:
                found.append(Drift(Kind.PROFILE_DOWN, name, "does not run"))
            elif not runs.running:
                found.append(Drift(Kind.PROFILE_DOWN, name, f"is {runs.state}"))
        elif runs is not None:
            found.append(Drift(Kind.PROFILE_UNKNOWN, name, f"is {runs.state}, not desired"))
    return found
