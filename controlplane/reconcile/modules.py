"""Modules: those that modules.conf names, and those without which a document is not read."""

from controlplane.observed.drift import Drift, Kind
from controlplane.observed.values import Wanted
from controlplane.push.ports import Nodes
from controlplane.reconcile.asking import answers
from esl.errors import CommandRejected
from esl.queries import ModuleExists


async def compare(nodes: Nodes, wanted: Wanted) -> tuple[Drift, ...]:
    """Give those that are not loaded."""
    should = {**wanted.needed, **wanted.modules}
    asked = {name: command for name in sorted(should) if (command := _asks(name)) is not None}
    loaded = await answers(nodes, wanted.node, list(asked.values()))
    missing = [name for name, there in zip(asked, loaded, strict=True) if not there]
    return tuple(
        Drift(Kind.MODULE_MISSING, name, f"not loaded, and {wanted.modules[name]} names it")
        if name in wanted.modules
        else Drift(Kind.MODULE_NEEDED, name, f"not loaded, so that nobody reads {wanted.needed[name]}")
        for name in missing
    )


def _asks(module: str) -> ModuleExists | None:
    """None: it is named by its path, and no command asks for that."""
    try:
        return ModuleExists(module) if "/" not in module else None
    except CommandRejected:
        return None
