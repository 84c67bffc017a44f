"""Versions over HTTP: `ETag`, `If-Match` and `If-None-Match` (RFC 9110, section 13).

A row's version is its entity tag, written `"3"`. A writer who sends it in `If-Match` is
told (412) when another writer was first.
"""

import re
from dataclasses import dataclass

from starlette.requests import Request

from api.problems import bad_request

_TAG = re.compile(r'"(\d{1,15})"')


@dataclass(frozen=True, slots=True)
class Precondition:
    """What must be so for a write to happen.

    `version`: the row has this version. `exists`: it is there (True), it is not there yet
    (False), or either (None).
    """

    version: int | None = None
    exists: bool | None = None


def etag(version: int) -> str:
    """Write a version as a strong entity tag."""
    return f'"{version}"'


def read(request: Request) -> Precondition:
    """Read both headers; raises `Problem` 400 for what we cannot honour."""
    match = request.headers.get("if-match")
    none_match = request.headers.get("if-none-match")
    if none_match is not None:
        if match is not None:
            raise bad_request("If-None-Match", "contradicts If-Match")
        if none_match.strip() != "*":
            raise bad_request("If-None-Match", 'a write takes only "*": make it, if it does not exist')
        return Precondition(exists=False)
    if match is None:
        return Precondition()
    if match.strip() == "*":
        return Precondition(exists=True)
    found = _TAG.fullmatch(match.strip())
    if found is None:
        raise bad_request("If-Match", 'takes one entity tag as it was given, such as "3", or *')
    return Precondition(version=int(found[1]), exists=True)


def unchanged(request: Request, version: int) -> bool:
    """Say whether the reader already holds this version (`If-None-Match` on a read: 304)."""
    held = request.headers.get("if-none-match", "")
    tags = {tag.strip().removeprefix("W/") for tag in held.split(",")}
    return etag(version) in tags or held.strip() == "*"
