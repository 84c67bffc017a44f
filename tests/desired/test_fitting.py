"""Answers that a node would throw away are refused when they are written."""

from typing import Any

import pytest

from controlplane.desired import Invalid
from controlplane.desired.errors import FieldError
from controlplane.desired.revisions import Put
from controlplane.desired.values import Noun
from tests.desired.house import House, node, put

SMALL = 65536
PROFILE = put(Noun.PROFILE, "external", params={"sip-port": "5080"})
DOMAIN = put(Noun.DOMAIN, "a.example", params={"dial-string": "x"})
FITS, PASSES = "x" * 60_000, "x" * 65_500


@pytest.fixture
def small(house: House) -> House:
    """One node that takes little."""
    house.commit(node("fs1", "eu", response_max_bytes=SMALL))
    return house


def refused(house: House, *items: Put) -> tuple[FieldError, ...]:
    with pytest.raises(Invalid) as found:
        house.commit(*items)
    return found.value.errors


def xml_of(noun: Noun, name: str, text: str) -> str:
    root, below = {
        Noun.DOCUMENT: ("configuration", '<a b="{}"/>'),
        Noun.LANGUAGE: ("language", '<phrases><macros><macro name="{}"/></macros></phrases>'),
        Noun.CHATPLAN: ("context", '<extension name="a"><condition field="to" expression="{}"/></extension>'),
    }[noun]
    return f'<{root} name="{name}">{below.format(text)}</{root}>'


@pytest.mark.parametrize(
    ("noun", "name"), [(Noun.DOCUMENT, "x.conf"), (Noun.LANGUAGE, "en"), (Noun.CHATPLAN, "default")]
)
def test_what_is_told_whole(small: House, noun: Noun, name: str) -> None:
    small.put(noun, name, xml=xml_of(noun, name, FITS))
    (error,) = refused(small, put(noun, name, xml=xml_of(noun, name, PASSES)))
    assert error.field == "xml"
    assert "but fs1 takes 65536 at most (response_max_bytes)" in error.reason
    # Not of that node's: what nobody reads is not measured.
    small.commit(put(noun, name, scope="groups:us", xml=xml_of(noun, name, PASSES)))


def test_what_takes_five_bytes_is_measured_as_that(small: House) -> None:
    document = put(Noun.DOCUMENT, "x.conf", xml=xml_of(Noun.DOCUMENT, "x.conf", "?" * 14_000))
    assert refused(small, document)[0].field == "xml"


def extension(name: str, number: str, length: int, *, inline: bool = False) -> Put:
    action = (
        '<action application="set_profile_var" data="destination_number=1" inline="true"/>' if inline else ""
    )
    condition = f'<condition field="destination_number" expression="{number}">{action}</condition>'
    filled = f'<condition><action application="log" data="{"x" * length}"/></condition>'
    return put(
        Noun.EXTENSION,
        name,
        "public",
        xml=f'<extension name="{name}">{condition}{filled}</extension>',
        position=1,
    )


def test_an_extension_with_what_is_told_of_every_number(small: House) -> None:
    small.put(Noun.CONTEXT, "public")
    # Each is told alone: any number of them may stand.
    small.commit(*(extension(f"did{number}", f"^{number}$", 40_000) for number in range(3)))
    small.commit(extension("any", r"^\w+$", 20_000))
    (error,) = refused(small, extension("did3", "^3$", 50_000))
    assert error.field == "xml"
    assert "with those that may match any number takes 7" in error.reason
    (error,) = refused(small, extension("any2", r"^\w+$", 50_000))
    assert "with the others that may match any number takes 7" in error.reason
    # What is there already is not counted twice.
    small.commit(extension("any", r"^\w+$", 21_000))


def test_a_context_that_goes_out_whole(small: House) -> None:
    small.put(Noun.CONTEXT, "public")
    small.commit(*(extension(f"did{number}", f"^{number}$", 20_000) for number in range(3)))
    small.commit(extension("turn", "^9$", 10, inline=True))
    (error,) = refused(small, extension("did3", "^3$", 20_000))
    assert "goes out whole where the number may change, takes 8" in error.reason


def test_a_user_with_what_he_is_given(small: House) -> None:
    small.commit(DOMAIN, put(Noun.GROUP, "sales", "a.example", variables={"v": "x" * 30_000}))
    small.put(Noun.USER, "1000", "a.example", variables={"v": "x" * 34_000})
    (error,) = refused(
        small, put(Noun.USER, "1001", "a.example", groups=["sales"], variables={"v": "x" * 34_000})
    )
    assert error.field == "variables"
    assert error.reason.startswith("takes 6")
    assert error.reason.endswith(" bytes, but fs1 takes 65536 at most (response_max_bytes)")


@pytest.mark.parametrize("noun", [Noun.DOMAIN, Noun.GROUP])
def test_what_gives_more_gives_it_to_its_largest_user(small: House, noun: Noun) -> None:
    small.commit(DOMAIN, put(Noun.GROUP, "sales", "a.example"))
    small.put(Noun.USER, "1000", "a.example", groups=["sales"], params={"v": "x" * 50_000})
    name, parent = ("a.example", "") if noun is Noun.DOMAIN else ("sales", "a.example")
    small.put(noun, name, parent, params={"v": "x" * 10_000})
    (error,) = refused(small, put(noun, name, parent, params={"v": "x" * 20_000}))
    assert (error.field, error.reason[:17]) == ("params", "with a user takes")


def test_a_group_is_not_told_of_others_users(small: House) -> None:
    small.commit(DOMAIN, put(Noun.GROUP, "sales", "a.example"))
    small.put(Noun.USER, "1000", "a.example", params={"v": "x" * 50_000})
    small.put(Noun.GROUP, "sales", "a.example", params={"v": "x" * 50_000})


def gateway(number: int, scope: str = "global") -> Put:
    return put(Noun.GATEWAY, f"gw{number}", scope=scope, profile="external", params={"proxy": "x" * 900})


def test_every_gateway_of_a_node(small: House) -> None:
    small.commit(PROFILE, *map(gateway, range(50)))
    errors = refused(small, *map(gateway, range(50, 70)))
    assert len(errors) == 1
    assert errors[0].field.endswith(": params")
    assert errors[0].reason.startswith("sofia.conf of fs1 would take 7")
    assert errors[0].reason.endswith(" bytes, but it takes 65536 at most (response_max_bytes)")
    small.commit(*(gateway(number, "groups:us") for number in range(50, 70)))
    # Another node may take more.
    small.commit(node("fs2", "us"))


def test_every_list_of_a_node(small: House) -> None:
    def entries(count: int) -> list[dict[str, Any]]:
        return [{"type": "allow", "cidr": f"192.0.2.{number % 256}/32"} for number in range(count)]

    small.put(Noun.ACL, "one", default="deny", entries=entries(1000))
    (error,) = refused(small, put(Noun.ACL, "two", default="deny", entries=entries(1000)))
    assert (error.field, error.reason[:24]) == ("entries", "acl.conf of fs1 would ta")


LARGE: dict[str, list[Put]] = {
    "x.conf": [put(Noun.DOCUMENT, "x.conf", xml=xml_of(Noun.DOCUMENT, "x.conf", PASSES))],
    "sofia.conf": [PROFILE, *map(gateway, range(70))],
    "user 1000 of a.example": [DOMAIN, put(Noun.USER, "1000", "a.example", params={"v": PASSES})],
    "context public": [put(Noun.CONTEXT, "public"), extension("did", "^1$", 65_000)],
}


@pytest.mark.parametrize("what", LARGE)
def test_a_node_takes_what_it_sees(house: House, what: str) -> None:
    house.commit(*LARGE[what])
    house.commit(node("fs1"))
    (error,) = refused(house, node("fs1", response_max_bytes=SMALL))
    assert error.field == "response_max_bytes"
    assert error.reason.endswith(f" bytes of {what}")
    assert refused(house, node("fs2", response_max_bytes=SMALL)) == (error,)


def test_more_than_any_node_is_used_to(house: House) -> None:
    """So that a node that takes as much as FreeSWITCH does by itself may always come."""
    house.commit(node("fs1", response_max_bytes=8 << 20), DOMAIN)
    errors = refused(house, put(Noun.USER, "1", "a.example", params={str(n): FITS for n in range(20)}))
    assert errors[0].reason.endswith("more than 1048576 is not kept")
