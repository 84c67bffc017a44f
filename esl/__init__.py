"""Event Socket: connections to FreeSWITCH nodes, commands, and what nodes report.

The ground floor. Knows nothing of databases or desired state. The names below are imported when
first used: commands and status need neither gevent nor a thread.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from esl.commands import Command
    from esl.errors import (
        AccessDenied,
        AuthenticationFailed,
        CommandFailed,
        CommandRejected,
        CommandTimeout,
        ConnectFailed,
        ConnectionLost,
        EventSocketError,
        FrameTooLarge,
        NotConnected,
        ProtocolError,
        TooSoon,
        UnexpectedReply,
        UnknownProfile,
    )
    from esl.fleet import Fleet
    from esl.link import Link, LinkPolicy, LinkState, NodeAddress, NodeEvent
    from esl.status import GatewayStatus, ProfileStatus, ProfileSummary

__all__ = [
    "AccessDenied",
    "AuthenticationFailed",
    "Command",
    "CommandFailed",
    "CommandRejected",
    "CommandTimeout",
    "ConnectFailed",
    "ConnectionLost",
    "EventSocketError",
    "Fleet",
    "FrameTooLarge",
    "GatewayStatus",
    "Link",
    "LinkPolicy",
    "LinkState",
    "NodeAddress",
    "NodeEvent",
    "NotConnected",
    "ProfileStatus",
    "ProfileSummary",
    "ProtocolError",
    "TooSoon",
    "UnexpectedReply",
    "UnknownProfile",
]

_ROOMS = {
    "Command": "commands",
    "Fleet": "fleet",
    "Link": "link",
    "LinkPolicy": "link",
    "LinkState": "link",
    "NodeAddress": "link",
    "NodeEvent": "link",
    "GatewayStatus": "status",
    "ProfileStatus": "status",
    "ProfileSummary": "status",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'esl' has no attribute {name!r}")
    value: object = getattr(import_module(f"esl.{_ROOMS.get(name, 'errors')}"), name)
    globals()[name] = value
    return value
