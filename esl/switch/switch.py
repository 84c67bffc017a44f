"""A stand-in FreeSWITCH node, assembled: it boots, listens, runs commands, reboots, and stops."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from types import MappingProxyType
from typing import ParamSpec, TypeVar

from lxml import etree

from esl.switch.accounts import log_in
from esl.switch.acl import Acls
from esl.switch.chatter import chatter
from esl.switch.commands import Commands
from esl.switch.config import SwitchConfig
from esl.switch.core import Core
from esl.switch.directory import Directory
from esl.switch.events import Caller
from esl.switch.faults import Faults
from esl.switch.gateway import Gateway
from esl.switch.listener import DENIED, GOODBYE, NO_REPLY, Listener
from esl.switch.lookup import Lookup, Question
from esl.switch.modules import Modules
from esl.switch.profile import Phone, Profile
from esl.switch.sofia import Sofia
from esl.switch.wire import Wire

_HEARTBEAT = Caller("switch_core.c", "send_heartbeat", 95)
_SHUTDOWN = Caller("switch_core.c", "switch_core_destroy", 3033)
_KEPT = 10_000
_POLL = 0.2

P = ParamSpec("P")
T = TypeVar("T")

_USAGE = (
    "-USAGE: standin block_lookups on|off | refuse on|off | reboot | commands | gateway NAME PARAM"
    " | register PROFILE USER@DOMAIN CALL-ID | calls PROFILE N\n"
)


class Switch:
    """One node. All of it lives in the loop in which it was started.

    ``commands`` are the api lines received over Event Socket, oldest first; ``faults`` may be changed
    at any time. With ``executor`` the threads of several switches' lookups are shared.
    """

    def __init__(self, config: SwitchConfig, executor: Executor | None = None) -> None:
        self.config = config
        self.faults = Faults()
        self.commands: deque[str] = deque(maxlen=_KEPT)
        self.ended = asyncio.Event()
        self._own_executor = None if executor else ThreadPoolExecutor(config.lookup_threads, config.name)
        self._core = Core(config, self.faults, executor or self._own_executor)  # type: ignore[arg-type]
        self._sofia = Sofia(self._core)
        self._acls = Acls(self._core)
        self._directory = Directory(self._core)
        self._modules = Modules(self._core, self._sofia.load, self._sofia.unload)
        extra = {"standin": self._standin, "fsctl": self._fsctl}
        self._commands = Commands(self._core, self._sofia, self._acls, self._directory, self._modules, extra)
        self._server: asyncio.Server | None = None
        self._listeners: dict[asyncio.Task[None], Listener] = {}
        self._port = config.port
        self._loop: asyncio.AbstractEventLoop | None = None
        self._going = asyncio.Lock()
        self._leaving: asyncio.Task[None] | None = None

    # --- what it is ---------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """Its host name and switch name."""
        return self.config.name

    @property
    def port(self) -> int:
        """Where its Event Socket listens; the same over all its lives."""
        return self._port

    @property
    def core_uuid(self) -> str:
        """Of this life."""
        return self._core.identity.core_uuid

    @property
    def lookups(self) -> deque[Lookup]:
        """The lookups made, oldest first."""
        return self._core.lookups

    @property
    def gateways(self) -> Mapping[str, Gateway]:
        """Those that are found by their name: not the killed ones, not second copies."""
        return MappingProxyType(dict(self._sofia.gateways))

    @property
    def profiles(self) -> Mapping[str, Profile]:
        """Those that run."""
        return MappingProxyType(dict(self._sofia.profiles))

    @property
    def lost(self) -> Collection[Profile]:
        """Those that run and that no command reaches, till a reboot: begun while a namesake went down."""
        return tuple(self._sofia.lost)

    @property
    def documents(self) -> Mapping[str, etree._Element]:
        """What modules found when they loaded, by the document's name."""
        return MappingProxyType(self._modules.documents)

    @property
    def busy(self) -> bool:
        """Whether what a command or the boot set off is still under way: lookups, restarts, jobs."""
        return self._core.busy

    # --- life ---------------------------------------------------------------------------------------

    async def __aenter__(self) -> "Switch":
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Boots, then listens."""
        self._loop = asyncio.get_running_loop()
        if self.config.wait_for_backend:
            await self._wait_for_backend()
        await self._boot()

    async def stop(self) -> None:
        """Shuts down as FreeSWITCH does: tells, hangs up, and is gone. Lookups under way end with nothing."""
        async with self._going:
            if self.ended.is_set():
                return
            self._core.close()
            await self._shut_down()
            await self._core.end()
            if self._own_executor is not None:
                await asyncio.to_thread(self._own_executor.shutdown)
            self.ended.set()

    async def reboot(self) -> None:
        """Shuts down, and boots again with a new Core-UUID, on the same port."""
        async with self._going:
            await self._shut_down()
            await self._core.end()
            self._sofia.halt()
            self._directory.forget()
            self._core.reset()
            await self._boot()

    async def api(self, line: str) -> str:
        """Runs one command as fs_cli does on the node itself; it is not in ``commands``."""
        return await self._commands.run(line) or NO_REPLY

    def call(self, function: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs a coroutine function in the switch's loop, from another thread, and waits for its result."""

        async def run() -> T:
            return await function(*args, **kwargs)

        if self._loop is None:
            raise RuntimeError("the switch was not started")
        return asyncio.run_coroutine_threadsafe(run(), self._loop).result()

    # --- booting and going ---------------------------------------------------------------------------

    async def _wait_for_backend(self) -> None:
        question = Question("configuration", "configuration", "name", "sofia.conf")
        while await self._core.locate(question) is None:  # noqa: ASYNC110 - as nobody tells of it
            await asyncio.sleep(_POLL)

    async def _boot(self) -> None:
        await self._modules.boot()
        for name in ("post_load_modules.conf", "event_socket.conf"):
            await self._core.locate(Question("configuration", "configuration", "name", name))
        await self._acls.load()
        await self._core.locate(Question("configuration", "configuration", "name", "post_load_switch.conf"))
        self._server = await asyncio.start_server(self._accept, self.config.host, self._port)
        self._port = self._server.sockets[0].getsockname()[1]
        self._core.spawn(self._beat(), "heartbeat", lasting=True)
        if self.config.chatter is not None:
            self._core.spawn(chatter(self._core, self.config.chatter), "chatter", lasting=True)

    async def _shut_down(self) -> None:
        if self._server is not None:
            self._server.close()
        self._core.fire("SHUTDOWN", _SHUTDOWN, [("Event-Info", "System Shutting Down")])
        await self._sofia.unload()
        await self._core.sleep(1.2)
        tasks = dict(self._listeners)
        for listener in tasks.values():
            await listener.shut_down()
        own = asyncio.current_task()
        for task in tasks:
            if task is not own:
                task.cancel()
        await asyncio.gather(*(task for task in tasks if task is not own), return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()
            self._server = None

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self.config.timing.heartbeat)
            self._core.fire(
                "HEARTBEAT",
                _HEARTBEAT,
                [
                    ("Event-Info", "System Ready"),
                    ("Up-Time", self._core.up_time()),
                    ("FreeSWITCH-Version", self.config.version),
                    ("Uptime-msec", str(int(self._core.up_for() * 1000))),
                    ("Session-Count", "0"),
                    ("Max-Sessions", "1000"),
                    ("Session-Per-Sec", "30"),
                    ("Session-Per-Sec-Last", "0"),
                    ("Session-Per-Sec-Max", "0"),
                    ("Session-Per-Sec-FiveMin", "0"),
                    ("Session-Since-Startup", "0"),
                    ("Session-Peak-Max", "0"),
                    ("Session-Peak-FiveMin", "0"),
                    ("Idle-CPU", "100.000000"),
                ],
            )

    # --- connections ---------------------------------------------------------------------------------

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire = Wire(writer, self.faults)
        task = asyncio.current_task()
        if self.faults.refuse or self._server is None or task is None:
            await wire.close()
            return
        listener = Listener(self._core, self._received, partial(log_in, self._directory), reader, wire)
        guard, peer = self.config.inbound_acl, writer.get_extra_info("peername")[0]
        if guard is not None and not await self._acls.check(peer, guard):
            wire.send(DENIED)
            listener.notice(GOODBYE)
            await wire.close()
            return
        self._listeners[task] = listener
        try:
            with contextlib.suppress(asyncio.CancelledError):
                await listener.serve()
        finally:
            del self._listeners[task]

    async def _received(self, line: str) -> str:
        self.commands.append(line)
        return await self._commands.run(line)

    # --- commands on the switch as a whole -----------------------------------------------------------

    async def _fsctl(self, arguments: str) -> str:
        if arguments.split()[:1] != ["shutdown"]:
            return "-ERR\n"
        # Beside, in no task of the core's: those end with it.
        self._leaving = asyncio.create_task(self.stop(), name=f"{self.name}: shutdown")
        return "+OK\n"

    async def _standin(self, arguments: str) -> str:
        """Faults from another process, and what no FreeSWITCH tells: see the usage."""
        match arguments.split():
            case ["block_lookups", ("on" | "off") as how]:
                self.faults.lookups_blocked = how == "on"
            case ["refuse", ("on" | "off") as how]:
                self.faults.refuse = how == "on"
            case ["reboot"]:
                self._leaving = asyncio.create_task(self.reboot(), name=f"{self.name}: reboot")
            case ["commands"]:
                return "".join(f"{line}\n" for line in self.commands)
            case ["register", profile, who, call_id] if profile in self._sofia.profiles:
                user, _, domain = who.partition("@")
                self._sofia.profiles[profile].phones[call_id] = Phone(user, domain, "192.0.2.50", 5060)
            case ["gateway", name, param] if name in self.gateways:
                return self.gateways[name].params.get(param, "") + "\n"
            case ["calls", name, count] if name in self.profiles and count.isdecimal():
                self.profiles[name].calls = int(count)
            case _:
                return _USAGE
        return "+OK\n"
