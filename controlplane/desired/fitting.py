"""Refuses what FreeSWITCH would not take for its size: mod_xml_curl throws an answer away that is too large.

Measured are only the answers into which a change goes: documents, languages and chatplans; a user with what
his domain and groups give him; what of a context stands in every answer, with one extension more; sofia.conf
and acl.conf of each node. Lists of users or domains are not held to a size.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from sqlalchemy.orm import Session

from controlplane.desired import reader, sizes
from controlplane.desired.catalog import Catalog, NodeView, rank
from controlplane.desired.errors import FieldError
from controlplane.desired.revisions import Changed
from controlplane.desired.sizes import AROUND, SMALLEST
from controlplane.desired.values import (
    RESPONSE_MAX_BYTES,
    Chatplan,
    Context,
    Document,
    Domain,
    Extension,
    Group,
    Key,
    Language,
    Node,
    Noun,
    Stored,
    User,
    Value,
)

V = TypeVar("V", bound=Value)
Wrong = Iterator[tuple[Key, FieldError]]

_LEFT_FREE = 1024
"""Bytes that a user leaves free for his domain and for each of his groups, whatever they give: what gives
no more may change without a look at its users."""

_SOFIA, _ACL = "sofia.conf", "acl.conf"
_FIELDS = {Noun.PROFILE: "params", Noun.GATEWAY: "params", Noun.ACL: "entries", Noun.DOCUMENT: "xml"}


def too_large(session: Session, changes: Sequence[Changed], after: Catalog) -> Wrong:
    """Say which field makes an answer larger than a node takes, how large, and how much that node takes."""
    yield from _alone(changes, after)
    yield from _in_contexts(session, changes, after)
    yield from _given(session, changes, after)
    yield from _on_nodes(changes, after)
    yield from _of_nodes(session, changes, after)


def _alone(changes: Sequence[Changed], after: Catalog) -> Wrong:
    for change in changes:
        match change.after:
            case Document() | Language() | Chatplan() as value:
                yield from _refused(value.key, "xml", AROUND + sizes.of_xml(value.xml), after)
            case User() as user:
                yield from _refused(user.key, _largest_field(user), _whole_user(user, after), after)
            case _:
                pass


def _in_contexts(session: Session, changes: Sequence[Changed], after: Catalog) -> Wrong:
    found: dict[Key, _Widening] = {}
    for change in changes:
        if isinstance(change.after, Extension):
            extension = change.after
            context = after.contexts[Key(Noun.CONTEXT, extension.context, scope=extension.scope)]
            if context.value.key not in found:
                found[context.value.key] = _Widening(session, context)
            needed, why = found[context.value.key].with_one(extension)
            yield from _refused(extension.key, "xml", needed, after, why)


class _Widening:
    """What of a context stands in every answer."""

    def __init__(self, session: Session, context: Stored[Context]) -> None:
        found = reader.widening(session, context.id)
        self._xmls = {xml for xml, _ in found}
        self._whole = any(makes_whole for _, makes_whole in found)
        self._size = AROUND + (
            reader.characters(session, context.id)
            if self._whole
            else sum(sizes.of_xml(xml) for xml, _ in found)
        )

    def with_one(self, extension: Extension) -> tuple[int, str]:
        """Measure the largest answer that is sure to hold the extension; gives what else is in it, too."""
        if self._whole:
            return (
                self._size,
                "with the rest of its context, which goes out whole where the number may change, ",
            )
        if extension.xml in self._xmls:
            return self._size, "with the others that may match any number "
        return self._size + sizes.of_xml(extension.xml), "with those that may match any number "


def _given(session: Session, changes: Sequence[Changed], after: Catalog) -> Wrong:
    """What gives more than before gives it to the largest of its users, too."""
    for change in changes:
        match change.after, change.before:
            case Domain() | Group() as given, before:
                least = sizes.of_given(before) if isinstance(before, (Domain, Group)) else 0
                if sizes.of_given(given) > max(least, _LEFT_FREE):
                    needed = _with_largest(session, given, after)
                    yield from _refused(given.key, _largest_field(given), needed, after, "with a user ")
            case _:
                pass


def _with_largest(session: Session, given: Domain | Group, after: Catalog) -> int:
    name, group = (given.name, None) if isinstance(given, Domain) else (given.domain, given.name)
    domain = after.domains[Key(Noun.DOMAIN, name, scope=given.scope)]
    user = reader.largest_user(session, [domain.id], group)
    return AROUND + sizes.of_given(given) if user is None else _whole_user(user.value, after)


def _on_nodes(changes: Sequence[Changed], after: Catalog) -> Wrong:
    """sofia.conf and acl.conf, of which a node may ask for the whole."""
    blamed: dict[tuple[str, str], Key] = {}
    for change in changes:
        key = change.key
        if (
            change.after is None
            or key.noun not in _FIELDS
            or (key.noun is Noun.DOCUMENT and key.name != _SOFIA)
        ):
            continue
        for row in after.nodes.values():
            if rank(row.value, key.scope) is not None:
                blamed.setdefault((row.value.name, _ACL if key.noun is Noun.ACL else _SOFIA), key)
    measured = _Measured()
    for (name, document), key in blamed.items():
        view = after.view(name)
        needed = measured.acl(view) if document == _ACL else measured.sofia(view)
        most = view.node.value.response_max_bytes
        if needed > most:
            reason = f"{document} of {name} would take {needed} bytes, but it takes {most} at most"
            yield key, FieldError(_FIELDS[key.noun], f"{reason} (response_max_bytes)")


def _of_nodes(session: Session, changes: Sequence[Changed], after: Catalog) -> Wrong:
    """A node that takes less than before, or comes to see more, takes what it sees."""
    for change in changes:
        node, before = change.after, change.before
        if not isinstance(node, Node) or (
            isinstance(before, Node)
            and before.groups == node.groups
            and before.response_max_bytes <= node.response_max_bytes
        ):
            continue
        for what, needed in _seen(session, after.view(node.name), after):
            if needed > node.response_max_bytes:
                yield node.key, FieldError("response_max_bytes", f"is less than the {needed} bytes of {what}")
                return


def _seen(session: Session, view: NodeView, after: Catalog) -> Iterator[tuple[str, int]]:
    measured = _Measured()
    yield _SOFIA, measured.sofia(view)
    yield _ACL, measured.acl(view)
    for rows in (view.documents, view.languages, view.chatplans):
        for row in rows.values():
            yield row.value.name, AROUND + sizes.of_xml(row.value.xml)
    if view.node.value.response_max_bytes >= RESPONSE_MAX_BYTES:
        return  # by `_refused` no user and no context takes more
    user = reader.largest_user(session, [row.id for row in view.domains.values()])
    if user is not None:
        yield f"user {user.value.name} of {user.value.domain}", _whole_user(user.value, after)
    for context in view.contexts.values():
        largest = reader.largest_extension(session, context.id)
        if largest is not None:
            yield f"context {context.value.name}", _Widening(session, context).with_one(largest.value)[0]


class _Measured:
    """Sizes of rows of one catalog, each measured once."""

    def __init__(self) -> None:
        self._sizes: dict[int, int] = {}

    def sofia(self, view: NodeView) -> int:
        """Measure sofia.conf with every profile and every gateway."""
        settings = view.documents.get(_SOFIA)
        return (
            (AROUND if settings is None else AROUND + sizes.of_xml(settings.value.xml))
            + self._sum(view.profiles.values(), sizes.of_profile)
            + self._sum(view.gateways.values(), sizes.of_gateway)
        )

    def acl(self, view: NodeView) -> int:
        """Measure acl.conf with every list."""
        return AROUND + self._sum(view.acls.values(), sizes.of_acl)

    def _sum(self, rows: Iterable[Stored[V]], measure: Callable[[V], int]) -> int:
        known, total = self._sizes, 0
        for row in rows:
            size = known.get(id(row))
            if size is None:
                size = known[id(row)] = measure(row.value)
            total += size
        return total


def _whole_user(user: User, after: Catalog) -> int:
    domain = after.domains[Key(Noun.DOMAIN, user.domain, scope=user.scope)].value
    groups = (after.groups.get(Key(Noun.GROUP, name, user.domain, user.scope)) for name in user.groups)
    given: list[Domain | Group] = [domain, *(row.value for row in groups if row is not None)]
    return AROUND + sizes.of_user(user) + sum(max(sizes.of_given(one), _LEFT_FREE) for one in given)


def _largest_field(value: Domain | Group | User) -> str:
    fields = {
        "params": sizes.of_params(value.params),
        "variables": sizes.of_params(value.variables),
        "profile_variables": sizes.of_params(value.profile_variables),
    }
    if isinstance(value, User):
        fields["elements"] = sum(map(len, value.elements))
    return max(fields, key=fields.__getitem__)


def _refused(key: Key, field: str, needed: int, after: Catalog, why: str = "") -> Wrong:
    """Say which node would not take a row's answer; one look at the nodes for what is large at all."""
    if needed <= SMALLEST:
        return
    for row in after.nodes.values():
        node = row.value
        if needed > node.response_max_bytes and rank(node, key.scope) is not None:
            reason = f"{why}takes {needed} bytes, but {node.name} takes {node.response_max_bytes} at most"
            outside = f"{why}takes {needed} bytes, more than a node takes"
            yield key, FieldError(field, f"{reason} (response_max_bytes)", outside)
            return
    if needed > RESPONSE_MAX_BYTES and key.noun in (Noun.USER, Noun.DOMAIN, Noun.GROUP, Noun.EXTENSION):
        yield key, FieldError(field, f"{why}takes {needed} bytes; more than {RESPONSE_MAX_BYTES} is not kept")
