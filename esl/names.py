"""Which names may stand in a command line.

An Event Socket command is a line, and FreeSWITCH splits its arguments at blanks, with quotes and
backslashes as escapes (switch_utils.c, separate_string_blank_delim). A name that holds none of
these can be neither a second command nor a second argument.
"""

import ipaddress
import re

from esl.errors import CommandRejected

MAX_NAME = 255
"""Longest name, in characters."""
MAX_LINE = 8192
"""Longest command line, in UTF-8 bytes."""

_WORD = re.compile(r"""[^\s\x00-\x1f\x7f-\x9f\u2028\u2029'"\\`]+""")
_GATEWAY = re.compile(r"[\w.\-]+", re.ASCII)
_UNSENDABLE = re.compile(r"[\r\n\x00]")


def line(text: str) -> str:
    """``text`` if it is one command line, and no more. Raises CommandRejected."""
    if not text.strip():
        raise CommandRejected("an empty command")
    if _UNSENDABLE.search(text):
        raise CommandRejected("a command is one line: CR, LF and NUL are refused")
    if len(encoded(text)) > MAX_LINE:
        raise CommandRejected(f"a command line of more than {MAX_LINE} bytes")
    return text


def secret(text: str, what: str) -> str:
    """``text`` if it can be sent as a password. Raises CommandRejected, which does not show it."""
    if not text or _UNSENDABLE.search(text):
        raise CommandRejected(f"{what} is empty, or holds CR, LF or NUL")
    encoded(text)
    return text


def word(text: str, what: str) -> str:
    """``text`` if it is exactly one argument: no blanks, controls, quotes or backslashes."""
    if len(text) > MAX_NAME or not _WORD.fullmatch(text):
        raise CommandRejected(f"not a {what}: {text[:80]!r}")
    encoded(text)
    return text


def gateway(text: str) -> str:
    """``text`` if FreeSWITCH takes it as a gateway's name (sofia.c:3770) and it does not mean all of them."""
    if len(text) > MAX_NAME or not _GATEWAY.fullmatch(text) or text.lower() in ("_all_", "all"):
        raise CommandRejected(f"not a gateway's name: {text[:80]!r}")
    return text


def address(text: str) -> str:
    """``text`` if it is an IPv4 or IPv6 address."""
    try:
        return word(str(ipaddress.ip_address(text)), "IP address")  # a zone (fe80::1%zone) may hold blanks
    except CommandRejected:
        raise
    except ValueError:
        raise CommandRejected(f"not an IP address: {text[:80]!r}") from None


def encoded(text: str) -> bytes:
    """``text`` as it is sent. Raises CommandRejected for what UTF-8 cannot hold."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise CommandRejected("a command that is no text: lone surrogates") from None
