"""The directory section: domains with the users that were asked for, never another one.

What a domain and a user's first group give him stands where FreeSWITCH merges it from itself
(switch_xml_merge_user); what his further groups give him is merged into the user here, below his own
and his first group's. Group-less users stand in a group named `default`: two readers (network
lists, user gateways) see no user outside of a group.
"""

from collections.abc import Iterable, Mapping, Sequence

from controlplane.answers.dialect import document, literal, rewritten
from controlplane.answers.fingerprint import Mark, marked, secrets_of
from controlplane.answers.params import Opened, clear, container, last, merged, refs
from controlplane.desired.values import Domain, Group, Param, Params, SecretRef, User

Groups = Mapping[str, Group]
"""The groups of one domain by name."""

_NO_GROUP = "default"
_REFUSE_EMPTY = Param("allow-empty-password", "false")


def bare(domain: Domain, opened: Opened) -> bytes:
    """The domain with what it gives its users, and none of them: for who asks for a user unknown."""
    return document("directory", _domain(domain, opened, []))


def one_user(
    domain: Domain, groups: Groups, user: User, opened: Opened, *, cacheable: int | None = None
) -> bytes:
    """The whole user. `cacheable`: for how many ms the switch may keep him; None: not at all."""
    first = user.groups[0] if user.groups else _NO_GROUP
    lines = _user(domain, groups, first, user, opened, cacheable)
    return document("directory", _domain(domain, opened, _group(first, groups.get(first), lines, opened)))


def one_group(domain: Domain, groups: Groups, name: str, users: Sequence[User], opened: Opened) -> bytes:
    """The group with all its whole users, each merged as when he is asked for alone."""
    lines = [line for user in users for line in _user(domain, groups, name, user, opened, None)]
    return document("directory", _domain(domain, opened, _group(name, groups.get(name), lines, opened)))


def network_list(domain: Domain, users: Sequence[User]) -> bytes:
    """The users that have a cidr. Only `id` and `cidr` are read (switch_core.c, switch_load_network_lists)
    while every ACL check of the switch waits: nothing else is sent."""
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
    return refs(domain.params, domain.variables)


def secrets_of_user(domain: Domain, groups: Groups, user: User) -> set[SecretRef]:
    """The sealed values that an answer about the user may need."""
    given = [groups[name] for name in user.groups if name in groups]
    return secrets_of_domain(domain).union(
        refs(user.params, user.variables),
        *(refs(group.params, group.variables) for group in given),
    )


def secrets_of_gateways(users: Iterable[User]) -> set[SecretRef]:
    """The sealed values in these users' gateways."""
    return {ref for user in users for gateway in user.gateways for ref in secrets_of(gateway)}


def elements(user: User) -> list[str]:
    """What else modules read in the user."""
    return [line for one in user.elements for line in rewritten(one, {}, text=literal)]


def _domain(domain: Domain, opened: Opened, groups: list[str]) -> list[str]:
    head = [
        f'<domain name="{literal(domain.name)}">',
        *container("params", "param", domain.params, opened),
        *container("variables", "variable", domain.variables, opened),
    ]
    return [*head, "<groups>", *groups, "</groups>", "</domain>"] if groups else [*head, "</domain>"]


def _named(domain: Domain, by_group: dict[str, list[str]]) -> list[str]:
    """The domain by name alone, with these users."""
    start = f'<domain name="{literal(domain.name)}"'
    if not by_group:
        return [f"{start}/>"]
    lines = [f"{start}>", "<groups>"]
    for name, users in by_group.items():
        lines += [f'<group name="{literal(name)}">', "<users>", *users, "</users>", "</group>"]
    return [*lines, "</groups>", "</domain>"]


def _group(name: str, group: Group | None, users: list[str], opened: Opened) -> list[str]:
    return [
        f'<group name="{literal(name)}">',
        *(container("params", "param", group.params, opened) if group else ()),
        *(container("variables", "variable", group.variables, opened) if group else ()),
        "<users>",
        *users,
        "</users>",
        "</group>",
    ]


def _user(
    domain: Domain, groups: Groups, within: str, user: User, opened: Opened, cacheable: int | None
) -> list[str]:
    given = [(name, groups[name]) for name in user.groups if name in groups]
    params = merged(user.params, [(group.params, name != within) for name, group in given])
    variables = merged(user.variables, [(group.variables, name != within) for name, group in given])
    below = [(group.params, True) for _, group in given]
    if not _authenticates(merged(user.params, [*below, (domain.params, True)]), opened):
        # Without password and a1-hash the switch lets anyone in, unless told not to (sofia_reg.c:3327).
        params = (*(param for param in params if param.name.lower() != _REFUSE_EMPTY.name), _REFUSE_EMPTY)
    start = f'<user id="{literal(user.name)}"'
    if user.number_alias is not None:
        start += f' number-alias="{literal(user.number_alias)}"'
    if user.cidr is not None:
        start += f' cidr="{literal(user.cidr)}"'
    if cacheable is not None:
        start += f' cacheable="{cacheable}"'
    return [
        f"{start}>",
        *container("params", "param", params, opened),
        *container("variables", "variable", variables, opened),
        *elements(user),
        "</user>",
    ]


def _authenticates(params: Params, opened: Opened) -> bool:
    """Whether there is anything that a caller would have to know."""
    return any(
        param is not None and clear(param.value, opened) != ""
        for param in (last(params, "password"), last(params, "a1-hash"))
    )
