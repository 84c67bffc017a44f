"""TLS of a listener: certificates from files, read again when these change, with no restart."""

import asyncio
import logging
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

log = logging.getLogger(__name__)

# Seconds between two looks at the files.
PERIOD = 5.0


class CannotEncrypt(Exception):  # noqa: N818 - what happened, not what it is
    """A certificate, its key or a CA cannot be used; the text says which files, and why."""


@dataclass(frozen=True, slots=True)
class Files:
    """PEM files. `client_ca`: who has signed the certificates of clients; None: clients need none."""

    certificate: Path
    key: Path
    client_ca: Path | None = None

    @property
    def all(self) -> Sequence[Path]:
        """Every file."""
        found = (self.certificate, self.key, self.client_ca)
        return [path for path in found if path is not None]


class Tls:
    """What a listener encrypts with.

    `context` is for the listener, for good. Each handshake is handed over to the context made last,
    so that a new certificate and a new list of CAs are taken whole, or, when they cannot be, not at all.
    """

    def __init__(self, files: Files, *, required: bool = False) -> None:
        """Read the files; blocks. `required`: clients without a certificate are not let in.

        Raises CannotEncrypt.
        """
        self._files = files
        self._required = required
        self._stamp = self._stamped()
        self.context = self._current = self._read()
        self.context.sni_callback = self._hand_over

    def reload(self, *, always: bool = False) -> bool:
        """Read the files again if they have changed; blocks. Gives whether; raises CannotEncrypt."""
        stamp = self._stamped()
        if stamp == self._stamp and not always:
            return False
        self._stamp = stamp
        self._current = self._read()
        return True

    def _hand_over(self, connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        connection.context = self._current

    def _read(self) -> ssl.SSLContext:
        files = self._files
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        # A resumed session would live on after its certificate was withdrawn; mod_xml_curl resumes none.
        context.options |= ssl.OP_NO_TICKET
        context.num_tickets = 0
        try:
            context.load_cert_chain(files.certificate, files.key, _no_password)
            if files.client_ca is not None:
                context.load_verify_locations(files.client_ca)
                context.verify_mode = ssl.CERT_REQUIRED if self._required else ssl.CERT_OPTIONAL
        except (OSError, ValueError) as error:
            names = ", ".join(map(str, files.all))
            reason = (isinstance(error, OSError) and error.strerror) or str(error)
            raise CannotEncrypt(f"TLS cannot be used with {names}: {reason}") from error
        return context

    def _stamped(self) -> list[tuple[int, int, int]]:
        try:
            stats = [path.stat() for path in self._files.all]
        except OSError as error:
            raise CannotEncrypt(f"{error.filename}: {error.strerror}") from error
        return [(stat.st_mtime_ns, stat.st_size, stat.st_ino) for stat in stats]


async def follow(tls: Sequence[Tls], told: asyncio.Event, *, period: float = PERIOD) -> None:
    """Have the files read again when they change, and whenever `told` is set; never ends.

    Files that cannot be used are told of in the log, and what was read before stays.
    """
    while True:
        try:
            async with asyncio.timeout(period):
                await told.wait()
        except TimeoutError:
            always = False
        else:
            told.clear()
            always = True
        for one in tls:
            try:
                if await asyncio.to_thread(one.reload, always=always):
                    log.info("certificates were read again")
            except CannotEncrypt as error:
                log.error("certificates stay as they were: %s", error)


def _no_password() -> str:
    raise ValueError("the key is encrypted")
