"""What can go wrong while a node is read.

ObservedError
└── Unreadable     the node's answers do not fit together, so nothing is known of it
"""


class ObservedError(Exception):
    """Any reason for which it is not known what a node runs."""


class Unreadable(ObservedError):  # noqa: N818  # named for what happened
    """What the node said is incomplete or contradicts itself: an error, not a state."""
