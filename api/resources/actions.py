"""What operators have nodes do, now: rescan, reload, reloadxml, reloadacl, flush.

An explicit action goes to the nodes that were chosen whatever their mode, observing ones too.
It takes its turn with the node's pushes, and like them waits for the node's proof that it can fetch
from us. Results come as they arrive, one JSON object a line (`application/x-ndjson`):
`{"node", "ok": true, "reply"}` or `{"node", "ok": false, "error"}`.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, ClassVar

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute

from api.access import operator
from api.bodies import read_model
from api.middle import daemon_of
from api.paths import route
from api.problems import FieldProblem, invalid
from api.resources.shapes import Name
from api.selection import Selection
from api.writing import author_of
from controlplane.auditing import audit
from controlplane.daemon import Daemon
from controlplane.desired import reader
from controlplane.desired.values import Noun, Stored, User
from controlplane.observed.errors import ObservedError
from controlplane.push.effects import cached_by
from controlplane.push.errors import PushError
from controlplane.push.touches import CacheKey
from esl.commands import Command, FlushAll, FlushUser, ProfileRescan, ReloadAcl, ReloadModule, ReloadXml
from esl.errors import CommandRejected, EventSocketError

# Nodes acted on at once.
AT_ONCE = 64

Outcome = dict[str, Any]


class Action(Selection):
    """What every action takes: the nodes."""

    word: ClassVar[str]

    async def commands(self, daemon: Daemon) -> Sequence[Command[Any]]:
        """Give the commands for each node; raises CommandRejected for what cannot be sent."""
        raise NotImplementedError


class Rescan(Action):
    """Have a SIP profile take over its configuration and add its new gateways."""

    word = "rescan"
    profile: Name

    async def commands(self, daemon: Daemon) -> Sequence[Command[Any]]:
        """One."""
        return (ProfileRescan(self.profile),)


class Reload(Action):
    """Reload a module."""

    word = "reload"
    module: Name

    async def commands(self, daemon: Daemon) -> Sequence[Command[Any]]:
        """One."""
        return (ReloadModule(self.module),)


class ReloadXmlAction(Action):
    """Have a node read its XML anew."""

    word = "reloadxml"

    async def commands(self, daemon: Daemon) -> Sequence[Command[Any]]:
        """One."""
        return (ReloadXml(),)


class ReloadAclAction(Action):
    """Have a node fetch its ACL lists anew."""

    word = "reloadacl"

    async def commands(self, daemon: Daemon) -> Sequence[Command[Any]]:
        """One."""
        return (ReloadAcl(),)


class Flush(Action):
    """Have nodes forget one user whom they cache, under every name he has, or `everything`."""

    word = "flush"
    user: Name | None = None
    domain: Name | None = None
    everything: bool = False

    async def commands(self, daemon: Daemon) -> Sequence[Command[Any]]:
        """One for each key under which he may be cached."""
        if self.everything:
            if self.user is not None or self.domain is not None:
                raise invalid([FieldProblem("everything", "stands alone: leave out user and domain")])
            return (FlushAll(),)
        if self.user is None or self.domain is None:
            raise invalid([FieldProblem("user", "name a user and his domain, or everything")])
        keys = await _cached_keys(daemon, self.user, self.domain)
        return [FlushUser(each.key, each.user, each.domain) for each in sorted(keys)]


ACTIONS: tuple[type[Action], ...] = (Rescan, Reload, ReloadXmlAction, ReloadAclAction, Flush)


def routes() -> list[BaseRoute]:
    """Give the routes of actions."""
    return [route(f"/actions/{action.word}", POST=operator(_starter(action))) for action in ACTIONS]


def _starter(action: type[Action]) -> Callable[[Request], Awaitable[Response]]:
    async def start(request: Request) -> Response:
        return await _start(request, await read_model(request, action))

    return start


async def _start(request: Request, action: Action) -> Response:
    daemon = daemon_of(request)
    nodes = action.chosen(daemon.desired.catalog)
    try:
        commands = await action.commands(daemon)
    except CommandRejected as error:
        raise invalid([FieldProblem("", str(error))]) from None
    detail = {"nodes": nodes, "commands": [command.shown for command in commands]}
    await audit(daemon.store, author_of(request), action.word, detail=detail)
    stream = results(nodes, lambda node: _act(daemon, node, commands))
    return StreamingResponse(stream, media_type="application/x-ndjson")


async def results(nodes: Sequence[str], act: Callable[[str], Awaitable[Outcome]]) -> AsyncIterator[bytes]:
    """Act on every node, some at once, and give a line for each as it is done.

    When the reader goes away, nodes not yet acted on are left alone.
    """
    turn = asyncio.Semaphore(AT_ONCE)

    async def one(node: str) -> Outcome:
        async with turn:
            return {"node": node, **await act(node)}

    tasks = [asyncio.create_task(one(node), name=f"action on {node}") for node in nodes]
    try:
        for done in asyncio.as_completed(tasks):
            yield json.dumps(await done, ensure_ascii=False).encode() + b"\n"
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _act(daemon: Daemon, node: str, commands: Sequence[Command[Any]]) -> Outcome:
    outcomes: list[object] = []
    try:
        async with daemon.pusher.serial(node):
            # One user's flush needs nothing of us; all else makes the node fetch, or lose what it holds.
            if not all(isinstance(command, FlushUser) for command in commands):
                await daemon.pusher.prove(node)
            for command in commands:
                outcomes.append(await daemon.fleet.run(node, command))
    except (EventSocketError, PushError, ObservedError) as error:
        return {"ok": False, "error": str(error)}
    counts = [each for each in outcomes if type(each) is int]
    if len(counts) == len(outcomes):
        return {"ok": True, "reply": f"{sum(counts)} entries cleared"}
    return {"ok": True, "reply": "; ".join(map(_reply, outcomes))}


async def _cached_keys(daemon: Daemon, user: str, domain: str) -> frozenset[CacheKey]:
    """Give every key under which a node may hold the user; one who is not ours may still be cached."""
    rows = [row.id for row in daemon.desired.catalog.named(Noun.DOMAIN, domain)]

    def work(session: Session) -> list[Stored[User]]:
        found = [reader.user(session, row, user) for row in rows]
        return [each for each in found if each is not None]

    stored = await daemon.store.read(work) if user.isprintable() else []
    asked = frozenset({CacheKey("id", user, domain), CacheKey("number-alias", user, domain)})
    return asked.union(*(cached_by(each.value) for each in stored))


def _reply(outcome: object) -> str:
    """Say in words what a command gave; most give nothing but that they were done."""
    match outcome:
        case None:
            return "done"
        case bool():
            return "yes" if outcome else "no"
        case _:
            return str(outcome)
