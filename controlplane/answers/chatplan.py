"""The chatplan section: contexts that mod_sms hunts for a message."""

from collections.abc import Iterable

from controlplane.answers.dialect import Escape, document, expanding, rewritten
from controlplane.desired.values import Chatplan


def chatplans(values: Iterable[Chatplan], text: Escape = expanding) -> bytes:
    """The contexts, each whole."""
    return document("chatplan", [line for value in values for line in rewritten(value.xml, {}, text=text)])
