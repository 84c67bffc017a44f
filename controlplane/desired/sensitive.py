"""Which params hold passwords, judged by their names and, for addresses, by their values."""

import re
from functools import lru_cache

# `a1-hash` is as good as the password (RFC 7616, section 5.6 on password files).
_ANYWHERE = ("password", "passwd", "passphrase", "passcode", "secret")
_WORDS = frozenset({"pwd", "psk", "ha1", "a1hash", "apikey", "credential", "credentials", "cred", "creds"})
_ENDINGS = (
    ("pass",),
    ("pin",),
    ("token",),
    ("a1", "hash"),
    ("api", "key"),
    ("auth", "key"),
    ("access", "key"),
)
_HARMLESS = frozenset({"allow-empty-password", "disallow-empty-password"})

# odbc-dsn is DSN:USER:PASSWORD; others are URLs and KEY=VALUE lists.
_IN_VALUE = re.compile(
    r"""://[^/\s:@]*:[^/\s@]+@ | (?:^|[\s;?&,"'/])(?:password|passwd|pwd)\s*=""", re.IGNORECASE | re.VERBOSE
)
_DSN = re.compile(r"(?!\w+://)[^:/\s]+:[^:/\s]*:[^/\s]+")


@lru_cache(maxsize=4096)
def sensitive_name(name: str) -> bool:
    """Say whether a param, variable or attribute of this name holds a password."""
    name = name.lower()
    if any(part in name for part in _ANYWHERE):
        return name.replace("_", "-") not in _HARMLESS
    words = tuple(re.split(r"[-_.\s]+", name))
    return not _WORDS.isdisjoint(words) or any(words[-len(ending) :] == ending for ending in _ENDINGS)


def sensitive(name: str, value: str) -> bool:
    """Say whether a param of this name and value is to be sealed."""
    if sensitive_name(name):
        return True
    if "dsn" in name.lower() and _DSN.fullmatch(value) is not None:
        return True
    return _IN_VALUE.search(value) is not None
