"""A node made of a script: an asyncio TCP server that says what a test tells it to."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from esl.commands import Command
from esl.fleet import Fleet
from esl.link import Backoff, Link, LinkPolicy, LinkState, NodeAddress, NodeEvent, backoff

GOODBYE = "Disconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/\n"
QUICK = LinkPolicy(
    connect_timeout=1.0,
    command_timeout=1.0,
    background_timeout=1.0,
    backoff_min=0.02,
    backoff_max=0.05,
    refused_min=0.2,
    refused_max=0.4,
    idle_timeout=20.0,
    stable_after=0.0,
)


def reply(text: str, **more: str) -> bytes:
    lines = [f"Content-Type: command/reply\nReply-Text: {text}\n"]
    lines += [f"{name.replace('_', '-')}: {value}\n" for name, value in more.items()]
    return ("".join(lines) + "\n").encode()


def body(kind: str, text: str | bytes) -> bytes:
    data = text.encode() if isinstance(text, str) else text
    return f"Content-Type: {kind}\nContent-Length: {len(data)}\n\n".encode() + data


def json_event(headers: dict[str, Any]) -> bytes:
    data = json.dumps(headers, separators=(",", ":")).encode()
    return f"Content-Length: {len(data)}\nContent-Type: text/event-json\n\n".encode() + data


class ScriptedNode:
    def __init__(self, password: str = "ClueCon") -> None:
        self.password = password
        self.core_uuid = "core-1"
        self.host = "127.0.0.1"
        self.port = 0
        self.received: list[str] = []
        self._heard = asyncio.Event()
        self.api: dict[str, str] = {}
        self.job_gate: dict[str, asyncio.Event] = {}
        self.silent: set[str] = set()  # lines that are never answered
        self.greet = True
        self.deny = False
        self.on_line: Callable[[str, asyncio.StreamWriter], Awaitable[bool]] | None = None
        self.writers: list[asyncio.StreamWriter] = []
        self.accepted = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def address(self, name: str = "fs1", password: str | None = None) -> NodeAddress:
        return NodeAddress(name, self.host, self.port, password or self.password)

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=2)
        await self._server.wait_closed()

    async def heard(self, count: int) -> None:
        async with asyncio.timeout(5):
            while len(self.received) < count:
                self._heard.clear()
                await self._heard.wait()

    def _hear(self, line: str) -> None:
        self.received.append(line)
        self._heard.set()

    def cut(self) -> None:
        for writer in self.writers:
            writer.transport.abort()
        self.writers.clear()

    def say(self, data: bytes) -> None:
        for writer in self.writers:
            writer.write(data)

    def event(self, name: str, subclass: str | None = None, **headers: str) -> None:
        first = {"Event-Subclass": subclass} if subclass else {}
        rest = {key.replace("_", "-"): value for key, value in headers.items()}
        self.say(json_event({**first, "Event-Name": name, "Core-UUID": self.core_uuid, **rest}))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.accepted += 1
        self.writers.append(writer)
        try:
            if self.deny:
                writer.write(body("text/rude-rejection", "Access Denied, go away.\n"))
                writer.write(body("text/disconnect-notice", GOODBYE))
                return
            if self.greet:
                writer.write(b"Content-Type: auth/request\n\n")
            while True:
                line = (await reader.readuntil(b"\n\n")).decode().rstrip("\n")
                if line in self.silent:  # a listener that runs a slow api is deaf to what follows
                    self._hear(line)
                    while await reader.read(4096):
                        pass
                    return
                if not await self._answer(line, writer):
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            if writer in self.writers:
                self.writers.remove(writer)
            writer.close()
            self._tasks.discard(task)

    async def _answer(self, line: str, writer: asyncio.StreamWriter) -> bool:
        self._hear(line)
        if self.on_line is not None and await self.on_line(line, writer):
            return True
        verb, _, rest = line.partition(" ")
        if verb in ("auth", "userauth"):
            if rest.endswith(self.password):
                writer.write(reply("+OK accepted"))
                return True
            writer.write(reply("-ERR invalid") + body("text/disconnect-notice", GOODBYE))
            return False
        if verb == "event":
            writer.write(reply("+OK event listener enabled json"))
        elif verb == "api":
            writer.write(body("api/response", self.api.get(rest, f"-ERR {rest} Command not found!\n")))
        elif verb == "bgapi":
            command, _, job = rest.partition("\nJob-UUID: ")
            writer.write(reply(f"+OK Job-UUID: {job}", Job_UUID=job))
            task = asyncio.create_task(self._job(command, job, writer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif verb == "exit":
            writer.write(reply("+OK bye") + body("text/disconnect-notice", GOODBYE))
            return False
        else:
            writer.write(reply("-ERR command not found"))
        return True

    async def _job(self, command: str, job: str, writer: asyncio.StreamWriter) -> None:
        if command in self.silent:
            return
        if command in self.job_gate:
            await self.job_gate[command].wait()
        default = "FreeSWITCH Version 1.11.2-release (git 64bit)\n" if command == "version" else ""
        writer.write(
            json_event(
                {
                    "Event-Name": "BACKGROUND_JOB",
                    "Core-UUID": self.core_uuid,
                    "FreeSWITCH-Switchname": "fs1",
                    "Job-UUID": job,
                    "Job-Command": command,
                    "_body": self.api.get(command, default),
                }
            )
        )


@dataclass(frozen=True)
class Ask(Command[str]):
    """Any command, its reply as it came."""

    text: str

    @property
    def line(self) -> str:
        return self.text

    def read(self, reply: str) -> str:
        return reply


class AskBeside(Ask):
    """The same as a background job."""

    background = True


class Watch:
    """What a fleet told its callbacks, with a way to wait for it."""

    def __init__(self) -> None:
        self.links: list[Link] = []
        self.events: list[NodeEvent] = []
        self._changed = asyncio.Event()

    def on_link(self, link: Link) -> None:
        self.links.append(link)
        self._changed.set()

    def on_event(self, event: NodeEvent) -> None:
        self.events.append(event)
        self._changed.set()

    async def until(self, condition: Callable[[], bool], within: float = 5) -> None:
        async with asyncio.timeout(within):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def state(self, state: LinkState, *, epoch: int | None = None, node: str = "fs1") -> Link:
        def found() -> Link | None:
            last = next((link for link in reversed(self.links) if link.node == node), None)
            if last is None or last.state is not state or (epoch is not None and last.epoch != epoch):
                return None
            return last

        await self.until(lambda: found() is not None)
        link = found()
        assert link is not None
        return link


@asynccontextmanager
async def scripted(**options: Any) -> AsyncIterator[ScriptedNode]:
    node = ScriptedNode(**options)
    await node.start()
    try:
        yield node
    finally:
        await node.stop()


@asynccontextmanager
async def fleet_of(
    *nodes: ScriptedNode, policy: LinkPolicy = QUICK, backoff: Backoff = backoff, up: bool = True
) -> AsyncIterator[tuple[Fleet, Watch]]:
    watch = Watch()
    fleet = Fleet(on_event=watch.on_event, on_link=watch.on_link, policy=policy, backoff=backoff)
    await fleet.start()
    try:
        for index, node in enumerate(nodes, 1):
            await fleet.hold(node.address(f"fs{index}"))
        if up:
            for index in range(1, len(nodes) + 1):
                await watch.state(LinkState.UP, node=f"fs{index}")
        yield fleet, watch
    finally:
        began = time.monotonic()
        await fleet.stop(3)
        assert time.monotonic() - began < 2.5
