"""Who is registered with a profile: asking, and dropping.

``sofia status profile P reg`` reads the profile's own table. ``show registrations`` reads the core's: it is
written later, and unless multiple-registrations is set it holds one phone a user (switch_core_sqldb.c,
switch_core_add_registration). ``xmlstatus`` prints Call-IDs unescaped, and they are the phones' own words;
here every value ends with its line.
"""

import re
from dataclasses import dataclass
from typing import ClassVar

from esl import names
from esl.commands import Command
from esl.errors import CommandRejected, UnexpectedReply

_LINE = "=" * 97
_HEAD = f"\nRegistrations:\n{_LINE}\n"
_TAIL = re.compile(rf"Total items returned: (\d+)\n{_LINE}\n")
_LABELS = (
    *("Call-ID", "User", "Contact", "Agent", "Status", "Ping-Status", "Ping-Time"),
    *("Host", "IP", "Port", "Auth-User", "Auth-Realm", "MWI-Account"),
)
_STATUS = re.compile(r"(.*) EXP\(.*\) EXPSECS\((-?\d+)\)")


@dataclass(frozen=True, slots=True)
class Registration:
    """One phone of a user. ``expires_in`` in seconds; ``ping_status`` is what OPTIONS last showed.

    ``ip`` and ``port``: where it registered from, as the node saw it; all else is what it said itself.
    """

    profile: str
    user: str
    domain: str
    call_id: str
    contact: str
    agent: str
    status: str
    expires_in: int
    ping_status: str
    ip: str
    port: str
    auth_user: str
    auth_realm: str


@dataclass(frozen=True, slots=True)
class Registrations(Command[tuple[Registration, ...] | None]):
    """Those with one profile, of one user (``USER@DOMAIN``) or of all; None when there is no such profile."""

    profile: str
    user: str | None = None

    background: ClassVar[bool] = True

    def __post_init__(self) -> None:
        names.word(self.profile, "profile's name")
        if self.user is not None:
            _one_user(self.user)

    @property
    def line(self) -> str:
        """The line."""
        which = "reg" if self.user is None else f"user {self.user}"
        return f"sofia status profile {self.profile} {which}"

    def read(self, reply: str) -> tuple[Registration, ...] | None:
        """All of them; an incomplete or unreadable list is UnexpectedReply, never a short list."""
        if reply.strip() == "Invalid Profile!":
            return None
        if not reply.startswith(_HEAD):
            raise self._failed(reply)
        *records, tail = reply.removeprefix(_HEAD).split("\n\n")
        total = _TAIL.fullmatch(tail)
        if total is None or int(total[1]) != len(records):
            raise UnexpectedReply(self.shown, f"not a whole list: {tail[:200]}")
        return tuple(self._record(record) for record in records)

    def _record(self, text: str) -> Registration:
        fields = [line.partition("\t") for line in text.split("\n")]
        values = {label.rstrip().removesuffix(":"): value for label, _, value in fields}
        status = _STATUS.fullmatch(values.get("Status", ""))
        if len(fields) != len(_LABELS) or tuple(values) != _LABELS or status is None:
            raise UnexpectedReply(self.shown, f"not a registration: {text[:200]}")
        user, _, domain = values["User"].rpartition("@")
        return Registration(
            profile=self.profile,
            user=user,
            domain=domain,
            call_id=values["Call-ID"],
            contact=values["Contact"],
            agent=values["Agent"],
            status=status[1],
            expires_in=int(status[2]),
            ping_status=values["Ping-Status"],
            ip=values["IP"],
            port=values["Port"],
            auth_user=values["Auth-User"],
            auth_realm=values["Auth-Realm"],
        )


@dataclass(frozen=True, slots=True)
class DropRegistrations(Command[None]):
    """Forgets every registration of a user with a profile; the phone is not told, and may register again.

    The user always has a name and a domain: a domain alone would drop all of it, and nothing everybody
    (sofia_reg.c:763, sofia_reg_expire_call_id). The reply is the same when there was none.
    """

    profile: str
    user: str

    background: ClassVar[bool] = True

    def __post_init__(self) -> None:
        names.word(self.profile, "profile's name")
        _one_user(self.user)

    @property
    def line(self) -> str:
        """The line."""
        return f"sofia profile {self.profile} flush_inbound_reg {self.user}"

    def read(self, reply: str) -> None:
        """Nothing, or CommandFailed."""
        if reply.strip() != "+OK flushing all registrations matching specified call_id":
            raise self._failed(reply)


def _one_user(text: str) -> None:
    name, at, domain = names.word(text, "user").partition("@")
    if not (name and at and domain) or "@" in domain:
        raise CommandRejected(f"not USER@DOMAIN: {text[:80]!r}")
