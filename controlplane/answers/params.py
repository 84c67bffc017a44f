"""`<params>` and `<variables>`: written, and merged the way FreeSWITCH merges them."""

import hashlib
from collections.abc import Iterable, Mapping

from controlplane.answers.dialect import Escape, literal
from controlplane.desired.values import Param, Params, SecretRef, Text

Opened = Mapping[SecretRef, str]
"""The clear texts of the sealed values that a rendering needs."""


def refs(*lists: Params) -> set[SecretRef]:
    """The sealed values among these parameters."""
    return {param.value for params in lists for param in params if isinstance(param.value, SecretRef)}


def clear(value: Text, opened: Opened) -> str:
    """The text itself; KeyError for a sealed one that was not opened."""
    return opened[value] if isinstance(value, SecretRef) else value


def written(tag: str, params: Params, opened: Opened, text: Escape = literal) -> list[str]:
    """One line a parameter: `<tag name="..." value="..."/>`, with the direction where there is one."""
    return [
        f'<{tag} name="{literal(param.name)}" '
        f'value="{(literal if isinstance(param.value, SecretRef) else text)(clear(param.value, opened))}"'
        + (f' direction="{literal(param.direction)}"/>' if param.direction else "/>")
        for param in params
    ]


def container(name: str, tag: str, params: Params, opened: Opened, text: Escape = literal) -> list[str]:
    """`written` within `<name>`; nothing at all when there are none."""
    lines = written(tag, params, opened, text)
    return [f"<{name}>", *lines, f"</{name}>"] if lines else []


class Masked(str):
    """Stands for a text that is not told; nor is what would be made of it."""

    __slots__ = ()


def hashed(username: str, realm: str, password: str) -> str:
    """The a1-hash by which the switch checks a digest in place of the password (RFC 7616, 3.4.2)."""
    if isinstance(password, Masked):
        return password
    text = f"{username}:{realm}:{password}".encode(errors="surrogateescape")
    return hashlib.md5(text, usedforsecurity=False).hexdigest()


def merged(own: Params, below: Iterable[tuple[Params, bool]]) -> Params:
    """`own`, and of every list below what nothing above names (switch_xml.c, do_merge).

    Names compare without case; of a name repeated in a list below the first counts. A list marked False is
    one that the switch merges itself: it hides what is below it, but is not written here.
    """
    result = list(own)
    seen = {param.name.lower() for param in own}
    for params, wanted in below:
        for param in params:
            if param.name.lower() not in seen:
                seen.add(param.name.lower())
                if wanted:
                    result.append(param)
    return tuple(result)


def last(params: Params, name: str) -> Param | None:
    """The parameter that counts when a name is given more than once: the last."""
    return next((param for param in reversed(params) if param.name.lower() == name), None)
