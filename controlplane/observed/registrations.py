"""Who is registered with a node, asked live; and dropping a user's registrations there."""

from collections.abc import Sequence

from controlplane.observed.read import Asks, ask_all
from esl.queries import Profiles
from esl.registrations import DropRegistrations, Registration, Registrations


async def registered(fleet: Asks, node: str, user: str | None = None) -> tuple[Registration, ...]:
    """Ask for the registrations of a user (`USER@DOMAIN`), or of all, with every profile.

    Raises the EventSocketError of the first command that failed.
    """
    profiles = await _running(fleet, node)
    found = await ask_all(fleet, node, [Registrations(profile, user) for profile in profiles])
    # One that stopped meanwhile has none.
    return tuple(registration for some in found if some is not None for registration in some)


async def drop(
    fleet: Asks, node: str, user: str
) -> tuple[tuple[Registration, ...], tuple[Registration, ...]]:
    """Drop a user's; gives those that stood, and those that stand now: a phone may be back at once.

    Raises as `registered`.
    """
    before = await registered(fleet, node, user)
    profiles = sorted({registration.profile for registration in before})
    await ask_all(fleet, node, [DropRegistrations(profile, user) for profile in profiles])
    return before, await registered(fleet, node, user) if before else ()


async def _running(fleet: Asks, node: str) -> Sequence[str]:
    [profiles] = await ask_all(fleet, node, [Profiles()])
    # A profile is listed once for each of its transports.
    return sorted({profile.name for profile in profiles if profile.running})
