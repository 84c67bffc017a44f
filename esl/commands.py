"""Typed commands: how each is written, and how its reply reads.

A command checks its names when it is made (CommandRejected), so that one that exists can be sent.
``read`` turns the node's reply into a value or raises CommandFailed: FreeSWITCH says ``+OK`` for
many a failure, so the rule differs from command to command. The recorded replies are the source.
"""

import json
import re
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

from esl import names, status
from esl.errors import CommandFailed, TooSoon, UnexpectedReply, UnknownProfile

T_co = TypeVar("T_co", covariant=True)

_NO_REPLY = "-ERR no reply"


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


@dataclass(frozen=True, slots=True)
class Api(Command[str]):
    """Any command, its reply as it came; for operators and tests. Nothing in the reply is a failure."""

    text: str

    def __post_init__(self) -> None:
        names.line(self.text)

    @property
    def line(self) -> str:
        """As given."""
        return self.text

    @property
    def shown(self) -> str:
        """The command's name alone: free text may hold anything."""
        first = self.text.split(None, 1)
        return first[0][:80] + (" ..." if len(first) > 1 else "")

    def read(self, reply: str) -> str:
        """The reply itself."""
        return reply


@dataclass(frozen=True, slots=True)
class BackgroundApi(Api):
    """Any command, run as a background job."""

    background: ClassVar[bool] = True


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


@dataclass(frozen=True, slots=True)
class GatewayVariable(Command[str | None]):
    """An inbound variable of a gateway; None when the gateway or the variable is unknown."""

    gateway: str
    name: str

    def __post_init__(self) -> None:
        names.gateway(self.gateway)
        names.word(self.name, "variable's name")

    @property
    def line(self) -> str:
        """The line."""
        return f"sofia_gateway_data {self.gateway} ivar {self.name}"

    def read(self, reply: str) -> str | None:
        """The value, without a final newline."""
        value = reply.removesuffix("\n")
        if value == _NO_REPLY:
            return None
        if value.startswith("-ERR"):
            raise self._failed(reply)
        return value


# --- status --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class GatewayStatuses(Command[tuple[status.GatewayStatus, ...]]):
    """Every gateway of the node."""

    @property
    def line(self) -> str:
        """The line."""
        return "sofia xmlstatus gateway"

    def read(self, reply: str) -> tuple[status.GatewayStatus, ...]:
        """All of them; an incomplete or unreadable list is UnexpectedReply, never a short list."""
        return _read_status(self, reply, status.read_gateways)


@dataclass(frozen=True, slots=True)
class GatewayStatusOf(Command[status.GatewayStatus | None]):
    """One gateway; None when the node has none of that name."""

    gateway: str

    def __post_init__(self) -> None:
        names.gateway(self.gateway)

    @property
    def line(self) -> str:
        """The line."""
        return f"sofia xmlstatus gateway {self.gateway}"

    def read(self, reply: str) -> status.GatewayStatus | None:
        """Its status."""
        if reply.strip() == "Invalid Gateway!":
            return None
        return _read_status(self, reply, status.read_gateway)


@dataclass(frozen=True, slots=True)
class ProfileStatusOf(Command[status.ProfileStatus | None]):
    """One profile; None when the node runs none of that name."""

    profile: str

    def __post_init__(self) -> None:
        names.word(self.profile, "profile's name")

    @property
    def line(self) -> str:
        """The line."""
        return f"sofia xmlstatus profile {self.profile}"

    def read(self, reply: str) -> status.ProfileStatus | None:
        """Its status."""
        if reply.strip() == "Invalid Profile!":
            return None
        return _read_status(self, reply, status.read_profile)


@dataclass(frozen=True, slots=True)
class Profiles(Command[tuple[status.ProfileSummary, ...]]):
    """Every profile of the node; aliases and gateways, which the list also holds, are left out."""

    @property
    def line(self) -> str:
        """The line."""
        return "sofia xmlstatus"

    def read(self, reply: str) -> tuple[status.ProfileSummary, ...]:
        """All of them."""
        return _read_status(self, reply, status.read_profiles)


@dataclass(frozen=True, slots=True)
class StoppingProfiles(Command[frozenset[str]]):
    """The profiles that were told to stop, or to restart, and are not gone yet: about a second.

    No other list shows them. One that is started meanwhile takes its port, but is not entered under its
    name, which is still taken (sofia_glue.c:2059): it cannot be reached, nor stopped, ever after.
    """

    @property
    def line(self) -> str:
        """The line."""
        return "sofia jsonstatus"

    def read(self, reply: str) -> frozenset[str]:
        """Their names."""
        if not reply.startswith("{"):
            raise CommandFailed(self.shown, reply)
        try:
            profiles = json.loads(reply)["profiles"]
            return frozenset(name for name, told in profiles.items() if told["status"]["state"] == "DOWN")
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise UnexpectedReply(self.shown, f"{error}: {reply[:200]}") from error


# --- directory, ACL and XML ----------------------------------------------------------------------


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


@dataclass(frozen=True, slots=True)
class CheckAcl(Command[bool]):
    """Whether an ACL list lets an address in; an unknown list lets nobody in."""

    address: str
    list: str

    def __post_init__(self) -> None:
        names.address(self.address)
        names.word(self.list, "list's name")

    @property
    def line(self) -> str:
        """The line."""
        return f"acl {self.address} {self.list}"

    def read(self, reply: str) -> bool:
        """Allowed or not."""
        return _true_or_false(self, reply)


@dataclass(frozen=True, slots=True)
class Locate(Command[str]):
    """``xml_locate``: the node looks something up, through us where we are bound, and shows what it got."""

    section: str
    tag: str
    key_name: str
    key_value: str

    background: ClassVar[bool] = True

    def __post_init__(self) -> None:
        for argument in (self.section, self.tag, self.key_name, self.key_value):
            names.word(argument, "lookup's argument")

    @property
    def line(self) -> str:
        """The line."""
        return f"xml_locate {self.section} {self.tag} {self.key_name} {self.key_value}"

    def read(self, reply: str) -> str:
        """The XML found, as the node wrote it out."""
        if not reply.lstrip().startswith("<"):
            raise self._failed(reply)
        return reply


# --- modules and the rest ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _ModuleCommand(Command[None]):
    module: str

    background: ClassVar[bool] = True
    _verb: ClassVar[str]
    _done: ClassVar[str] = "+OK"

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


@dataclass(frozen=True, slots=True)
class UnloadModule(_ModuleCommand):
    """``unload M``."""

    _verb: ClassVar[str] = "unload"


@dataclass(frozen=True, slots=True)
class ReloadModule(_ModuleCommand):
    """``reload M``; success when it is loaded afresh, also when it was not loaded before."""

    _verb: ClassVar[str] = "reload"
    _done: ClassVar[str] = "+OK module loaded"


@dataclass(frozen=True, slots=True)
class ModuleExists(Command[bool]):
    """Whether a module is loaded."""

    module: str

    def __post_init__(self) -> None:
        names.word(self.module, "module's name")

    @property
    def line(self) -> str:
        """The line."""
        return f"module_exists {self.module}"

    def read(self, reply: str) -> bool:
        """Loaded or not."""
        return _true_or_false(self, reply)


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
class GlobalVariable(Command[str | None]):
    """A core variable; None when it is not set."""

    name: str

    def __post_init__(self) -> None:
        names.word(self.name, "variable's name")

    @property
    def line(self) -> str:
        """The line."""
        return f"global_getvar {self.name}"

    def read(self, reply: str) -> str | None:
        """The value."""
        return None if reply.strip() == _NO_REPLY else reply


@dataclass(frozen=True, slots=True)
class Version(Command[str]):
    """What the node says it is, such as ``FreeSWITCH Version 1.10.12-release (64bit)``."""

    @property
    def line(self) -> str:
        """The line."""
        return "version"

    def read(self, reply: str) -> str:
        """The version, stripped."""
        if not reply.strip() or reply.startswith("-ERR"):
            raise self._failed(reply)
        return reply.strip()


# --- how replies read ----------------------------------------------------------------------------

R = TypeVar("R")


def _true_or_false(command: Command[bool], reply: str) -> bool:
    answer = reply.strip()
    if answer not in ("true", "false"):
        raise CommandFailed(command.shown, reply)
    return answer == "true"


def _cleared(command: Command[int], reply: str) -> int:
    cleared = _CLEARED.fullmatch(reply)
    if cleared is None:
        raise CommandFailed(command.shown, reply)
    return int(cleared[1])


def _read_status(command: Command[R], reply: str, read: "status.Reader[R]") -> R:
    if not reply.lstrip().startswith("<"):
        raise CommandFailed(command.shown, reply)
    try:
        return read(reply)
    except status.Unreadable as error:
        raise UnexpectedReply(command.shown, f"{error}: {reply[:200]}") from error
