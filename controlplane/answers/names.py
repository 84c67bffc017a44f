"""By which names answers go: in the ledger, and in words."""

from collections.abc import Mapping

from controlplane.answers.configuration import ACL, SOFIA
from controlplane.answers.errors import BadLookup
from controlplane.answers.question import Question
from controlplane.answers.routes import (
    UNKNOWN,
    AclKey,
    DocumentKey,
    NetworkListKey,
    Routes,
    SharedKey,
    SofiaKey,
)


def told(routes: Routes, key: SharedKey) -> str | None:
    """The ledger's name for an answer; None: nobody waits to see that it was given."""
    match key:
        case SofiaKey(profile=profile, gateway=gateway):
            if UNKNOWN in (profile, gateway):
                return None
            return "/".join(part for part in (SOFIA, profile, gateway) if part)
        case AclKey():
            return ACL
        case DocumentKey(asked=asked):
            return f"configuration/{asked}"
        case NetworkListKey(domain=domain):
            return f"network-list/{routes.domain(domain).value.name}"
        case _:
            return None


def told_nothing(question: Question) -> str | None:
    """The same for what was answered "not found"."""
    if question.section == "configuration" and question.key_value:
        name = question.key_value
        return name if name in (SOFIA, ACL) else f"configuration/{name}"
    return None


def asking_for(what: str) -> Question:
    """The question whose answer the ledger knows by this name; raises BadLookup for none."""
    kind, _, rest = what.partition("/")
    if kind == SOFIA:
        profile, _, gateway = rest.partition("/")
        return _asking("configuration", kind)._replace(profile=profile, gateway=gateway)
    if what == ACL:
        return _asking("configuration", what)
    if kind == "configuration" and rest:
        return _asking("configuration", rest)
    if kind == "network-list" and rest:
        return _asking("directory", rest)._replace(purpose="network-list")
    raise BadLookup(f"{what!r} names nothing that a node asks for")


def _asking(section: str, name: str) -> Question:
    tag = "domain" if section == "directory" else section
    return Question("", section, tag, "name", name)


REASONS: Mapping[str, str] = {
    "user": "the user, with what his domain and groups give him",
    "domain": "the domain, without users",
    "everybody": "the domain with all its users",
    "group": "the group with all its users",
    "network-list": "the domain's users that have a cidr",
    "gateways": "the domains by name, with the users that hold gateways",
    "names": "every domain, by name",
    "context": "the whole context: all of it can match, or no number is named, or it may change in between",
    "contexts": "every context, whole: the lookup names none",
    "extensions": "the extensions that can match the number, and those of which that cannot be told",
    "chatplan": "the chatplan's context; every one when the lookup names none",
    "language": "the language with the macro asked for; all of them when the lookup names none",
    "sofia": "sofia.conf, cut to the profile and gateway asked for",
    "acl": "every ACL list of the node",
    "document": "the document",
    "probe": "the probe document",
}

NOT_OURS = "the node is told of nothing by that name: its next binding, then its files, are asked"
NO_SUCH_USER = "the domain is ours and has no such user: it is answered without him"
