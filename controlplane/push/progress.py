"""What is in force on a node once a plan's steps were run and it has fetched what they made it fetch."""

from collections.abc import Mapping
from types import MappingProxyType

from controlplane.observed.values import Wanted
from controlplane.push import settings
from controlplane.push.applied import Applied, acl_digest
from controlplane.push.documents import REST, How, digests, way
from controlplane.push.held import Held
from controlplane.push.plan import Act, Plan
from controlplane.push.touches import Touches
from controlplane.push.traffic import MODULE, PROFILE

DOCUMENT = "document/"
NONE: Mapping[str, str] = MappingProxyType({})


def afterwards(
    applied: Applied, touches: Touches, wanted: Wanted, plan: Plan, receipts: Mapping[str, str] = NONE
) -> Applied:
    """Go by `applied` and every step of the plan, and by what the node's receipts tell of earlier ones.

    `receipts`: the tokens of those that the steps left there.
    """
    acts: dict[Act, set[str]] = {}
    for step in plan.steps:
        acts.setdefault(step.act, set()).add(step.target)
    profiles = dict(applied.profiles)
    for name in acts.get(Act.STOP_PROFILE, ()):
        profiles.pop(name, None)
    done = {what.removeprefix(PROFILE) for what in plan.done if what.startswith(PROFILE)}
    for name in {*acts.get(Act.START_PROFILE, ()), *acts.get(Act.RESTART_PROFILE, ()), *done}:
        profiles[name] = settings.in_force(wanted.profiles[name])
    for name in acts.get(Act.RESCAN, ()):
        # Which settings an unknown profile was started with cannot be read back: taken as wanted.
        before = profiles.get(name) or settings.in_force(wanted.profiles[name])
        profiles[name] = settings.after_rescan(before, wanted.profiles[name])
    held = {each.what: each for each in plan.held if each.wait.lasting}
    documents = dict(applied.documents)
    for name in {*plan.documents, *plan.read, *plan.unread}:
        wants = wanted.documents.get(name)
        now = digests(wants) if wants is not None and name not in plan.unread else {}
        if way(name).how is How.RELOAD_QUEUES and f"{MODULE}{way(name).module}" in held:
            now.pop(f"{name}{REST}", None)
        else:
            documents.pop(f"{name}{REST}", None)
        documents.pop(name, None)
        documents |= now
    reloaded = Act.RELOAD_ACL in acts
    acl = acl_digest(wanted.acls, wanted.cidrs) if reloaded else applied.acl
    unread = {name: why for name, why in applied.unread.items() if not _looked_at(name, touches)}
    return Applied(
        profiles,
        documents,
        acl,
        _still_held(applied, touches) | held,
        unread | dict(plan.unread),
        {**applied.receipts, **plan.done, **receipts},
    )


def _looked_at(document: str, touches: Touches) -> bool:
    return touches.everything or document in touches.documents


def _still_held(applied: Applied, touches: Touches) -> dict[str, Held]:
    """What was held before and was not looked at now."""
    if touches.everything:
        return {}
    looked_at = {f"{PROFILE}{name}" for name in touches.profiles}
    looked_at |= {f"{DOCUMENT}{name}" for name in touches.documents}
    looked_at |= {f"{DOCUMENT}{name}{REST}" for name in touches.documents}
    looked_at |= {f"{MODULE}{way(name).module}" for name in touches.documents}
    return {what: each for what, each in applied.held.items() if what not in looked_at}
