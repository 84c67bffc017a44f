"""Learns of a node what is judged: asks it, and takes what is known already."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from controlplane.doctor import disk
from controlplane.doctor.checks import Evidence
from controlplane.observed.node_status import Proof
from controlplane.push.errors import NotAnswering
from esl.commands import Command
from esl.errors import AccessDenied, EventSocketError
from esl.link import Link, LinkState
from esl.queries import CheckAcl, GatewayStatuses, ModuleExists, Root, Version

R = TypeVar("R")

_GOING = frozenset({"UNREGISTER", "DOWN"})


class Asks(Protocol):
    """The part of the fleet that is used here."""

    def link(self, node: str) -> Link | None:
        """The link as last told."""

    async def run(self, node: str, command: Command[R]) -> R:
        """Run a command; raises an EventSocketError."""


async def gather(
    fleet: Asks,
    known: Evidence,
    *,
    prove: Callable[[str], Awaitable[Proof]],
    last: Callable[[str], Proof | None],
    refused: Callable[[], str],
) -> Evidence:
    """Add to what is known what the node tells; each thing that it does not is noted with the reason.

    `prove` asks for a proof, `last` gives how it went. `refused()`: why we refused the node's last
    lookup since the proof was asked for; empty when we did not.
    """
    node, unknown = known.node, dict(known.unknown)
    link = fleet.link(node)
    found = replace(known, link=link)
    if link is None or link.state is not LinkState.UP:
        try:
            await fleet.run(node, Version())
        except EventSocketError as error:
            # Why it is away, the error tells: nothing was sent.
            return replace(found, denied=isinstance(error, AccessDenied))
        return found
    try:
        await prove(node)
    except NotAnswering:
        found = replace(found, refused=refused())
    except EventSocketError as error:
        unknown["probe"] = str(error)
    if "probe" not in unknown:
        found = replace(found, proof=last(node))

    async def ask(what: str, command: Command[R]) -> R | None:
        try:
            return await fleet.run(node, command)
        except EventSocketError as error:
            unknown[what] = str(error)
            return None

    module = await ask("module", ModuleExists("mod_xml_curl"))
    statuses = await ask("gateways", GatewayStatuses())
    read = await _disk(await ask("disk", Root()), unknown)
    guards: dict[str, bool] = {}
    if read is not None and link.own_address is not None:
        for guard in _guards(read.guards):
            lets_in = await ask("acl", CheckAcl(link.own_address, guard))
            if lets_in is not None:
                guards[guard] = lets_in
    if known.clock_ahead is None:
        unknown["clock"] = "no heartbeat came yet: there is one every 20 s"
    copies = None
    if statuses is not None:
        copies = Counter(each.name for each in statuses if each.state not in _GOING)
    return replace(found, module=module, gateways=copies, disk=read, guards=guards, unknown=unknown)


def _guards(named: Sequence[str]) -> Sequence[str]:
    """Without any FreeSWITCH takes loopback.auto (mod_event_socket.c, config)."""
    return named or ("loopback.auto",)


async def _disk(text: str | None, unknown: dict[str, Any]) -> disk.Disk | None:
    if text is None:
        return None
    try:
        # It may hold a whole directory, which takes seconds to parse.
        return await asyncio.to_thread(disk.read, text)
    except disk.Unreadable as error:
        unknown["disk"] = f"what it has read from its disk is {error}"
        return None
