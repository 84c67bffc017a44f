"""A whole domain as FreeSWITCH reads it from disk.

On disk the switch merges into a user what his domain and the group he stands in give him, and nothing of
his further groups, in which a pointer stands. What those give him is written into him, as in our answers,
but marked: read back, it is not his own.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

from controlplane.answers.dialect import literal
from controlplane.answers.directory import elements
from controlplane.answers.fingerprint import marked, secrets_of
from controlplane.answers.params import Opened, clear, container, last, merged, refs, written
from controlplane.answers.reading import StoreReader
from controlplane.desired.values import Domain, Group, Params, SecretRef, Stored, User
from controlplane.exchange.tree import GIVEN_BY

_OURS = "controlplane"


def domain_lines(
    domain: Domain, groups: Mapping[str, Stored[Group]], users: Iterable[Stored[User]], reader: StoreReader
) -> Iterator[str]:
    """The `<domain>`, one element a line."""
    everybody = [row.value for row in users]
    given = {name: row.value for name, row in groups.items()}
    opened = reader.opened(_secrets(domain, given.values(), everybody))
    yield f'<domain name="{literal(domain.name)}">'
    yield from _held(domain, opened)
    yield "<groups>"
    for name, group in sorted(given.items()):
        yield f'<group name="{literal(name)}">'
        yield from _held(group, opened)
        yield "<users>"
        for user in everybody:
            if user.groups[:1] == (name,):
                yield from _user(domain, given, user, opened, reader)
            elif name in user.groups:
                yield f'<user id="{literal(user.name)}" type="pointer"/>'
        yield from ("</users>", "</group>")
    yield "</groups>"
    yield "<users>"
    for user in everybody:
        if not user.groups:
            yield from _user(domain, given, user, opened, reader)
    yield from ("</users>", "</domain>")


def _user(
    domain: Domain, groups: Mapping[str, Group], user: User, opened: Opened, reader: StoreReader
) -> Iterator[str]:
    start = f'<user id="{literal(user.name)}"'
    if user.number_alias is not None:
        start += f' number-alias="{literal(user.number_alias)}"'
    if user.cidr is not None:
        start += f' cidr="{literal(user.cidr)}"'
    yield f"{start}>"
    held = [groups[name] for name in user.groups if name in groups]
    params = _with_given("param", user.params, held, lambda group: group.params, opened)
    every = merged(user.params, [*((group.params, True) for group in held), (domain.params, True)])
    if not any(_says(every, name, opened) for name in ("password", "a1-hash")):
        # Without them the switch lets anyone in, unless told not to (sofia_reg.c:3327).
        params.append(f'<param name="allow-empty-password" value="false" {GIVEN_BY}="{_OURS}"/>')
    if params:
        yield from ("<params>", *params, "</params>")
    variables = _with_given("variable", user.variables, held, lambda group: group.variables, opened)
    if variables:
        yield from ("<variables>", *variables, "</variables>")
    if user.gateways:
        yield "<gateways>"
        for gateway in user.gateways:
            yield from marked(gateway, opened, lambda one: reader.mark(one, opened))
        yield "</gateways>"
    yield from elements(user)
    yield "</user>"


def _with_given(
    tag: str, own: Params, groups: list[Group], of: Callable[[Group], Params], opened: Opened
) -> list[str]:
    """The user's own, then what his further groups give him, each line with the group's name."""
    lines = written(tag, own, opened)
    above = merged(own, [(of(group), True) for group in groups[:1]])
    for group in groups[1:]:
        added = merged(above, [(of(group), True)])[len(above) :]
        mark = f' {GIVEN_BY}="{literal(group.name)}"/>'
        lines += [line.removesuffix("/>") + mark for line in written(tag, added, opened)]
        above += added
    return lines


def _held(value: Domain | Group, opened: Opened) -> Iterator[str]:
    yield from container("params", "param", value.params, opened)
    yield from container("variables", "variable", value.variables, opened)


def _says(params: Params, name: str, opened: Opened) -> bool:
    found = last(params, name)
    return found is not None and clear(found.value, opened) != ""


def _secrets(domain: Domain, groups: Iterable[Group], users: Iterable[User]) -> set[SecretRef]:
    found = refs(domain.params, domain.variables)
    for group in groups:
        found |= refs(group.params, group.variables)
    for user in users:
        found = found.union(
            refs(user.params, user.variables), *(secrets_of(gateway) for gateway in user.gateways)
        )
    return found
