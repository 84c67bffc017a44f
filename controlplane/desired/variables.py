"""`$${name}` in what operators write, and the variables by which it is replaced.

What a node's variables define is replaced by us; the rest is left for FreeSWITCH, which knows
variables of its own. A value that was put in is never looked through again.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from controlplane.desired.values import Acl, Params, SecretRef, Stored, Variable

REFERENCE = re.compile(r"\$\$\{([\w.\-]+)\}", re.ASCII)

Variables = Mapping[str, Stored[Variable]]
"""A node's, by name."""


def refers(text: str) -> bool:
    """Say whether a text may hold a reference: cheap, and right for most, which hold none."""
    return "$${" in text


def referred(texts: Iterable[str]) -> frozenset[str]:
    """Give the names that these texts refer to."""
    return frozenset(name for text in texts if refers(text) for name in REFERENCE.findall(text))


def replaced(text: str, variables: Variables, through: Callable[[str], str] = str) -> str:
    """Give the text with every defined reference replaced by `through(value)`.

    A sealed value's place is taken by `sealed:ID@VERSION`, which tells two of them apart and says nothing.
    """
    if not (variables and refers(text)):
        return text

    def put(match: re.Match[str]) -> str:
        row = variables.get(match[1])
        if row is None:
            return match[0]
        value = row.value.value
        return through(f"sealed:{value}" if isinstance(value, SecretRef) else value)

    return REFERENCE.sub(put, text)


def texts_of(*lists: Params) -> Iterable[str]:
    """Give every value that stands in clear among these params."""
    return (param.value for params in lists for param in params if isinstance(param.value, str))


def texts_of_acl(acl: Acl) -> Iterable[str]:
    """Give what stands in a list's entries."""
    return (text for entry in acl.entries for text in (entry.cidr, entry.domain) if text is not None)


def acl_with(acl: Acl, variables: Variables) -> Acl:
    """Give the list as a node with these variables is told it."""
    if not (variables and any(map(refers, texts_of_acl(acl)))):
        return acl

    def put(text: str | None) -> str | None:
        return None if text is None else replaced(text, variables)

    entries = tuple(replace(entry, cidr=put(entry.cidr), domain=put(entry.domain)) for entry in acl.entries)
    return replace(acl, entries=entries)
