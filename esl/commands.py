"""Typed commands: how each is written, and how its reply reads. Those that only ask are `esl.queries`.

A command checks its names when it is made (CommandRejected), so that one that exists can be sent.
``read`` turns the node's reply into a value or raises CommandFailed: FreeSWITCH says ``+OK`` for
many a failure, so the rule differs from command to command. The recorded replies are the source.
"""

import re
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

from esl import names
from esl.errors import CommandFailed, CommandRejected, TooSoon, UnknownProfile

T_co = TypeVar("T_co", covariant=True)


class Command(Generic[T_co]):
    """One api command. ``line`` is what is sent after ``api`` or ``bgapi``."""

    __slots__ = ()

    background: ClassVar[bool] = False
    """Run as ``bgapi``: it makes the node fetch, or may take long; ``api`` would deafen the connection."""

    @property
    def line(self) -> str:
        """The command and its arguments: one line, checked."""
        raise NotImplementedError

    @property
    def shown(self) -> str:
        """The line as it may be logged."""
        return self.line

    def read(self, reply: str) -> T_co:
        """What the reply says. Raises CommandFailed."""
        raise NotImplementedError

    def _failed(self, reply: str) -> CommandFailed:
        """The failure that ``reply`` tells of: in the node's known words, or unexpected."""
        if reply.startswith("Invalid Profile"):
            return UnknownProfile(self.shown, reply)
        if too_soon := _TOO_SOON.search(reply):
            return TooSoon(self.shown, reply, float(too_soon[1]))
        return CommandFailed(self.shown, reply)


_TOO_SOON = re.compile(r"must be up for at least \d+ seconds.*?Please wait (\d+) second", re.DOTALL)
_RELOADED = "Reload XML [Success]\n"
_CLEARED = re.compile(r"\+OK cleared (\d+) entr(?:y|ies)\n?")


# --- reloading -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ReloadXml(Command[None]):
    """``reloadxml``. A failure also says ``+OK``: the bracket tells."""

    background: ClassVar[bool] = True

    @property
    def line(self) -> str:
        """The line."""
        return "reloadxml"

    def read(self, reply: str) -> None:
        """Nothing, or CommandFailed."""
        if reply.strip() != "+OK [Success]":
            raise self._failed(reply)


@dataclass(frozen=True, slots=True)
class ReloadAcl(Command[None]):
    """``reloadacl``: empties every list, then asks for acl.conf and each network-list."""

    background: ClassVar[bool] = True

    @property
    def line(self) -> str:
        """The line."""
        return "reloadacl"

    def read(self, reply: str) -> None:
        """Nothing, or CommandFailed."""
        if reply.strip() != "+OK acl reloaded":
            raise self._failed(reply)


# --- profiles ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _ProfileCommand(Command[None]):
    """``sofia profile NAME VERB``: reloads XML first, whose outcome stands in the first line's bracket."""

    profile: str

    background: ClassVar[bool] = True
    _verb: ClassVar[str]
    _done: ClassVar[str]

    def __post_init__(self) -> None:
        names.word(self.profile, "profile's name")

    @property
    def line(self) -> str:
        """The line."""
        return f"sofia profile {self.profile} {self._verb}"

    def read(self, reply: str) -> None:
        """Nothing, or CommandFailed."""
        if reply.strip() != _RELOADED + self._done.format(self.profile):
            raise self._failed(reply)


@dataclass(frozen=True, slots=True)
class ProfileRescan(_ProfileCommand):
    """Reads sofia.conf again: adds gateways, takes over some settings; changes and removes no gateway."""

    _verb: ClassVar[str] = "rescan"
    _done: ClassVar[str] = "+OK scan complete"


@dataclass(frozen=True, slots=True)
class ProfileStart(_ProfileCommand):
    """Starts a profile; success only says that it was tried (a taken port shows as a FAILURE event later)."""

    _verb: ClassVar[str] = "start"
    _done: ClassVar[str] = "{} started successfully"


@dataclass(frozen=True, slots=True)
class ProfileRestart(_ProfileCommand):
    """Restarts a profile, later. Without sofia.conf at that moment the profile is gone."""

    _verb: ClassVar[str] = "restart"
    _done: ClassVar[str] = "restarting: {}"


@dataclass(frozen=True, slots=True)
class ProfileStop(_ProfileCommand):
    """Stops a profile, later."""

    _verb: ClassVar[str] = "stop"
    _done: ClassVar[str] = "stopping: {}"


# --- gateways ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class KillGateway(Command[bool]):
    """Marks a gateway for deletion; true if there was one. Gone when ``sofia::gateway_delete`` comes.

    The profile only has to run: FreeSWITCH kills the gateway of that name in whichever profile it is.
    """

    profile: str
    gateway: str

    def __post_init__(self) -> None:
        names.word(self.profile, "profile's name")
        names.gateway(self.gateway)

    @property
    def line(self) -> str:
        """The line."""
        return f"sofia profile {self.profile} killgw {self.gateway}"

    def read(self, reply: str) -> bool:
        """Whether there was such a gateway."""
        if reply.strip() == "+OK gateway marked for deletion.":
            return True
        if reply.strip() == "-ERR no such gateway.":
            return False
        raise self._failed(reply)


@dataclass(frozen=True, slots=True)
class StartGateway(Command[None]):
    """Fetches and adds one gateway. An unknown gateway is answered ``+OK`` too: read it back."""

    profile: str
    gateway: str

    background: ClassVar[bool] = True

    def __post_init__(self) -> None:
        names.word(self.profile, "profile's name")
        names.gateway(self.gateway)

    @property
    def line(self) -> str:
        """The line."""
        return f"sofia profile {self.profile} startgw {self.gateway}"

    def read(self, reply: str) -> None:
        """Nothing, or CommandFailed."""
        if reply.strip() != f"{_RELOADED}+OK start gateway {self.gateway} complete":
            raise self._failed(reply)


# --- users that the node keeps ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FlushUser(Command[int]):
    """Drops one cached user; how many entries went. 0 is normal, and tells nothing.

    All three arguments always stand: with fewer, FreeSWITCH flushes everybody (switch_xml.c:2066 ff).
    """

    key: str
    user: str
    domain: str

    def __post_init__(self) -> None:
        names.word(self.key, "key")
        names.word(self.user, "user")
        names.word(self.domain, "domain")

    @property
    def line(self) -> str:
        """The line."""
        return f"xml_flush_cache {self.key} {self.user} {self.domain}"

    def read(self, reply: str) -> int:
        """Entries cleared."""
        return _cleared(self, reply)


@dataclass(frozen=True, slots=True)
class FlushAll(Command[int]):
    """Drops every cached user; how many entries went."""

    @property
    def line(self) -> str:
        """The line."""
        return "xml_flush_cache"

    def read(self, reply: str) -> int:
        """Entries cleared."""
        return _cleared(self, reply)


# --- modules and the rest ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _ModuleCommand(Command[None]):
    module: str

    background: ClassVar[bool] = True
    _verb: ClassVar[str]
    _done: ClassVar[str]

    def __post_init__(self) -> None:
        names.word(self.module, "module's name")

    @property
    def line(self) -> str:
        """The line."""
        return f"{self._verb} {self.module}"

    def read(self, reply: str) -> None:
        """Nothing, or CommandFailed: the last line tells."""
        if reply.strip().rpartition("\n")[2] != self._done:
            raise self._failed(reply)


@dataclass(frozen=True, slots=True)
class LoadModule(_ModuleCommand):
    """``load M``."""

    _verb: ClassVar[str] = "load"
    _done: ClassVar[str] = "+OK"


@dataclass(frozen=True, slots=True)
class ReloadModule(_ModuleCommand):
    """``reload M``; success when it is loaded afresh, also when it was not loaded before."""

    _verb: ClassVar[str] = "reload"
    _done: ClassVar[str] = "+OK module loaded"


@dataclass(frozen=True, slots=True)
class CallcenterQueueReload(Command[None]):
    """Fetches a callcenter queue again."""

    queue: str

    background: ClassVar[bool] = True

    def __post_init__(self) -> None:
        names.word(self.queue, "queue's name")

    @property
    def line(self) -> str:
        """The line."""
        return f"callcenter_config queue reload {self.queue}"

    def read(self, reply: str) -> None:
        """Nothing, or CommandFailed."""
        if reply.strip() != "+OK":
            raise self._failed(reply)


@dataclass(frozen=True, slots=True)
class SetVariable(Command[None]):
    """Sets a core variable; an empty value takes it away.

    FreeSWITCH splits at `=` (mod_commands.c, global_setvar_function): a second one would make it conditional.
    """

    name: str
    value: str

    def __post_init__(self) -> None:
        names.word(self.name, "variable's name")
        if "=" in self.name + self.value:
            raise CommandRejected(f"not to be set with one command, for it holds '=': {self.name}")
        names.line(self.line)

    @property
    def line(self) -> str:
        """The line."""
        return f"global_setvar {self.name}={self.value}"

    @property
    def shown(self) -> str:
        """Without the value, which may be a secret that was typed where none belongs."""
        return f"global_setvar {self.name}"

    def read(self, reply: str) -> None:
        """Nothing, or CommandFailed."""
        if reply.strip() != "+OK":
            raise self._failed(reply)


def _cleared(command: Command[int], reply: str) -> int:
    cleared = _CLEARED.fullmatch(reply)
    if cleared is None:
        raise CommandFailed(command.shown, reply)
    return int(cleared[1])
