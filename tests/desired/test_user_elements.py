"""What a user may hold beside what he has fields for."""

import pytest

from controlplane.desired import checks
from controlplane.desired.values import GLOBAL, User


def user(*elements: str) -> User:
    return User("1000", "a.example", GLOBAL, elements=elements)


def test_an_element_is_kept_in_one_form() -> None:
    said = user('<skinny ><!-- pin=1234 --><button  label = "a"></button></skinny >', "<vcard/>")
    assert checks.check(said) == ()
    assert checks.uniform(said) == user('<skinny><button label="a"/></skinny>', "<vcard/>")


@pytest.mark.parametrize(
    ("element", "reason"),
    [
        ("skinny", "is not well-formed XML"),
        ("<a/><b/>", "is not well-formed XML"),
        ("<params/>", "<params> has a field of its own"),
        ("<variables/>", "<variables> has a field of its own"),
        ("<gateways/>", "<gateways> has a field of its own"),
        ('<a><b pin="1"/></a>', "holds a password (pin of <b>)"),
        ('<a><param name="x-password" value="1"/></a>', "holds a password (value of <param>)"),
        ('<a><X-PRE-PROCESS cmd="exec" data="x"/></a>', "holds X-PRE-PROCESS"),
        ("<!DOCTYPE a><a/>", "holds a document type"),
        ("<a>&lt;!</a>", "<a> holds <!"),
    ],
)
def test_an_element_that_is_none(element: str, reason: str) -> None:
    (error,) = checks.check(user("<skinny/>", element))
    assert (error.field, error.reason[: len(reason)]) == ("elements[1]", reason)
