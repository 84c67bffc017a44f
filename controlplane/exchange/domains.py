"""A whole domain as FreeSWITCH reads it from disk.

On disk the switch merges into a user what his domain and the group he stands in give him, and nothing of
his further groups, in which a pointer stands. What those give him is written into him, as in our answers,
but marked: read back, it is not his own.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

from controlplane.answers.credentials import credential, overridden, without_password
from controlplane.answers.dialect import literal
from controlplane.answers.directory import elements, secrets_of_domain, secrets_of_user
from controlplane.answers.fingerprint import marked, secrets_of
from controlplane.answers.params import Opened, clear, container, merged, refs, written
from controlplane.answers.reading import StoreReader
from controlplane.answers.routes import Login
from controlplane.desired.values import A1Hash, Domain, Group, Params, SecretRef, Stored, User
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
    secret = credential(domain, groups, user, opened, Login(user.name, domain.name))
    # A hash made of his password stands in its place, and is read back as the user's own.
    made = secret.hashed and secret.extra[0].value not in [one.hash for one in user.a1_hashes]
    shown = without_password if made else tuple
    params = _with_given("param", shown(user.params), held, lambda group: shown(group.params), opened)
    extra = written("param", secret.extra, opened)
    params += extra if made else [_given(line, _OURS) for line in extra]
    everything = merged(user.params, [*((one.params, True) for one in held), (domain.params, True)])
    # FreeSWITCH merges his domain's password into him beside a hash, and mod_voicemail takes either.
    params += [_given(line, _OURS) for line in written("param", overridden(everything, secret), opened)]
    if params:
        yield from ("<params>", *params, "</params>")
    variables = _with_given("variable", user.variables, held, lambda group: group.variables, opened)
    if variables:
        yield from ("<variables>", *variables, "</variables>")
    profile = _with_given("variable", user.profile_variables, held, lambda one: one.profile_variables, opened)
    if profile:
        yield from ("<profile-variables>", *profile, "</profile-variables>")
    if user.gateways:
        yield "<gateways>"
        for gateway in user.gateways:
            yield from marked(gateway, opened, lambda one: reader.mark(one, opened))
        yield "</gateways>"
    if user.a1_hashes:
        yield from ("<a1-hashes>", *(_hash(one, opened) for one in user.a1_hashes), "</a1-hashes>")
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
        lines += [_given(line, group.name) for line in written(tag, added, opened)]
        above += added
    return lines


def _hash(one: A1Hash, opened: Opened) -> str:
    """What FreeSWITCH passes over: of several it would not know which is for what."""
    username = f' username="{literal(one.username)}"' if one.username is not None else ""
    return f'<a1-hash realm="{literal(one.realm)}"{username} hash="{literal(clear(one.hash, opened))}"/>'


def _given(line: str, name: str) -> str:
    return f'{line.removesuffix("/>")} {GIVEN_BY}="{literal(name)}"/>'


def _held(value: Domain | Group, opened: Opened) -> Iterator[str]:
    yield from container("params", "param", value.params, opened)
    yield from container("variables", "variable", value.variables, opened)
    yield from container("profile-variables", "variable", value.profile_variables, opened)


def _secrets(domain: Domain, groups: Iterable[Group], users: Iterable[User]) -> set[SecretRef]:
    found = secrets_of_domain(domain)
    for group in groups:
        found |= refs(group.params, group.variables, group.profile_variables)
    for user in users:
        found |= secrets_of_user(domain, {}, user)
        found = found.union(*(secrets_of(gateway) for gateway in user.gateways))
    return found
