"""The commands that only ask: they change nothing on the node."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, TypeVar

from esl import names, status
from esl.commands import Command
from esl.errors import CommandFailed, UnexpectedReply

R = TypeVar("R")

_NO_REPLY = "-ERR no reply"
_SESSIONS = re.compile(r"^(\d+) session\(s\) - peak", re.MULTILINE)


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


@dataclass(frozen=True, slots=True)
class Root(Command[str]):
    """``xml_locate root``: all that the node has read from its own files; nobody is asked for it.

    Its passwords are in it: an error shows nothing of the reply.
    """

    background: ClassVar[bool] = True

    @property
    def line(self) -> str:
        """The line."""
        return "xml_locate root"

    def read(self, reply: str) -> str:
        """The document."""
        if not reply.lstrip().startswith("<document"):
            raise CommandFailed(self.shown, reply if reply.startswith("-ERR") else "not a document")
        return reply


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
class Modules(Command[frozenset[str]]):
    """Every module that offers something; what is built into the core is none."""

    background: ClassVar[bool] = True

    @property
    def line(self) -> str:
        """The line."""
        return "show modules as json"

    def read(self, reply: str) -> frozenset[str]:
        """Their names; a row is one thing that a module offers."""
        if not reply.startswith("{"):
            raise self._failed(reply)
        try:
            rows = json.loads(reply).get("rows", [])
            return frozenset(row["ikey"] for row in rows if row["ikey"].startswith("mod_"))
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise UnexpectedReply(self.shown, f"{error}: {reply[:200]}") from error


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
        if reply.strip() == _NO_REPLY:
            return None
        if reply.startswith("-ERR"):
            raise self._failed(reply)
        return reply


@dataclass(frozen=True, slots=True)
class GlobalVariables(Command[Mapping[str, str]]):
    """Every core variable. One with a newline in its value reads as two: ask for it by its name."""

    @property
    def line(self) -> str:
        """The line."""
        return "global_getvar"

    def read(self, reply: str) -> Mapping[str, str]:
        """Values by name."""
        if reply.startswith("-ERR") or "=" not in reply:
            raise self._failed(reply)
        return {
            name: value for name, sign, value in (each.partition("=") for each in reply.split("\n")) if sign
        }


@dataclass(frozen=True, slots=True)
class Sessions(Command[int]):
    """How many sessions stand on the node: legs of calls, whatever endpoint they came by.

    By the core's own count (mod_commands.c, status_function); `show channels` comes from its database,
    which is written a moment later, or not at all where that is turned off.
    """

    @property
    def line(self) -> str:
        """The line."""
        return "status"

    def read(self, reply: str) -> int:
        """The number."""
        found = _SESSIONS.search(reply)
        if found is None:
            raise self._failed(reply)
        return int(found[1])


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


def _true_or_false(command: Command[bool], reply: str) -> bool:
    answer = reply.strip()
    if answer not in ("true", "false"):
        raise CommandFailed(command.shown, reply)
    return answer == "true"


def _read_status(command: Command[R], reply: str, read: "status.Reader[R]") -> R:
    if not reply.lstrip().startswith("<"):
        raise CommandFailed(command.shown, reply)
    try:
        return read(reply)
    except status.Unreadable as error:
        raise UnexpectedReply(command.shown, f"{error}: {reply[:200]}") from error
