"""What a list says of an address."""

import pytest

from controlplane.desired.values import GLOBAL, Acl, AclEntry
from controlplane.push.acls import Sample, allows, refused_by, samples

ALLOW, DENY = True, False


def acl(default: bool, *entries: tuple[bool, str], name: str = "lan") -> Acl:
    return Acl(
        name,
        GLOBAL,
        default,
        tuple(
            AclEntry(allow, domain=what[1:]) if what.startswith("@") else AclEntry(allow, cidr=what)
            for allow, what in entries
        ),
    )


CIDRS = {"example.com": ("192.0.2.0/24,198.51.100.7/32", "203.0.113.9/32"), "empty.example": ()}


@pytest.mark.parametrize(
    ("value", "address", "allowed"),
    [
        (acl(DENY), "192.0.2.1", False),
        (acl(ALLOW), "192.0.2.1", True),
        (acl(DENY, (ALLOW, "192.0.2.0/24")), "192.0.2.1", True),
        (acl(DENY, (ALLOW, "192.0.2.0/24")), "192.0.3.1", False),
        # the longest prefix decides, wherever it stands
        (acl(DENY, (ALLOW, "192.0.2.0/24"), (DENY, "192.0.2.1/32")), "192.0.2.1", False),
        (acl(DENY, (DENY, "192.0.2.1/32"), (ALLOW, "192.0.2.0/24")), "192.0.2.1", False),
        # of equal ones the first
        (acl(DENY, (ALLOW, "192.0.2.0/24"), (DENY, "192.0.2.0/24")), "192.0.2.1", True),
        (acl(ALLOW, (DENY, "192.0.2.0/24"), (ALLOW, "192.0.2.0/24")), "192.0.2.1", False),
        (acl(ALLOW, (DENY, "0.0.0.0/0")), "192.0.2.1", False),
        # users' networks
        (acl(DENY, (ALLOW, "@example.com")), "192.0.2.77", True),
        (acl(DENY, (ALLOW, "@example.com")), "198.51.100.7", True),
        (acl(DENY, (ALLOW, "@example.com")), "203.0.113.9", True),
        (acl(DENY, (ALLOW, "@empty.example")), "203.0.113.9", False),
        (acl(DENY, (ALLOW, "@not.ours")), "203.0.113.9", False),
        # families never meet
        (acl(DENY, (ALLOW, "::/0")), "192.0.2.1", False),
        (acl(DENY, (ALLOW, "2001:db8::/32")), "2001:db8::1", True),
        (acl(DENY, (ALLOW, "192.0.2.0/24")), "::ffff:192.0.2.1", True),
        (acl(DENY, (ALLOW, "fe80::/10")), "fe80::1%eth0", True),
        # host bits do not matter
        (acl(DENY, (ALLOW, "192.0.2.77/24")), "192.0.2.1", True),
    ],
)
def test_allows(value: Acl, address: str, allowed: bool) -> None:
    assert allows(value, CIDRS, address) is allowed


def test_samples_say_what_the_whole_list_says() -> None:
    value = acl(
        DENY, (ALLOW, "10.0.0.0/8"), (DENY, "10.0.0.1/32"), (ALLOW, "@example.com"), (ALLOW, "2001:db8::/32")
    )
    assert samples(value, CIDRS) == (
        Sample("10.0.0.1", False),
        Sample("192.0.2.1", True),
        Sample("198.51.100.7", True),
        Sample("2001:db8::1", True),
    )


@pytest.mark.parametrize(
    ("guards", "lists", "address", "refusing"),
    [
        ((), [], "192.0.2.1", None),
        (("lan",), [acl(DENY, (ALLOW, "192.0.2.0/24"))], "192.0.2.1", None),
        (("lan",), [acl(DENY, (ALLOW, "192.0.2.0/24"))], "192.0.3.1", "lan"),
        # all of them must let us in
        (("lan", "b"), [acl(ALLOW), acl(DENY, name="b")], "192.0.2.1", "b"),
        (("loopback.auto",), [], "127.0.0.1", None),
        (("loopback.auto",), [], "192.0.2.1", "loopback.auto"),
        (("rfc1918.auto",), [], "192.168.7.7", None),
        # depends on the node's own address: not ours to tell
        (("localnet.auto",), [], "192.0.2.1", None),
        (("192.0.2.0/24",), [], "192.0.2.1", None),
        (("192.0.2.0/24,198.51.100.0/24",), [], "198.51.100.1", None),
        (("192.0.2.0/24",), [], "198.51.100.1", "192.0.2.0/24"),
        # no list at all lets nobody in
        (("gone",), [], "192.0.2.1", "gone"),
    ],
)
def test_refused_by(guards: tuple[str, ...], lists: list[Acl], address: str, refusing: str | None) -> None:
    assert refused_by(guards, {each.name: each for each in lists}, CIDRS, address) == refusing
