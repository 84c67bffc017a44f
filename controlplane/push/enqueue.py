"""Makes a revision's pushes part of its transaction, and refuses what would lock us out."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from controlplane.desired import reader
from controlplane.desired.catalog import Catalog, NodeView
from controlplane.desired.errors import FieldError, Invalid
from controlplane.desired.revisions import Author, Changed
from controlplane.desired.values import Node, NodeMode, Noun
from controlplane.push import documents, findings, queue, repaired, rollout_rows, suspensions
from controlplane.push.acls import refused_by
from controlplane.push.effects import effects
from controlplane.push.interrupting import interrupting
from controlplane.push.touches import Touches
from controlplane.store import tables
from controlplane.strategy import ALL_AT_ONCE, Strategy, parse

EVENT_SOCKET = "event_socket.conf"

_USERS = tables.table(tables.UserRow)


class Enqueues:
    """Called within each commit's transaction, in the writer's thread.

    `own_address(node)`: the address at which the node sees us, None while there is no connection.
    `strategy`: how what interrupts calls goes out when the writer says nothing; `roll_back`: whether a
    rollout that fails is rolled back; `drop_registrations`: of users whose password changed, and of those
    who are no more.
    """

    def __init__(
        self,
        own_address: Callable[[str], str | None],
        strategy: Strategy = ALL_AT_ONCE,
        *,
        roll_back: bool = False,
        drop_registrations: bool = False,
    ) -> None:
        self._own_address = own_address
        self._strategy = strategy
        self._roll_back = roll_back
        self._drop_registrations = drop_registrations

    def __call__(
        self,
        session: Session,
        revision: int,
        changes: Collection[Changed],
        before: Catalog,
        after: Catalog,
        author: Author,
    ) -> Collection[str]:
        """Enqueue; gives the nodes that got a push.

        Raises Invalid when an ACL list by which a node guards its Event Socket would refuse us.
        """
        ordered: Sequence[Changed] = list(changes)
        touched = effects(
            ordered,
            before,
            after,
            lambda domain_id: _any_cacheable(session, domain_id),
            drop_registrations=self._drop_registrations,
        )
        for node, touches in touched.items():
            self._guard(session, after.view(node), touches)
        now = datetime.now(UTC)
        strategy = parse(author.rollout) if author.rollout else self._strategy
        withheld: Mapping[str, Touches] = {}
        if not strategy.at_once and author.rollout:
            withheld = {node: touches.levels for node, touches in touched.items() if touches.levels}
        elif not strategy.at_once:
            withheld = interrupting(touched, ordered, before, after)
            withheld = withheld if len(withheld) > 1 else {}
        rollout_rows.take_over(session, revision, touched, now)
        at_once = {node: touches.without(withheld.get(node, Touches())) for node, touches in touched.items()}
        queue.enqueue(session, revision, {node: each for node, each in at_once.items() if each}, now)
        if withheld:
            how = {"roll_back": self._roll_back}
            rollout_rows.add(session, revision, strategy, author, withheld, now, **how)
        gone = [each.key.name for each in ordered if each.key.noun is Noun.NODE and each.after is None]
        if gone:
            queue.forget(session, gone, now)
            findings.forget(session, gone, now)
            repaired.forget(session, gone, now)
            suspensions.forget(session, gone)
            rollout_rows.forget(session, gone, "the node was deleted", now)
        let_go = [each.key.name for each in ordered if _let_go(each)]
        if let_go:
            queue.withdraw(session, let_go, now)
            repaired.forget(session, let_go, now)
            rollout_rows.forget(session, let_go, "the node is only observed", now)
        return touched.keys()

    def _guard(self, session: Session, view: NodeView, touches: Touches) -> None:
        if not touches.acls and EVENT_SOCKET not in touches.documents and not touches.everything:
            return
        name = view.node.value.name
        address, row = self._own_address(name), view.documents.get(EVENT_SOCKET)
        if address is None or row is None:
            return
        guards = documents.guards(row.value, view.variables)
        lists = {guard: view.acls[guard].value for guard in guards if guard in view.acls}
        cidrs = {
            entry.domain: cidrs_of(session, view, entry.domain)
            for acl in lists.values()
            for entry in acl.entries
            if entry.domain is not None
        }
        refusing = refused_by(guards, lists, cidrs, address)
        if refusing is not None:
            key = view.acls[refusing].value.key if refusing in view.acls else row.value.key
            reason = (
                f"the ACL list {refusing} guards the Event Socket of node {name} "
                f"and would refuse our own address {address}"
            )
            raise Invalid((FieldError(str(key), reason),))


def cidrs_of(session: Session, view: NodeView, domain: str) -> tuple[str, ...]:
    """The networks of the users of a domain, as the node is told it; none for a domain that is not ours."""
    row = view.domains.get(domain)
    if row is None:
        return ()
    users = reader.users_with_cidr(session, row.id)
    return tuple(user.value.cidr for user in users if user.value.cidr is not None)


def _let_go(change: Changed) -> bool:
    """Whether a node is managed no more, but goes on being observed."""
    was, now = change.before, change.after
    return (
        isinstance(was, Node)
        and isinstance(now, Node)
        and was.mode is NodeMode.MANAGED
        and now.mode is NodeMode.OBSERVING
    )


def _any_cacheable(session: Session, domain_id: int) -> bool:
    wanted = select(_USERS.c.id).where(_USERS.c.domain_id == domain_id, _USERS.c.cacheable > 0).limit(1)
    return session.execute(wanted).first() is not None
