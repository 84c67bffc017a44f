r"""Expressions of the dialplan that can be decided here, without FreeSWITCH's PCRE.

FreeSWITCH searches a number for an expression with PCRE2's default options, byte by byte
(switch_regex.c, switch_regex_perform). Decided are only expressions that mean the same to Python:

- `^` at the start and `$` at the end of the expression or of an alternative that is in no group;
- characters that stand for themselves: ASCII letters, digits, blank, and `_-#@:,;=~&%!<>"/` (a leading
  `/` or `_` is FreeSWITCH's own notation, and is not decided); a punctuation mark after a backslash;
- `.`, `\d`, and classes of these characters, `\d` and ranges of letters or digits, also negated;
- `?`, `*`, `+`, `{n}`, `{n,}`, `{n,m}` after one of these, lazy or not; after a group only `?`;
- groups `(...)` and `(?:...)`, and alternatives.

All else is undecidable: references, look-around, `\w`, `\b`, options, POSIX classes, possessive
quantifiers, `$` or `^` within, and whatever FreeSWITCH would expand first (`${...}`, `$${...}`, and the
escapes that its expansion takes for itself: `\\ \n \s \t \' \$`; switch_channel_expand_variables_check).
So is what a backtracking matcher could take long over.

A number with a line end is for PCRE to judge: `$` also matches before the last one.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from typing import NamedTuple

LONGEST = 64
"""Bytes of the longest number that is held against a pattern."""

_MOST_WAYS = 5_000
"""In how many ways a pattern may be tried on one number."""

_MOST_REPEATS = 255
_MOST_HEADS = 64
_LONGEST_EXPRESSION = 1_000
_DEEPEST = 20
_PLAIN = frozenset(b'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 _-#@:,;=~&%!<>"/')
_ESCAPED = frozenset(b'+*.?()[]{}|^/#-@:,;=~&%!<>"')
_IN_CLASS = (_PLAIN | frozenset(b"+*.?(){}|")) - frozenset(b"-&~")
_DIGITS = frozenset(b"0123456789")
_ANY = frozenset(range(256)) - frozenset(b"\n")
_REPEAT = re.compile(r"\{(\d{1,3})(?:(,)(\d{1,3})?)?\}")
_RANGES = (_DIGITS, frozenset(b"abcdefghijklmnopqrstuvwxyz"), frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"))


@dataclass(frozen=True, slots=True)
class Matches:
    """What an expression can match: these numbers, and of those that begin so what `pattern` finds.

    `pattern` is in Python's syntax, for bytes; None when no number is begun with. An empty prefix begins
    every number.
    """

    exact: tuple[str, ...]
    prefixes: tuple[str, ...]
    pattern: str | None


def matches(expression: str) -> Matches | None:
    """Say what an expression can match; None when it is not decided here."""
    if len(expression) > _LONGEST_EXPRESSION or not expression.isascii() or expression[:1] in ("_", "/"):
        return None
    try:
        branches = _Reader(expression).whole()
    except _Undecidable:
        return None
    if sum(branch.ways for branch in branches) > _MOST_WAYS:
        return None
    exact: list[str] = []
    prefixes: list[str] = []
    for branch in branches:
        heads = _heads(branch.parts) if branch.start else _Heads((b"",), False)
        alone = branch.end and heads.whole
        (exact if alone else prefixes).extend(head.decode() for head in heads.texts)
    pattern = "|".join(branch.pattern for branch in branches) if prefixes else None
    return Matches(tuple(dict.fromkeys(exact)), tuple(dict.fromkeys(prefixes)), pattern)


class _Undecidable(Exception):  # noqa: N818 - what it is
    """Not of the subset."""


class _Heads(NamedTuple):
    """How the texts begin that some parts match; `whole`: these are the texts."""

    texts: tuple[bytes, ...]
    whole: bool


@dataclass(frozen=True, slots=True)
class _Repeated:
    """One byte of a set, so many times; `most` None: without end."""

    members: frozenset[int]
    least: int = 1
    most: int | None = 1

    @property
    def ways(self) -> int:
        most = LONGEST if self.most is None else min(self.most, LONGEST)
        return max(most - self.least, 0) + 1

    @property
    def pattern(self) -> str:
        times = {(1, 1): "", (0, 1): "?", (0, None): "*", (1, None): "+"}.get((self.least, self.most))
        if times is None:
            times = f"{{{self.least},{'' if self.most is None else self.most}}}"
        return _one_of(self.members) + times


@dataclass(frozen=True, slots=True)
class _Group:
    """One of some sequences, or perhaps nothing."""

    branches: tuple[tuple["_Part", ...], ...]
    optional: bool = False

    @property
    def ways(self) -> int:
        return sum(map(_ways, self.branches)) + self.optional

    @property
    def pattern(self) -> str:
        return f"(?:{'|'.join(map(_written, self.branches))}){'?' if self.optional else ''}"


_Part = _Repeated | _Group


@dataclass(frozen=True, slots=True)
class _Branch:
    """An alternative of the whole expression."""

    start: bool
    parts: tuple[_Part, ...]
    end: bool

    @property
    def ways(self) -> int:
        return _ways(self.parts) * (1 if self.start else LONGEST)

    @property
    def pattern(self) -> str:
        return f"{'^' if self.start else ''}{_written(self.parts)}{'$' if self.end else ''}"


def _ways(parts: Iterable[_Part]) -> int:
    # Cut, so that no huge numbers are multiplied.
    return reduce(lambda ways, part: min(ways * part.ways, _MOST_WAYS + 1), parts, 1)


def _written(parts: Iterable[_Part]) -> str:
    return "".join(part.pattern for part in parts)


def _one_of(members: frozenset[int]) -> str:
    if len(members) == 1:
        return re.escape(chr(*members))
    if members in (_ANY, _DIGITS):
        return "." if members == _ANY else "[0-9]"
    out = "^" if len(members) > 128 else ""
    listed = sorted(frozenset(range(256)) - members if out else members)
    return "[" + out + "".join(f"\\x{byte:02x}" for byte in listed) + "]"


def _heads(parts: Iterable[_Part]) -> _Heads:
    texts: tuple[bytes, ...] = (b"",)
    for part in parts:
        if isinstance(part, _Group):
            tails, whole = _group_heads(part)
        else:
            tails, whole = _repeated_heads(part)
        if len(texts) * len(tails) > _MOST_HEADS:
            return _Heads(texts, False)
        texts = tuple(text + tail for text in texts for tail in tails)
        if not whole:
            return _Heads(texts, False)
    return _Heads(texts, True)


def _group_heads(group: _Group) -> _Heads:
    found = [_heads(branch) for branch in group.branches]
    texts = [text for heads in found for text in heads.texts]
    if group.optional:
        texts.append(b"")
    return _Heads(tuple(dict.fromkeys(texts)), all(heads.whole for heads in found))


def _repeated_heads(part: _Repeated) -> _Heads:
    # Sets are not listed: a number range would fill an index with prefixes that the pattern excludes anyway.
    if len(part.members) > 1 or max(part.members) > 127:
        return _Heads((b"",), False)
    one = bytes(part.members)
    if part.most is None or part.most - part.least > _MOST_HEADS:
        return _Heads((one * part.least,), False)
    return _Heads(tuple(one * times for times in range(part.least, part.most + 1)), True)


class _Reader:
    """Reads an expression from left to right; raises _Undecidable."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def whole(self) -> tuple[_Branch, ...]:
        branches = [self._branch()]
        while self._took("|"):
            branches.append(self._branch())
        if self._at < len(self._text):
            raise _Undecidable
        return tuple(branches)

    def _branch(self) -> _Branch:
        start = self._took("^")
        parts = self._sequence(0)
        return _Branch(start, parts, self._took("$"))

    def _sequence(self, depth: int) -> tuple[_Part, ...]:
        parts: list[_Part] = []
        while self._at < len(self._text) and self._text[self._at] not in "|)$":
            parts.append(self._group(depth) if self._took("(") else self._repeated())
        return tuple(parts)

    def _group(self, depth: int) -> _Group:
        if depth == _DEEPEST:
            raise _Undecidable
        if self._took("?") and not self._took(":"):
            raise _Undecidable
        if self._peek() == "*":
            raise _Undecidable
        branches = [self._sequence(depth + 1)]
        while self._took("|"):
            branches.append(self._sequence(depth + 1))
        if not self._took(")"):
            raise _Undecidable
        optional = self._took("?")
        if optional:
            self._took("?")
        if self._peek() in tuple("?*+{"):
            raise _Undecidable
        return _Group(tuple(branches), optional)

    def _repeated(self) -> _Repeated:
        members = self._members()
        least, most = 1, 1
        counted = _REPEAT.match(self._text, self._at)
        if counted is not None:
            self._at = counted.end()
            least = int(counted[1])
            most = least if counted[2] is None else -1 if counted[3] is None else int(counted[3])
            if least > _MOST_REPEATS or most > _MOST_REPEATS or 0 <= most < least:
                raise _Undecidable
        elif self._took("?"):
            least, most = 0, 1
        elif self._took("*"):
            least, most = 0, -1
        elif self._took("+"):
            least, most = 1, -1
        else:
            if self._peek() == "{":
                raise _Undecidable
            return _Repeated(members)
        self._took("?")
        if self._peek() in tuple("?*+{"):
            raise _Undecidable
        return _Repeated(members, least, None if most < 0 else most)

    def _members(self) -> frozenset[int]:
        one = self._next()
        if one == "\\":
            return self._escaped()
        if one == ".":
            return _ANY
        if one == "[":
            return self._class()
        if ord(one) not in _PLAIN:
            raise _Undecidable
        return frozenset((ord(one),))

    def _escaped(self) -> frozenset[int]:
        one = self._next()
        if one == "d":
            return _DIGITS
        if ord(one) not in _ESCAPED:
            raise _Undecidable
        return frozenset((ord(one),))

    def _class(self) -> frozenset[int]:
        out = self._took("^")
        members: frozenset[int] = frozenset()
        while (one := self._next()) != "]":
            if one == "\\":
                members |= self._escaped()
                if self._peek() == "-":
                    raise _Undecidable
                continue
            first = ord(one)
            if first not in _IN_CLASS:
                raise _Undecidable
            if self._peek() != "-":
                members |= {first}
                continue
            self._next()
            last = ord(self._next())
            if not any(first in some and last in some for some in _RANGES) or last < first:
                raise _Undecidable
            members |= frozenset(range(first, last + 1))
        if not members:
            raise _Undecidable
        return frozenset(range(256)) - members if out else members

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _next(self) -> str:
        if self._at == len(self._text):
            raise _Undecidable
        self._at += 1
        return self._text[self._at - 1]

    def _took(self, one: str) -> bool:
        if self._text.startswith(one, self._at):
            self._at += 1
            return True
        return False
