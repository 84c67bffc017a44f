"""What packages give out: every name of an `__all__` is there, once, in order, and nothing else is."""

import importlib
import pkgutil
from types import ModuleType

import pytest

import api
import controlplane
import esl


def packages() -> list[str]:
    """Every package that says what it gives out."""
    found: list[ModuleType] = []
    for root in (api, controlplane, esl):
        found.append(root)
        for module in pkgutil.walk_packages(root.__path__, f"{root.__name__}."):
            if module.ispkg:
                found.append(importlib.import_module(module.name))
    return [package.__name__ for package in found if hasattr(package, "__all__")]


def test_the_rooms_say_what_they_give_out() -> None:
    rooms = {"answers", "desired", "observed", "push", "store"}
    assert {"esl", "esl.switch", *(f"controlplane.{room}" for room in rooms)} <= set(packages())


@pytest.mark.parametrize("name", packages())
def test_what_is_given_out_is_there_in_order(name: str) -> None:
    package = importlib.import_module(name)
    names = list(package.__all__)
    capitals_first = sorted(set(names), key=lambda each: (not each.isupper(), each[0].islower(), each))
    assert names == capitals_first
    for each in names:
        assert getattr(package, each) is not None


@pytest.mark.parametrize("name", packages())
def test_what_a_package_imports_by_name_it_gives_out(name: str) -> None:
    package = importlib.import_module(name)
    own = {each for each, value in vars(package).items() if getattr(value, "__module__", "").startswith(name)}
    public = {
        each for each in own if not each.startswith("_") and not isinstance(vars(package)[each], ModuleType)
    }
    assert public <= set(package.__all__)
