"""``userauth``: users of the directory who may log in, and what each may do (mod_event_socket.c:1767)."""

import hmac
from collections.abc import Iterable
from dataclasses import dataclass

from esl.switch.directory import Directory
from esl.switch.events import Caller

_ASKED = Caller("mod_event_socket.c", "parse_command", 1816)
_RUN_OTHERS = frozenset({"bgapi", "sched_api", "eval", "expand", "xml_wrap"})
_TRUE = frozenset({"yes", "on", "true", "t", "enabled", "active", "allow", "1"})


@dataclass(frozen=True, slots=True)
class Rights:
    """What a connection may run and hear, as the user's params say it; None: everything."""

    api: str | None = None
    events: str | None = None
    log: bool = True

    @property
    def told(self) -> str:
        """The headers that the accepted login is answered with."""
        return (
            f"Allowed-Events: {self.events or 'all'}\nAllowed-API: {self.api or 'all'}\n"
            f"Allowed-LOG: {'true' if self.log else 'false'}"
        )

    def may_run(self, command: str) -> bool:
        """Whether an api command may be run, and what it runs in turn."""
        if self.api is None:
            return True
        allowed = set(_listed(self.api))
        for word in command.split():
            if word not in allowed:
                return False
            if word.lower() not in _RUN_OTHERS:
                break
        return True

    def may_hear(self, names: Iterable[str]) -> bool:
        """Whether all of these may be subscribed to; ALL holds no subclass of CUSTOM."""
        if self.events is None:
            return True
        kinds, subclasses = _parted(_listed(self.events))
        wanted, within = _parted(names)
        return ("ALL" in kinds or wanted <= kinds) and within <= subclasses


async def log_in(directory: Directory, who: str) -> Rights | None:
    """What ``user@domain:password`` may do; None: it is not let in."""
    name, _, rest = who.partition("@")
    domain, _, password = rest.partition(":")
    if ":" in name:
        name, _, password = name.partition(":")
    if not name or not domain:
        return None
    user = await directory.asked("id", name, domain, _ASKED, (("action", "event_socket_auth"),))
    if user is None:
        return None
    params = {
        str(each.get("name", "")).lower(): each.get("value", "") for each in user.iterfind("params/param")
    }
    known = params.get("esl-password", "")
    if not known or not password or not hmac.compare_digest(known.encode(), password.encode()):
        return None
    log = params.get("esl-allowed-log", "true").lower() in _TRUE
    return Rights(params.get("esl-allowed-api"), params.get("esl-allowed-events"), log)


def _listed(text: str) -> list[str]:
    return text.split(" " if " " in text else ",")


def _parted(names: Iterable[str]) -> tuple[set[str], set[str]]:
    """Events, and behind CUSTOM the subclasses."""
    kinds: set[str] = set()
    subclasses: set[str] = set()
    for name in names:
        if "CUSTOM" in kinds:
            subclasses.add(name)
        else:
            kinds.add(name.upper())
    return kinds, subclasses
