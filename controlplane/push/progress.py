"""What is in force on a node once a plan's steps were run and it has fetched what they made it fetch."""

from controlplane.observed.values import Wanted
from controlplane.push import settings
from controlplane.push.applied import Applied, acl_digest
from controlplane.push.documents import REST, digests
from controlplane.push.plan import Act, Plan, Wait
from controlplane.push.touches import Touches


def afterwards(applied: Applied, touches: Touches, wanted: Wanted, plan: Plan) -> Applied:
    """Go by `applied` and every step of the plan; what waits for a restart is held."""
    acts: dict[Act, set[str]] = {}
    for step in plan.steps:
        acts.setdefault(step.act, set()).add(step.target)
    profiles = dict(applied.profiles)
    for name in acts.get(Act.STOP_PROFILE, ()):
        profiles.pop(name, None)
    for name in acts.get(Act.START_PROFILE, ()):
        profiles[name] = settings.in_force(wanted.profiles[name])
    for name in acts.get(Act.RESCAN, ()):
        # Which settings an unknown profile was started with cannot be read back: taken as wanted.
        before = profiles.get(name) or settings.in_force(wanted.profiles[name])
        profiles[name] = settings.after_rescan(before, wanted.profiles[name])
    held = {each.what: each.reason for each in plan.held if each.wait is Wait.RESTART}
    documents = dict(applied.documents)
    for name in plan.documents:
        wants = wanted.documents.get(name)
        now = digests(wants) if wants is not None else {}
        if f"document/{name}{REST}" in held:
            now.pop(f"{name}{REST}")
        else:
            documents.pop(f"{name}{REST}", None)
        documents.pop(name, None)
        documents |= now
    reloaded = Act.RELOAD_ACL in acts
    acl = acl_digest(wanted.acls, wanted.cidrs) if reloaded else applied.acl
    return Applied(profiles, documents, acl, _still_held(applied, touches) | held)


def _still_held(applied: Applied, touches: Touches) -> dict[str, str]:
    """What waited for a restart before and was not looked at now."""
    if touches.everything:
        return {}
    looked_at = {f"profile/{name}" for name in touches.profiles}
    looked_at |= {f"document/{name}" for name in touches.documents}
    looked_at |= {f"document/{name}{REST}" for name in touches.documents}
    return {what: reason for what, reason in applied.held.items() if what not in looked_at}
