"""What one row needs of others: checked on the state as a change set would leave it.

Every rule is looked at from both ends, so that no later write can break what stood: a
gateway needs its profile on each of its nodes, and a profile is not taken from under one.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from controlplane.desired import reader
from controlplane.desired.catalog import Catalog, NodeView, rank
from controlplane.desired.checks import wrong_entry
from controlplane.desired.errors import FieldError
from controlplane.desired.fitting import too_large
from controlplane.desired.revisions import Changed
from controlplane.desired.rows import PARENTS, TABLES
from controlplane.desired.standing import parent_key
from controlplane.desired.values import (
    Acl,
    AclEntry,
    Domain,
    Gateway,
    Group,
    Key,
    Node,
    Noun,
    Scope,
    User,
)
from controlplane.desired.variables import REFERENCE, referred, texts_of_acl
from controlplane.store import tables

Wrong = Iterator[tuple[Key, FieldError]]

_USERS = TABLES[Noun.USER]
_DOMAINS = TABLES[Noun.DOMAIN]
_MEMBERSHIPS = tables.table(tables.MembershipRow)
_USER_GATEWAYS = tables.table(tables.UserGatewayRow)
_NAMED_AT_MOST = 5
_PUT_INTO_ACLS = (Noun.VARIABLE, Noun.ACL, Noun.NODE, Noun.DOMAIN)


def broken(session: Session, changes: Sequence[Changed], after: Catalog) -> list[tuple[Key, FieldError]]:
    """Give what the changes would break; the rows are written already, the transaction is not over."""
    return [
        *_in_catalog(changes, after),
        *_variables_in_acls(changes, after),
        *_memberships(session, changes, after),
        *_aliases(session, changes, after),
        *_user_gateways(session, changes, after),
        *too_large(session, changes, after),
    ]


def _in_catalog(changes: Sequence[Changed], after: Catalog) -> Wrong:
    for change in changes:
        key, value = change.key, change.after
        if (
            value is not None
            and change.before is None
            and key.noun not in PARENTS
            and key.noun is not Noun.NODE
        ):
            yield from _scope(key, key.scope, after)
        match value:
            case Node():
                yield from _needs_of_node(value, after)
            case Gateway():
                yield from _gateway(value, after)
            case Acl():
                yield from _acl(value, after)
            case None if key.noun is Noun.NODE:
                yield from _node_gone(key, after)
            case None if key.noun is Noun.PROFILE:
                yield from _profile_gone(key, after)
            case None if key.noun is Noun.DOMAIN:
                yield from _domain_gone(key, after)
            case _:
                pass


def _scope(key: Key, scope: Scope, after: Catalog) -> Wrong:
    if scope.node is not None and after.node(scope.node) is None:
        yield key, FieldError("scope", f"there is no node {scope.node}")
    for row in after.named(key.noun, key.name) if scope.groups else ():
        other = row.value.key.scope
        shared = sorted(set(other.groups) & set(scope.groups))
        if other != scope and shared:
            reason = f"a row of that name stands for {other} already, as specific for {shared[0]}"
            yield key, FieldError("scope", reason)


def _standing_on(gateway: Gateway, after: Catalog) -> list[Node]:
    """The nodes that a gateway is for, whether or not a more specific one takes its place there."""
    return [
        row.value
        for row in after.nodes.values()
        if gateway.placed_on in (None, row.value.name) and rank(row.value, gateway.scope) is not None
    ]


def _gateway(gateway: Gateway, after: Catalog) -> Wrong:
    nodes = _standing_on(gateway, after)
    if gateway.placed_on is not None and not nodes:
        there = after.node(gateway.placed_on) is not None
        reason = f"is not of scope {gateway.scope}" if there else "does not exist"
        yield gateway.key, FieldError("placed_on", f"the node {gateway.placed_on} {reason}")
    if not after.named(Noun.PROFILE, gateway.profile):
        yield gateway.key, FieldError("profile", f"there is no profile {gateway.profile}")
        return
    without = [node.name for node in nodes if after.told(node, Noun.PROFILE, gateway.profile) is None]
    if without:
        yield gateway.key, FieldError("profile", f"{gateway.profile} does not stand on {_named(without)}")


def _acl(acl: Acl, after: Catalog) -> Wrong:
    nodes = [row.value for row in after.nodes.values() if rank(row.value, acl.scope) is not None]
    for place, entry in enumerate(acl.entries):
        if entry.domain is None or REFERENCE.search(entry.domain):
            continue
        field = f"entries[{place}].domain"
        if not after.named(Noun.DOMAIN, entry.domain):
            yield acl.key, FieldError(field, f"there is no domain {entry.domain}")
            continue
        without = [node.name for node in nodes if after.told(node, Noun.DOMAIN, entry.domain) is None]
        if without:
            yield acl.key, FieldError(field, f"{entry.domain} does not stand on {_named(without)}")


def _needs_of_node(node: Node, after: Catalog) -> Wrong:
    """A node that joins a group takes on all that stands for the group."""
    for other in after.nodes.values() if node.lookup_certificate is not None else ():
        if other.value.name != node.name and other.value.lookup_certificate == node.lookup_certificate:
            yield node.key, FieldError("lookup_certificate", f"is that of node {other.value.name}")
    view = after.view(node.name)
    for row in after.gateways.values():
        gateway = row.value
        if gateway.placed_on not in (None, node.name):
            continue
        if rank(node, gateway.scope) is None:
            if gateway.placed_on is not None:
                yield node.key, FieldError("groups", f"the gateway {gateway.name} is placed on this node")
        elif gateway.profile not in view.profiles:
            reason = f"the gateway {gateway.name} needs the profile {gateway.profile} on this node"
            yield node.key, FieldError("groups", reason)
    for acl in view.acls.values():
        for entry in acl.value.entries:
            if _lacks(entry, view):
                reason = f"the ACL list {acl.value.name} needs the domain {entry.domain} on this node"
                yield node.key, FieldError("groups", reason)


def _lacks(entry: AclEntry, view: NodeView) -> bool:
    """Whether the entry names a domain that the node does not see; not one that FreeSWITCH may yet expand."""
    domain = entry.domain
    return domain is not None and domain not in view.domains and not REFERENCE.search(domain)


def _node_gone(key: Key, after: Catalog) -> Wrong:
    scoped = [str(row) for row in after.scoped(Scope(node=key.name))]
    placed = [str(where) for where, row in after.gateways.items() if row.value.placed_on == key.name]
    if scoped:
        yield key, FieldError("", f"rows stand for it alone: {_named(scoped)}")
    if placed:
        yield key, FieldError("", f"gateways are placed on it: {_named(placed)}")


def _profile_gone(key: Key, after: Catalog) -> Wrong:
    others = after.named(Noun.PROFILE, key.name)
    left = [
        row.value.name
        for row in after.gateways.values()
        if row.value.profile == key.name
        and (
            not others
            or any(
                after.told(node, Noun.PROFILE, key.name) is None for node in _standing_on(row.value, after)
            )
        )
    ]
    if left:
        yield key, FieldError("", f"gateways stand on it: {_named(left)}")


def _domain_gone(key: Key, after: Catalog) -> Wrong:
    others = after.named(Noun.DOMAIN, key.name)
    left = [
        row.value.name
        for row in after.acls.values()
        if any(entry.domain == key.name for entry in row.value.entries)
        and (
            not others
            or any(
                after.told(node.value, Noun.DOMAIN, key.name) is None
                for node in after.nodes.values()
                if rank(node.value, row.value.scope) is not None
            )
        )
    ]
    if left:
        yield key, FieldError("", f"ACL lists name it: {_named(left)}")


def _variables_in_acls(changes: Sequence[Changed], after: Catalog) -> Wrong:
    """What a variable puts into an ACL list must be what may stand there, on every node."""
    blamed = next((change.key for change in changes if change.key.noun in _PUT_INTO_ACLS), None)
    referring = {row.value.name for row in after.acls.values() if referred(texts_of_acl(row.value))}
    if blamed is None or not referring:
        return
    for node in after.nodes.values():
        view = after.view(node.value.name)
        for name in sorted(referring & view.acls.keys()):
            for entry in view.acls[name].value.entries:
                reason = wrong_entry(entry)
                if reason is None and _lacks(entry, view):
                    reason = f"there is no domain {entry.domain}"
                if reason is not None:
                    told = f"in ACL list {name} on node {node.value.name}: {reason}"
                    field = "value" if blamed.noun is Noun.VARIABLE else ""
                    yield blamed, FieldError(field, told, "an ACL list would not stand with it")
                    return


def _memberships(session: Session, changes: Sequence[Changed], after: Catalog) -> Wrong:
    for change in changes:
        if isinstance(change.after, User):
            user = change.after
            for name in user.groups:
                if Key(Noun.GROUP, name, user.domain, user.scope) not in after.groups:
                    yield user.key, FieldError("groups", f"there is no group {name} in {user.domain}")
        elif isinstance(change.before, Group) and change.after is None:
            domain = after.domains.get(Key(Noun.DOMAIN, change.key.parent, scope=change.key.scope))
            if domain is None:
                continue
            members = select(func.count()).where(
                _MEMBERSHIPS.c.domain_id == domain.id, _MEMBERSHIPS.c.group_name == change.key.name
            )
            count = session.scalar(members)
            if count:
                yield change.key, FieldError("", f"{count} users are in it")


def _aliases(session: Session, changes: Sequence[Changed], after: Catalog) -> Wrong:
    """In a domain a name or alias means one user, for lookups go by either."""
    by_domain: dict[int, dict[str, Key]] = {}
    for domain_id, user in _users_put(changes, after):
        said = by_domain.setdefault(domain_id, {})
        for name in (user.name, user.number_alias):
            if name is None:
                continue
            if said.setdefault(name, user.key) != user.key:
                yield user.key, FieldError("number_alias", f"{name} is said of user {said[name].name} too")
    for domain_id, said in by_domain.items():
        for names in reader.chunks(sorted(said)):
            of_domain = _USERS.c.domain_id == domain_id
            of_name, of_alias = _USERS.c.name.in_(names), _USERS.c.number_alias.in_(names)
            columns = (_USERS.c.name, _USERS.c.number_alias)
            found = session.execute(
                select(*columns).where(of_domain, of_name).union(select(*columns).where(of_domain, of_alias))
            )
            for name, alias in found:
                for one in (name, alias):
                    key = said.get(one)
                    if key is not None and key.name != name:
                        what = "name" if one == name else "number alias"
                        yield key, FieldError("number_alias", f"{one} is the {what} of user {name}")


def _user_gateways(session: Session, changes: Sequence[Changed], after: Catalog) -> Wrong:
    """A gateway's name is unique on a node: a second one would be made again at every rescan (sofia.c)."""
    names: dict[str, Key] = {}
    everything: Key | None = None
    for change in changes:
        value = change.after
        if isinstance(value, User) and value.gateways:
            names.update((gateway.name, value.key) for gateway in value.gateways)
        elif isinstance(value, Gateway):
            names[value.name] = value.key
        elif isinstance(value, (Node, Domain)) or change.key.noun is Noun.DOMAIN:
            # They decide which users' gateways come to stand on a node.
            everything = change.key
    if not names and everything is None:
        return
    holders = select(_USER_GATEWAYS.c.name, _USERS.c.name, _USER_GATEWAYS.c.domain_id).join(
        _USERS, _USERS.c.id == _USER_GATEWAYS.c.user_id
    )
    if everything is None:
        found = [
            tuple(row)
            for some in reader.chunks(sorted(names))
            for row in session.execute(holders.where(_USER_GATEWAYS.c.name.in_(some)))
        ]
    else:
        found = [tuple(row) for row in session.execute(holders)]
    by_name: dict[str, list[tuple[str, int]]] = {}
    for gateway, user, domain_id in found:
        by_name.setdefault(gateway, []).append((user, domain_id))
    for name, users in by_name.items():
        clash = _clash(name, users, after)
        if clash is not None:
            blamed = names.get(name) or everything
            if blamed is not None:
                field = "name" if blamed.noun is Noun.GATEWAY else "gateways"
                outside = f"on some node another gateway {name} would stand beside it"
                yield blamed, FieldError(field, clash, outside)


def _clash(name: str, users: Sequence[tuple[str, int]], after: Catalog) -> str | None:
    for row in after.nodes.values():
        view = after.view(row.value.name)
        domains = {domain.id for domain in view.domains.values()}
        here = [user for user, domain_id in users if domain_id in domains]
        if len(here) > 1 or (here and name in view.gateways):
            others = f"of users {_named(here)}" if len(here) > 1 else f"of user {here[0]} and a profile's"
            return f"on node {row.value.name} the gateway {name} would stand twice ({others})"
    return None


def _users_put(changes: Sequence[Changed], after: Catalog) -> Iterable[tuple[int, User]]:
    for change in changes:
        if isinstance(change.after, User):
            above = parent_key(change.key)
            domain = None if above is None else after.domains.get(above)
            if domain is not None:
                yield domain.id, change.after


def _named(names: Collection[str]) -> str:
    some = sorted(names)
    shown = ", ".join(some[:_NAMED_AT_MOST])
    return shown if len(some) <= _NAMED_AT_MOST else f"{shown} and {len(some) - _NAMED_AT_MOST} more"
