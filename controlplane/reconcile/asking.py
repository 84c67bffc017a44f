"""Asking a node several things at once: all are answered, or none counts."""

from collections.abc import Sequence
from typing import Any, TypeVar, cast

from controlplane.push.ports import Nodes
from esl.commands import Command
from esl.errors import EventSocketError

T = TypeVar("T")


async def answers(nodes: Nodes, node: str, commands: Sequence[Command[T]]) -> list[T]:
    """Give what each says; raises the first EventSocketError."""
    outcomes: list[Any] = await nodes.run_many(node, commands) if commands else []
    for outcome in outcomes:
        if isinstance(outcome, EventSocketError):
            raise outcome
    return cast(list[T], outcomes)
