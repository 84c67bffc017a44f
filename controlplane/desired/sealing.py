"""Passwords leave values and become references: found, compared with what stands, sealed."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from sqlalchemy import bindparam, func, insert, select, update
from sqlalchemy.orm import Session

from controlplane.desired import markup, reader
from controlplane.desired.codec import ref_from_text
from controlplane.desired.directives import ANY
from controlplane.desired.errors import FieldError
from controlplane.desired.markup import Slot
from controlplane.desired.sensitive import sensitive
from controlplane.desired.values import (
    Acl,
    Chatplan,
    Context,
    Document,
    Domain,
    Extension,
    Gateway,
    Group,
    Language,
    Node,
    Params,
    Profile,
    SecretRef,
    Text,
    User,
    Value,
    Variable,
)
from controlplane.desired.variables import REFERENCE
from controlplane.store import tables
from controlplane.store.vault import Vault

Change: TypeAlias = Callable[[Slot, Text], Text]

_SECRETS = tables.table(tables.SecretRow)
_COUNTERS = tables.table(tables.CounterRow)
_COUNTER = "secret"


def mapped(value: Value, change: Change) -> Value:
    """Give the value with `change(slot, text)` in place of every text that is or should be sealed."""
    match value:
        case Node():
            return replace(
                value,
                event_socket_password=change(("event_socket_password", 0), value.event_socket_password),
                lookup_passwords=tuple(
                    change(("lookup_passwords", place), text)
                    for place, text in enumerate(value.lookup_passwords)
                ),
            )
        case Profile():
            return replace(value, params=_mapped(value.params, "params", change, refers=True))
        case Document():
            return _mapped_document(value, change)
        case Acl() | Context() | Extension() | Language() | Chatplan():
            return value
        case Variable():
            if isinstance(value.value, SecretRef) or sensitive(value.name, value.value):
                return replace(value, value=change(("value", 0), value.value))
            return value
        case User():
            gateways = tuple(
                replace(
                    one,
                    params=_mapped(one.params, f"gateways[{one.name}].params", change),
                    variables=_mapped(one.variables, f"gateways[{one.name}].variables", change),
                )
                for one in value.gateways
            )
            return replace(
                value,
                params=_mapped(value.params, "params", change),
                variables=_mapped(value.variables, "variables", change),
                profile_variables=_mapped(value.profile_variables, "profile_variables", change),
                gateways=gateways,
                a1_hashes=tuple(
                    replace(one, hash=change((f"a1_hashes[{one.username or ''}@{one.realm}]", 0), one.hash))
                    for one in value.a1_hashes
                ),
            )
        case Domain() | Group():
            return replace(
                value,
                params=_mapped(value.params, "params", change),
                variables=_mapped(value.variables, "variables", change),
                profile_variables=_mapped(value.profile_variables, "profile_variables", change),
            )
        case Gateway():
            return replace(
                value,
                params=_mapped(value.params, "params", change, refers=True),
                variables=_mapped(value.variables, "variables", change, refers=True),
            )


def refs(value: Value) -> dict[Slot, SecretRef]:
    """Find every reference in a stored value, and where it stands."""
    found: dict[Slot, SecretRef] = {}

    def note(slot: Slot, text: Text) -> Text:
        if isinstance(text, SecretRef):
            found[slot] = text
        return text

    mapped(value, note)
    return found


def _mapped(params: Params, path: str, change: Change, *, refers: bool = False) -> Params:
    """`refers`: a value that is but a reference to a variable is no password, and stays readable."""
    seen: dict[str, int] = {}
    result = []
    for param in params:
        if isinstance(param.value, SecretRef) or (
            sensitive(param.name, param.value) and not (refers and REFERENCE.fullmatch(param.value))
        ):
            place = f"{path}.{param.name}"
            seen[place] = seen.get(place, -1) + 1
            param = replace(param, value=change((place, seen[place]), param.value))
        result.append(param)
    return tuple(result)


def _mapped_document(document: Document, change: Change) -> Document:
    tree = markup.parsed(document.xml, "configuration", document.name, ANY)
    found: list[SecretRef] = []

    def through(slot: Slot, text: str) -> str:
        if REFERENCE.fullmatch(text):
            return text
        named = markup.sealed(text)
        given = None if named is None else ref_from_text(named)
        result = change(slot, text if given is None else given)
        if isinstance(result, SecretRef):
            found.append(result)
            return f"sealed:{result}"
        return result

    markup.secrets_mapped(tree, through)
    return replace(document, xml=markup.written(tree), secrets=tuple(found))


@dataclass(slots=True)
class _Job:
    """One value on its way: what it may refer to, and which clear texts it holds."""

    value: Value
    stands: dict[Slot, SecretRef]
    clear: dict[Slot, str] = field(default_factory=dict)


def seal(
    session: Session, vault: Vault, values: Sequence[tuple[Value, Value | None]]
) -> tuple[list[Value], list[list[FieldError]]]:
    """Seal the passwords of values; beside each stands the value of its row now, if there is one.

    A text that the row holds already keeps its reference; another is a new version of the same
    secret, in a new place a new secret. Also gives, for each value, what is wrong with the
    references in it: one is taken only where the row has it already. At most four statements,
    however many values.
    """
    jobs: list[_Job] = []
    wrong: list[list[FieldError]] = []
    for value, before in values:
        job = _Job(value, refs(before) if before is not None else {})
        jobs.append(job)
        wrong.append(_gathered(job))
    old = {job.stands[slot] for job in jobs for slot in job.clear if slot in job.stands}
    opened = reader.secrets(session, vault, old)
    changed = {
        job.stands[slot].id
        for job in jobs
        for slot, text in job.clear.items()
        if slot in job.stands and opened[job.stands[slot]] != text
    }
    fresh = _Fresh(vault, _latest(session, changed))
    wanted = sum(1 for job in jobs for slot in job.clear if slot not in job.stands)
    fresh.next_id = _numbers(session, wanted)
    results = [_sealed(job, opened, fresh) for job in jobs]
    if fresh.rows:
        session.execute(insert(_SECRETS), fresh.rows)
    return results, wrong


@dataclass(slots=True)
class _Fresh:
    """New seals, not yet written."""

    vault: Vault
    latest: dict[int, int]
    next_id: int = 0
    rows: list[dict[str, object]] = field(default_factory=list)

    def made(self, text: str, of: SecretRef | None) -> SecretRef:
        if of is None:
            ref = SecretRef(self.next_id, 1)
            self.next_id += 1
        else:
            ref = SecretRef(of.id, self.latest[of.id] + 1)
            self.latest[of.id] = ref.version
        sealed = self.vault.seal(text, str(ref))
        self.rows.append({"id": ref.id, "version": ref.version, "sealed": sealed})
        return ref


def _gathered(job: _Job) -> list[FieldError]:
    wrong: list[FieldError] = []
    held = {(slot[0], ref) for slot, ref in job.stands.items()}

    def look(slot: Slot, text: Text) -> Text:
        if isinstance(text, SecretRef):
            path = slot[0]
            # A node's lookup passwords move up and down in their list.
            if (path, text) not in held:
                wrong.append(FieldError(path, f"refers to the secret {text}, which does not stand there"))
        else:
            job.clear[slot] = text
        return text

    job.value = mapped(job.value, look)
    return wrong


def _sealed(job: _Job, opened: dict[SecretRef, str], fresh: _Fresh) -> Value:
    def change(slot: Slot, text: Text) -> Text:
        if isinstance(text, SecretRef):
            return text
        stands = job.stands.get(slot)
        if stands is not None and opened[stands] == text:
            return stands
        return fresh.made(text, stands)

    return mapped(job.value, change) if job.clear else job.value


def _latest(session: Session, ids: Iterable[int]) -> dict[int, int]:
    found: dict[int, int] = {}
    for some in reader.chunks(sorted(ids)):
        wanted = select(_SECRETS.c.id, func.max(_SECRETS.c.version)).where(_SECRETS.c.id.in_(some))
        found.update((number, version) for number, version in session.execute(wanted.group_by(_SECRETS.c.id)))
    return found


def _numbers(session: Session, count: int) -> int:
    """Take `count` ids that were never given before; gives the first."""
    if not count:
        return 0
    taken = update(_COUNTERS).where(_COUNTERS.c.name == _COUNTER).values(next=_COUNTERS.c.next + count)
    end = session.scalar(taken.returning(_COUNTERS.c.next))
    if end is None:
        session.execute(insert(_COUNTERS).values(name=_COUNTER, next=1 + count))
        return 1
    return int(end) - count


def superseded(session: Session, revision: int, pairs: Iterable[tuple[Value | None, Value | None]]) -> None:
    """Note which versions no row refers to from this revision on."""
    gone: set[SecretRef] = set()
    for before, after in pairs:
        if before is not None:
            gone |= set(refs(before).values()) - (set(refs(after).values()) if after is not None else set())
    _mark(session, gone, revision)


def restored(session: Session, values: Iterable[Value]) -> None:
    """Note that rows refer to these values' versions again."""
    _mark(session, {ref for value in values for ref in refs(value).values()}, None)


def _mark(session: Session, marked: set[SecretRef], number: int | None) -> None:
    if marked:
        statement = (
            update(_SECRETS)
            .where(_SECRETS.c.id == bindparam("secret_id"), _SECRETS.c.version == bindparam("secret_version"))
            .values(superseded=number)
        )
        session.execute(
            statement, [{"secret_id": ref.id, "secret_version": ref.version} for ref in sorted(marked)]
        )
