"""Global variables: what a node's own files and its calls see where we put in a variable of ours."""

from controlplane.observed.drift import Drift, Kind
from controlplane.observed.values import Wanted
from controlplane.push.plan import settable
from controlplane.push.ports import Nodes
from controlplane.reconcile.asking import answers
from esl.queries import GlobalVariable, GlobalVariables


async def compare(nodes: Nodes, wanted: Wanted) -> tuple[Drift, ...]:
    """Give those with another value on the node, or none. The values are not told."""
    if not wanted.variables:
        return ()
    [seen] = await answers(nodes, wanted.node, [GlobalVariables()])
    suspected = sorted(name for name, value in wanted.variables.items() if seen.get(name) != value)
    # The list is of lines, and a value may hold several.
    confirmed = await answers(nodes, wanted.node, [GlobalVariable(name) for name in suspected])
    return tuple(
        Drift(
            Kind.VARIABLE_DIFFERS if settable(name, wanted.variables[name]) else Kind.VARIABLE_UNSETTABLE,
            name,
            "is not set on the node" if value is None else "has another value on the node",
            wanted.variables[name],
        )
        for name, value in zip(suspected, confirmed, strict=True)
        if value != wanted.variables[name]
    )
