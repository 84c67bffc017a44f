"""The directory section: domains with the users that were asked for, never another one.

What a domain and a user's first group give him stands where FreeSWITCH merges it from itself
(switch_xml_merge_user); what his further groups give him is merged into the user here, below his own
and his first group's. With what he authenticates stands in himself alone, whoever gives it, and where that
is not told nobody is let in without. Group-less users stand in a group named `default`: two readers (network
lists, user gateways) see no user outside of a group.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from controlplane.answers.credentials import (
    REFUSED,
    Credential,
    credential,
    with_credential,
    without_password,
)
from controlplane.answers.dialect import document, literal, rewritten
from controlplane.answers.fingerprint import Mark, marked, secrets_of
from controlplane.answers.params import Opened, container, merged, refs
from controlplane.answers.routes import Login
from controlplane.desired.values import Domain, Group, Params, SecretRef, User

Groups = Mapping[str, Group]
"""The groups of one domain by name."""

_NO_GROUP = "default"
_LISTED = frozenset(
    {"directory-visible", "directory-exten-visible", "effective_caller_id_name", "directory_full_name"}
)


class Told(NamedTuple):
    """A user's answer. `cacheable`: the switch may keep it. `by_login`: it holds for one login alone."""

    body: bytes
    cacheable: bool
    by_login: bool


def bare(domain: Domain, opened: Opened) -> bytes:
    """The domain with what it gives its users but passwords, and none of them: for a user unknown."""
    return document("directory", _domain(domain, opened, []))


def one_user(
    domain: Domain,
    groups: Groups,
    user: User,
    opened: Opened,
    *,
    login: Login | None = None,
    cacheable: int | None = None,
) -> Told:
    """The whole user, and that he is in his further groups (mod_commands.c, in_group_function).

    `login`: the one that the switch checks. `cacheable`: for how many ms the switch may keep him; None: not
    at all. Not kept either is what is good for one login: the switch would use it for others.
    """
    first = user.groups[0] if user.groups else _NO_GROUP
    secret = credential(domain, groups, user, opened, login or Login(user.name, domain.name))
    keeping = None if secret.by_login else cacheable
    lines = _group(first, groups, _user(groups, first, user, opened, secret, keeping), opened)
    for name in user.groups[1:]:
        pointer = f'<user id="{literal(user.name)}" type="pointer"/>'
        lines += [f'<group name="{literal(name)}">', "<users>", pointer, "</users>", "</group>"]
    body = document("directory", _domain(domain, opened, lines))
    return Told(body, keeping is not None, secret.by_login)


def one_group(domain: Domain, groups: Groups, name: str, users: Sequence[User], opened: Opened) -> bytes:
    """The group with all its whole users, each merged as when he is asked for alone."""
    return _with_users(domain, groups, {name: users}, opened)


def everybody(domain: Domain, groups: Groups, users: Sequence[User], opened: Opened) -> bytes:
    """The whole domain, each user in his first group (mod_voicemail.c, voicemail_inject)."""
    return _with_users(domain, groups, _by_group(users), opened)


def listed(domain: Domain, groups: Groups, users: Sequence[User], opened: Opened) -> bytes:
    """Every user with what mod_directory makes his entry of (generate_sql_entry_for_user)."""
    by_group = {
        name: [line for user in some for line in _entry(groups, user, opened)]
        for name, some in _by_group(users).items()
    }
    return document("directory", _named(domain, by_group))


def network_list(domain: Domain, users: Sequence[User]) -> bytes:
    """The users that have a cidr. Only `id` and `cidr` are read (switch_core.c, switch_load_network_lists)
    while every ACL check of the switch waits: nothing else of them is sent."""
    by_group: dict[str, list[str]] = {}
    for user in users:
        if user.cidr is not None:
            by_group.setdefault(user.groups[0] if user.groups else _NO_GROUP, []).append(
                f'<user id="{literal(user.name)}" cidr="{literal(user.cidr)}"/>'
            )
    return document("directory", _named(domain, by_group))


def gateways(domains: Iterable[tuple[Domain, Sequence[User]]], opened: Opened, mark: Mark) -> bytes:
    """Every domain by name, and of its users those that hold gateways, with nothing but these.

    A profile with `<domain name="all">` takes its domains' names from this, and with `parse="true"`
    the gateways (sofia.c, parse_domain_tag).
    """
    lines: list[str] = []
    for domain, users in domains:
        by_group: dict[str, list[str]] = {}
        for user in users:
            if user.gateways:
                found = by_group.setdefault(user.groups[0] if user.groups else _NO_GROUP, [])
                found += [f'<user id="{literal(user.name)}">', "<gateways>"]
                for gateway in user.gateways:
                    found += marked(gateway, opened, mark)
                found += ["</gateways>", "</user>"]
        lines += _named(domain, by_group)
    return document("directory", lines)


def names(domains: Iterable[Domain]) -> bytes:
    """Every domain by name alone."""
    return document("directory", [line for domain in domains for line in _named(domain, {})])


def secrets_of_domain(domain: Domain) -> set[SecretRef]:
    """The sealed values that stand in every answer about the domain."""
    return refs(domain.params, domain.variables, domain.profile_variables)


def secrets_of_user(domain: Domain, groups: Groups, user: User) -> set[SecretRef]:
    """The sealed values that an answer about the user may need."""
    given = [groups[name] for name in user.groups if name in groups]
    return secrets_of_domain(domain).union(
        refs(user.params, user.variables, user.profile_variables),
        (one.hash for one in user.a1_hashes if isinstance(one.hash, SecretRef)),
        *(refs(group.params, group.variables, group.profile_variables) for group in given),
    )


def secrets_of_gateways(users: Iterable[User]) -> set[SecretRef]:
    """The sealed values in these users' gateways."""
    return {ref for user in users for gateway in user.gateways for ref in secrets_of(gateway)}


def elements(user: User) -> list[str]:
    """What else modules read in the user."""
    return [line for one in user.elements for line in rewritten(one, {}, text=literal)]


def secrets_of_listed(groups: Groups, users: Iterable[User]) -> set[SecretRef]:
    """The sealed values in these users' entries."""
    return {ref for user in users for ref in refs(*_listed(groups, user))}


def _with_users(
    domain: Domain, groups: Groups, by_group: Mapping[str, Sequence[User]], opened: Opened
) -> bytes:
    lines: list[str] = []
    for name, users in by_group.items():
        inside: list[str] = []
        for user in users:
            secret = credential(domain, groups, user, opened, Login(user.name, domain.name))
            inside += _user(groups, name, user, opened, secret, None)
        lines += _group(name, groups, inside, opened)
    return document("directory", _domain(domain, opened, lines))


def _by_group(users: Iterable[User]) -> dict[str, list[User]]:
    found: dict[str, list[User]] = {}
    for user in users:
        found.setdefault(user.groups[0] if user.groups else _NO_GROUP, []).append(user)
    return found


def _domain(domain: Domain, opened: Opened, groups: list[str]) -> list[str]:
    head = [
        f'<domain name="{literal(domain.name)}">',
        *container("params", "param", without_password(domain.params), opened),
        *container("variables", "variable", domain.variables, opened),
        *container("profile-variables", "variable", domain.profile_variables, opened),
    ]
    return [*head, "<groups>", *groups, "</groups>", "</domain>"] if groups else [*head, "</domain>"]


def _named(domain: Domain, by_group: dict[str, list[str]]) -> list[str]:
    """The domain by name alone, with these users, none of whom is told with what he authenticates."""
    start = f'<domain name="{literal(domain.name)}"'
    if not by_group:
        return [f"{start}/>"]
    lines = [f"{start}>", *container("params", "param", (REFUSED,), {}), "<groups>"]
    for name, users in by_group.items():
        lines += [f'<group name="{literal(name)}">', "<users>", *users, "</users>", "</group>"]
    return [*lines, "</groups>", "</domain>"]


def _group(name: str, groups: Groups, users: list[str], opened: Opened) -> list[str]:
    start, end = [f'<group name="{literal(name)}">'], ["<users>", *users, "</users>", "</group>"]
    group = groups.get(name)
    if group is None:
        return start + end
    return [
        *start,
        *container("params", "param", without_password(group.params), opened),
        *container("variables", "variable", group.variables, opened),
        *container("profile-variables", "variable", group.profile_variables, opened),
        *end,
    ]


def _user(
    groups: Groups, within: str, user: User, opened: Opened, secret: Credential, cacheable: int | None
) -> list[str]:
    given = [(name != within, groups[name]) for name in user.groups if name in groups]
    params = with_credential(merged(user.params, [(group.params, apart) for apart, group in given]), secret)
    start = f'<user id="{literal(user.name)}"'
    if user.number_alias is not None:
        start += f' number-alias="{literal(user.number_alias)}"'
    if user.cidr is not None:
        start += f' cidr="{literal(user.cidr)}"'
    if cacheable is not None:
        start += f' cacheable="{cacheable}"'
    variables = merged(user.variables, [(group.variables, apart) for apart, group in given])
    profile = merged(user.profile_variables, [(group.profile_variables, apart) for apart, group in given])
    return [
        f"{start}>",
        *container("params", "param", params, opened),
        *container("variables", "variable", variables, opened),
        *container("profile-variables", "variable", profile, opened),
        *elements(user),
        "</user>",
    ]


def _listed(groups: Groups, user: User) -> tuple[Params, Params]:
    # mod_directory merges nothing itself.
    given = [groups[name] for name in user.groups if name in groups]
    params = merged(user.params, [(group.params, True) for group in given])
    variables = merged(user.variables, [(group.variables, True) for group in given])
    return (
        tuple(param for param in params if param.name.lower() in _LISTED),
        tuple(variable for variable in variables if variable.name.lower() in _LISTED),
    )


def _entry(groups: Groups, user: User, opened: Opened) -> list[str]:
    params, variables = _listed(groups, user)
    alias = f' number-alias="{literal(user.number_alias)}"' if user.number_alias is not None else ""
    return [
        f'<user id="{literal(user.name)}"{alias}>',
        *container("params", "param", params, opened),
        *container("variables", "variable", variables, opened),
        "</user>",
    ]
