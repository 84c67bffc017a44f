"""A gateway: what it was told, and the states it goes through (sofia_reg.c, sofia_reg_check_gateway).

The stand-in has no carrier. An imaginary one registers everybody, except who names himself
`fail` (answered 403) or `timeout` (not answered): those two usernames are the rule, as in the
recordings.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lxml import etree

OK, FORBIDDEN, SILENCE = "ok", "fail", "timeout"


@dataclass(eq=False, slots=True)
class Gateway:
    """One gateway of one profile. Times are the loop's; ``due`` is when its state is looked at again.

    ``variables`` are the inbound ones, ``outbound`` the others; one without a direction is both.
    """

    name: str
    profile: str
    params: Mapping[str, str]
    variables: Mapping[str, str] = field(default_factory=dict)
    outbound: Mapping[str, str] = field(default_factory=dict)
    state: str = "UNREGED"
    up: bool = False
    up_since: float | None = None
    deleted: bool = False
    due: float | None = None
    retry_at: float | None = None
    failures: int = 0
    failure: tuple[int, str] | None = None
    network: tuple[str, str] | None = None

    @property
    def registers(self) -> bool:
        """False is a gateway of state NOREG, all its life."""
        return self.params.get("register", "true").lower() in ("true", "yes", "on", "1", "enabled")

    @property
    def username(self) -> str:
        """Who registers."""
        return self.params.get("username", "")

    @property
    def proxy(self) -> str:
        """Where calls go; host and perhaps port."""
        return self.params.get("proxy") or self.realm

    @property
    def realm(self) -> str:
        """Where he is known."""
        return self.params.get("realm") or self.params.get("proxy") or self.name

    @property
    def address(self) -> str:
        """The address of record."""
        host = self.params.get("from-domain") or self.realm
        return f"sip:{self.params.get('from-user') or self.username}@{host}"

    @property
    def carrier(self) -> str:
        """How the imaginary carrier answers this gateway's REGISTER."""
        return self.username if self.username in (FORBIDDEN, SILENCE) else OK

    def seconds(self, name: str, default: int) -> int:
        """A parameter that counts seconds."""
        value = self.params.get(name, "")
        return int(value) if value.isdecimal() else default

    def set_up(self, up: bool, now: float) -> None:
        """The status: UP or DOWN."""
        if up and not self.up:
            self.up_since = now
        elif not up:
            self.up_since = None
        self.up = up

    def state_headers(self) -> list[tuple[str, str]]:
        """What ``sofia::gateway_state`` tells."""
        told = [
            ("Gateway", self.name),
            ("State", self.state),
            ("Ping-Status", "UP" if self.up else "DOWN"),
        ]
        if self.network is not None:
            told += [("Register-Network-IP", self.network[0]), ("Register-Network-Port", self.network[1])]
        return told

    def reached(self) -> None:
        """The carrier answered: from there."""
        host, _, port = self.proxy.partition(";")[0].partition(":")
        self.network = (host if host.replace(".", "").isdecimal() else "127.0.0.1", port or "5060")

    def retry_after(self) -> int:
        """Seconds till a failed registration is tried again (sofia_reg.c, REG_STATE_FAILED)."""
        base = self.seconds("retry-seconds", 30)
        status = self.failure[0] if self.failure else 0
        return base if status in (503, 908) or self.failures < 1 else base * self.failures


def read_gateway(element: etree._Element, profile: str) -> Gateway:
    """A ``<gateway>`` as sofia.c reads it: of two parameters with one name the last counts."""
    inbound: dict[str, str] = {}
    outbound: dict[str, str] = {}
    for variable in element.iterfind("variables/variable"):
        name, value = variable.get("name", ""), variable.get("value", "")
        direction = variable.get("direction", "").lower()
        if direction != "outbound":
            inbound[name] = value
        if direction != "inbound":
            outbound[name] = value
    gateway = Gateway(element.get("name", ""), profile, params(element), inbound, outbound)
    if not gateway.registers:
        gateway.state = "NOREG"
    return gateway


def params(element: etree._Element, path: str = "param") -> dict[str, str]:
    """Its ``<param name= value=>`` children."""
    return {each.get("name", ""): each.get("value", "") for each in element.iterfind(path)}
