"""Variables as rows, and what else a node is told of a domain by default."""

from typing import Any

import pytest

from controlplane.desired.errors import Invalid
from controlplane.desired.values import Key, Noun, Scope, SecretRef
from tests.desired.house import House, key, node, put


def test_a_variable_is_written_changed_scoped_and_rolled_back(house: House) -> None:
    house.commit(node("fs1", "eu"), node("fs2"))
    house.put(Noun.VARIABLE, "ip", value="192.0.2.1")
    house.put(Noun.VARIABLE, "ip", scope=Scope(groups=("eu",)), value="192.0.2.2")

    def told(name: str) -> object:
        return house.catalog.view(name).variables["ip"].value.value

    assert (told("fs1"), told("fs2")) == ("192.0.2.2", "192.0.2.1")
    revision = house.catalog.revision
    house.put(Noun.VARIABLE, "ip", scope=Scope(node="fs1"), value="192.0.2.3")
    assert told("fs1") == "192.0.2.3"
    house.rollback(revision)
    assert told("fs1") == "192.0.2.2"
    with pytest.raises(Invalid, match="there is no node"):
        house.put(Noun.VARIABLE, "ip", scope=Scope(node="fs9"), value="x")


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [("a b", "x", "only letters"), ("a{b}", "x", "only letters"), ("a", "<!", "<!"), ("a", "\0", "U\\+0000")],
)
def test_what_no_variable_can_be_is_refused(house: House, name: str, value: str, reason: str) -> None:
    with pytest.raises(Invalid, match=reason):
        house.put(Noun.VARIABLE, name, value=value)


def test_one_that_holds_a_password_is_sealed(house: House) -> None:
    house.commit(put(Noun.VARIABLE, "default_password", value="1234"), put(Noun.VARIABLE, "x", value="1234"))
    values = {row.value.name: row.value.value for row in house.catalog.variables.values()}
    assert values["x"] == "1234"
    assert isinstance(values["default_password"], SecretRef)
    assert house.opened(values["default_password"]) == ["1234"]


@pytest.mark.parametrize(
    ("spec", "cacheable"), [({}, 60_000), ({"cacheable": None}, None), ({"cacheable": 5}, 5)]
)
def test_users_may_be_cached_for_a_minute_unless_their_domain_says_else(
    house: House, spec: dict[str, Any], cacheable: int | None
) -> None:
    house.put(Noun.DOMAIN, "a.example", **spec)
    domain: Key = key(Noun.DOMAIN, "a.example")
    assert house.catalog.domains[domain].value.cacheable == cacheable
