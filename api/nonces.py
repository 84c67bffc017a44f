"""Nonces for HTTP Digest: signed, so that none need be remembered before it is used, and short-lived."""

import base64
import binascii
import hmac
import secrets
import struct
import time
from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha256

# Seconds; libcurl answers a challenge at once, on the same connection.
LIFETIME = 30.0
# Used nonces remembered at once, for the time that they live: some 1000 lookups a second.
MOST_USED = 30_000

_CLAIM = struct.Struct(">d8s")
_SIGNATURE = 16


class Nonces:
    """Makes nonces, and takes each of them once for each count.

    Invariant: what was taken is never taken again. When more are used within their lifetime than are
    remembered, all that are as old as a forgotten one have ended.
    """

    def __init__(
        self,
        *,
        lifetime: float = LIFETIME,
        most: int = MOST_USED,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lifetime = lifetime
        self._most = most
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._used: OrderedDict[bytes, tuple[float, int]] = OrderedDict()
        self._ended = -1.0

    def __len__(self) -> int:
        return len(self._used)

    def new(self) -> str:
        """Make a nonce."""
        claim = _CLAIM.pack(self._clock(), secrets.token_bytes(8))
        return base64.urlsafe_b64encode(claim + self._sign(claim)).decode()

    def take(self, nonce: str, count: int) -> bool:
        """Say whether the nonce is ours, lives, and was not taken with this count or a higher one."""
        try:
            token = base64.urlsafe_b64decode(nonce.encode())
        except (binascii.Error, ValueError):
            return False
        claim, signature = token[: _CLAIM.size], token[_CLAIM.size :]
        if len(claim) != _CLAIM.size or not hmac.compare_digest(signature, self._sign(claim)):
            return False
        made: float = _CLAIM.unpack(claim)[0]
        if made <= self._ended or self._clock() - made > self._lifetime:
            return False
        # By the claim: base64 has several spellings of the same bytes.
        _, before = self._used.get(claim, (made, 0))
        if count <= before:
            return False
        self._used[claim] = (made, count)
        self._forget()
        return True

    def _forget(self) -> None:
        oldest = self._clock() - self._lifetime
        while self._used:
            made, _ = next(iter(self._used.values()))
            if made >= oldest and len(self._used) <= self._most:
                return
            self._used.popitem(last=False)
            self._ended = max(self._ended, made)

    def _sign(self, claim: bytes) -> bytes:
        return hmac.digest(self._key, claim, sha256)[:_SIGNATURE]
