# ruff: noqa: N818  # named for what happened
"""Why a push did not come through.

::

    PushError
    ├── NotAnswering     the node has not shown that it can fetch from us: nothing was killed
    ├── NotRenderable    what the node would ask for cannot be rendered now: nothing was killed
    ├── NotSeen          commands were run, but their effect does not show on the node
    ├── NotReady         something else has to happen on the node first
    ├── Refused          it must not be done, however often it is tried
    ├── TooOften         a gateway changed too often and rests; .wait says how long
    └── UnknownNode      there is no such node any more
"""


class PushError(Exception):
    """Any reason for which a node is not yet where it should be; says so in a sentence."""


class NotAnswering(PushError):
    """The node was asked to fetch a probe from us and did not."""


class NotRenderable(PushError):
    """The answer that the node would ask for next cannot be given."""


class NotSeen(PushError):
    """The state read back is not the one that the commands should have led to."""


class NotReady(PushError):
    """Another state of the node is needed first, such as a running profile."""


class Refused(PushError):
    """A guard stands against it."""


class TooOften(PushError):
    """Something was replaced too often of late; `wait` is for how many seconds it rests yet."""

    def __init__(self, reason: str, wait: float) -> None:
        super().__init__(reason)
        self.wait = wait


class UnknownNode(PushError):
    """The desired state has no node of that name."""
