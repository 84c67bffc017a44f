"""HTTP Digest (RFC 7616), quality `auth`: texts and sums, nothing that is remembered."""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass

from controlplane.desired.values import Scheme

REALM = "controlplane"
ALGORITHMS: Mapping[str, Scheme] = {"SHA-256": Scheme.DIGEST_SHA256, "MD5": Scheme.DIGEST_MD5}
"""By the names of RFC 7616, section 6.1, the better first."""

_HASHES = {Scheme.DIGEST_SHA256: hashlib.sha256, Scheme.DIGEST_MD5: hashlib.md5}
_LONGEST = 8192
_PARAMETER = re.compile(r'\s*([A-Za-z0-9*_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*))\s*(?:,|$)')
_ESCAPED = re.compile(r"\\(.)")
_COUNT = re.compile(r"[0-9a-fA-F]{8}")


class BadDigest(Exception):  # noqa: N818 - what happened, not what it is
    """An Authorization header that is no Digest of the kind that we offer; the text says why."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What a caller shows instead of a password."""

    scheme: Scheme
    username: str
    realm: str
    nonce: str
    uri: str
    count: str
    cnonce: str
    response: str


def read(header: bytes) -> Proof:
    """Read what follows `Digest ` in an Authorization header; raises BadDigest."""
    found = _parameters(header)
    algorithm = found.get("algorithm", "MD5")
    scheme = ALGORITHMS.get(algorithm.upper())
    if scheme is None:
        raise BadDigest("uses an algorithm that is not offered")
    if found.get("qop") != "auth":
        raise BadDigest("has not the quality auth")
    if found.get("userhash", "false") != "false":
        raise BadDigest("hides the user name, which is not offered")
    if _COUNT.fullmatch(found.get("nc", "")) is None:
        raise BadDigest("has no count")
    try:
        return Proof(
            scheme,
            found["username"],
            found["realm"],
            found["nonce"],
            found["uri"],
            found["nc"],
            found["cnonce"],
            found["response"],
        )
    except KeyError as error:
        raise BadDigest(f"lacks {error.args[0]}") from None


def _parameters(header: bytes) -> dict[str, str]:
    if len(header) > _LONGEST:
        raise BadDigest("is too long")
    try:
        text = header.decode().strip()
    except UnicodeDecodeError:
        raise BadDigest("is not UTF-8") from None
    found: dict[str, str] = {}
    place = 0
    while place < len(text):
        match = _PARAMETER.match(text, place)
        if match is None:
            raise BadDigest("cannot be read")
        name, quoted, plain = match.groups()
        if name.lower() in found:
            raise BadDigest("says something twice")
        found[name.lower()] = plain if quoted is None else _ESCAPED.sub(r"\1", quoted)
        place = match.end()
    return found


def ha1(scheme: Scheme, username: str, password: str, realm: str = REALM) -> str:
    """Give what stands for the password, and is as good as it (RFC 7616, section 3.4.2)."""
    return _hash(scheme, f"{username}:{realm}:{password}")


def proves(proof: Proof, secret: str, method: str) -> bool:
    """Say whether the proof was made with this HA1, for a request of this method."""
    # libcurl sums up the method as it was set, for mod_xml_curl perhaps `post`; ours is in capitals.
    return any(
        hmac.compare_digest(_response(proof, secret, each).encode(), proof.response.lower().encode())
        for each in (method, method.lower())
    )


def _response(proof: Proof, secret: str, method: str) -> str:
    request = _hash(proof.scheme, f"{method}:{proof.uri}")
    return _hash(proof.scheme, f"{secret}:{proof.nonce}:{proof.count}:{proof.cnonce}:auth:{request}")


def _hash(scheme: Scheme, text: str) -> str:
    return _HASHES[scheme](text.encode(), usedforsecurity=False).hexdigest()


def challenge(algorithm: str, nonce: str, *, stale: bool) -> bytes:
    """Write the value of a WWW-Authenticate header."""
    told = ", stale=true" if stale else ""
    return f'Digest realm="{REALM}", qop="auth", algorithm={algorithm}, nonce="{nonce}"{told}'.encode()
