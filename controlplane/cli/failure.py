"""What ends a command: a sentence on standard error and an exit code, never a traceback."""

from enum import IntEnum


class Code(IntEnum):
    """Exit codes."""

    DONE = 0
    NODE_FAILED = 1
    """Everything was asked for as it should be, and on some node it is not so."""
    WRONG_USE = 2
    """Nothing was done: the request was wrong, or the API refused it or was not reached."""


class Failure(Exception):  # noqa: N818 - what happened, not what it is
    """An expected failure; `str()` gives the sentence."""

    def __init__(self, sentence: str, code: Code = Code.WRONG_USE) -> None:
        super().__init__(sentence)
        self.code = code
