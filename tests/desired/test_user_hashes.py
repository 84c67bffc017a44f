"""An a1-hash among params stands for one user's login, and is never empty."""

from controlplane.desired import checks
from controlplane.desired.values import GLOBAL, Domain, Group, Param, SecretRef, User, Value


def fields(value: Value) -> list[str]:
    return [error.field for error in checks.check(value)]


def test_it_stands_with_a_user_alone() -> None:
    params = (Param("x", "1"), Param("A1-Hash", "0" * 32))
    assert fields(User("1000", "a.example", GLOBAL, params=params)) == []
    assert fields(Group("g", "a.example", GLOBAL, params)) == ["params[1].name"]
    assert fields(Domain("a.example", GLOBAL, params)) == ["params[1].name"]


def test_it_is_not_empty() -> None:
    assert fields(User("1000", "a.example", GLOBAL, params=(Param("a1-hash", ""),))) == ["params[0].value"]
    sealed = (Param("a1-hash", SecretRef(1, 1)),)
    assert fields(User("1000", "a.example", GLOBAL, params=sealed)) == []
