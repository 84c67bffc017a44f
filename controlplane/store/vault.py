"""Sealing: secrets are readable only with the key file, which lies outside of the database.

One key of 32 random bytes; every use has a key of its own, derived with HKDF (RFC 5869), so
that none tells of another. Sealing is AES-256-GCM with a random nonce; what a sealed value
is and where it stands is bound to it as associated data, so that moving one is noticed.
"""

import base64
import binascii
import os
import secrets
import stat
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from controlplane.store.errors import KeyFileError, SealBroken

KEY_BYTES = 32
_NONCE_BYTES = 12
_FORMAT = b"\x01"


class Vault:
    """Seals and opens texts with the keys derived from one key file. Safe to use from any thread."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise KeyFileError(f"a key has {KEY_BYTES} bytes, not {len(key)}")
        self._cipher = AESGCM(_derived(key, b"seal"))
        self._fingerprint_key = _derived(key, b"fingerprint")
        self._token_pepper = _derived(key, b"token")

    @classmethod
    def load(cls, path: Path) -> "Vault":
        """Read the key file, or make it when there is none; raises KeyFileError."""
        try:
            return cls(_read(path))
        except FileNotFoundError:
            _make(path)
            return cls(_read(path))

    def seal(self, text: str, place: str) -> bytes:
        """Seal a text for its place, such as `17@2` (the secret's id and version)."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return _FORMAT + nonce + self._cipher.encrypt(nonce, text.encode(), place.encode())

    def open(self, sealed: bytes, place: str) -> str:
        """Open what was sealed for that place; raises SealBroken."""
        if sealed[:1] != _FORMAT:
            raise SealBroken(f"the secret {place} is sealed in a way that is not known here")
        nonce, text = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        try:
            return self._cipher.decrypt(nonce, text, place.encode()).decode()
        except (InvalidTag, ValueError):
            raise SealBroken(
                f"the secret {place} does not open: it was sealed with another key file, or is damaged"
            ) from None

    def fingerprint_key(self) -> bytes:
        """Give the key of gateways' fingerprints."""
        return self._fingerprint_key

    def token_pepper(self) -> bytes:
        """Give the key under which tokens' digests are made."""
        return self._token_pepper


def _derived(key: bytes, use: bytes) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=b"freeswitch-controlplane/" + use).derive(key)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            text = file.read(1000)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise KeyFileError(f"the key file {path} cannot be read: {error.strerror}") from error
    if not stat.S_ISREG(status.st_mode):
        raise KeyFileError(f"the key file {path} is no file")
    if status.st_mode & 0o077:
        mode = stat.S_IMODE(status.st_mode)
        raise KeyFileError(f"the key file {path} is open to others (mode {mode:04o}): chmod 600 it")
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != KEY_BYTES:
        raise KeyFileError(f"the key file {path} does not hold a key: restore it from where you keep a copy")
    return key


def _make(path: Path) -> None:
    """Write a new key whole and to the disk, or not at all; one that another made meanwhile stands."""
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(base64.b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n")
                file.flush()
                os.fsync(file.fileno())
            os.link(fresh, path)
        finally:
            fresh.unlink()
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except FileExistsError:
        return
    except OSError as error:
        raise KeyFileError(f"the key file {path} cannot be made: {error.strerror}") from error
