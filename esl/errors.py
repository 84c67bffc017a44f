# ruff: noqa: N818  # named for what happened
"""What can go wrong with a node.

::

    EventSocketError
    ├── NotConnected            no live connection to the node: the command was never sent
    │   ├── ConnectFailed       refused, unreachable, or too slow to connect or to greet
    │   ├── AuthenticationFailed
    │   └── AccessDenied        the node's ACL turns our address away
    ├── ConnectionLost          the link went while the command was under way: whether it ran is unknown
    ├── ProtocolError           bytes that are no Event Socket
    │   └── FrameTooLarge       more header or body bytes than we take
    ├── CommandRejected         we refuse to send it (a ValueError too)
    ├── CommandFailed           the node answered with a failure
    │   ├── UnknownProfile      the node runs no profile of that name
    │   ├── TooSoon             the profile is in its first ten seconds; .wait says how long
    │   └── UnexpectedReply     the node answered something this command never says
    └── CommandTimeout          no answer by the deadline: whether it ran is unknown
"""

_SHOWN = 500
"""How much of a reply an error keeps, in characters."""


class EventSocketError(Exception):
    """Anything this package raises about a node."""


class NotConnected(EventSocketError):
    """There is no live connection to the node; the command was never sent."""


class ConnectFailed(NotConnected):
    """The node refused, could not be reached, or did not greet us in time."""


class AuthenticationFailed(NotConnected):
    """The node does not take our password."""


class AccessDenied(NotConnected):
    """The node's Event Socket ACL turns our address away (``text/rude-rejection``)."""


class ConnectionLost(EventSocketError):
    """The connection went while the command was under way; whether it ran is unknown."""


class ProtocolError(EventSocketError):
    """The peer sent what is not Event Socket."""


class FrameTooLarge(ProtocolError):
    """The peer sent more header or body bytes than the limits allow."""


class CommandRejected(EventSocketError, ValueError):
    """The command is not sent: it could be read as another command, or its names are malformed."""


class CommandFailed(EventSocketError):
    """The node answered with a failure.

    ``command`` is the line sent, without secrets; ``reply`` the node's own words, cut to 500 characters.
    """

    def __init__(self, command: str, reply: str) -> None:
        self.command = command
        self.reply = reply.strip()[:_SHOWN]
        super().__init__(command, self.reply)

    def __str__(self) -> str:
        return f"{self.command}: {self.reply or '(empty reply)'}"


class UnknownProfile(CommandFailed):
    """The node runs no SIP profile of that name (``Invalid Profile [name]``)."""


class TooSoon(CommandFailed):
    """A profile is not stopped or restarted in its first ten seconds; ``wait`` is what is left of them."""

    def __init__(self, command: str, reply: str, wait: float) -> None:
        super().__init__(command, reply)
        self.args = (command, self.reply, wait)
        self.wait = wait


class UnexpectedReply(CommandFailed):
    """The reply is none that this command is known to give, or it cannot be read whole."""


class CommandTimeout(EventSocketError):
    """No answer came by the deadline; whether the command ran is unknown."""
