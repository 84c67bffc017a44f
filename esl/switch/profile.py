"""A running profile: its gateways, and the worker that looks at them once a second while any is due."""

import asyncio
from collections.abc import Mapping
from typing import NamedTuple

from esl.switch.core import Core
from esl.switch.events import Caller
from esl.switch.gateway import FORBIDDEN, OK, Gateway

_ADDED = Caller("sofia_reg.c", "sofia_reg_add_gateway", 3723)
_STATE = Caller("sofia_reg.c", "sofia_reg_fire_custom_gateway_state_event", 156)
_DELETED = Caller("sofia_reg.c", "sofia_reg_check_gateway", 343)

_TICK = 1.0
# SIP's timer B: a REGISTER that nobody answers fails after 64 * T1.
_UNANSWERED = 32.0


class Phone(NamedTuple):
    """One registration."""

    user: str
    domain: str
    ip: str
    port: int


class Profile:
    """One profile that is up. ``gateways`` begin with the newest; a killed one stays till it is deleted.

    ``calls`` are the legs that stand on it (its ``inuse``).
    ``registry`` is the switch's: name -> the gateway that is found by it. A second gateway of the same
    name, on another profile, stands in its profile alone, and the carrier's answers reach the first.
    """

    def __init__(
        self, core: Core, name: str, settings: Mapping[str, str], registry: dict[str, Gateway]
    ) -> None:
        self.name = name
        self.settings = dict(settings)
        self.port = self.sip_port
        self.gateways: list[Gateway] = []
        self.aliases: set[str] = set()
        self.calls = 0
        self.phones: dict[str, Phone] = {}
        """Who is registered, by Call-ID."""
        self.worker: asyncio.Task[None] | None = None
        self._core = core
        self._registry = registry
        self._loop = asyncio.get_running_loop()
        self.started = self._loop.time()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def state(self) -> str:
        """A profile that is listed runs."""
        return "RUNNING"

    @property
    def sip_port(self) -> int:
        """As set; what is listened on is ``port``, till a restart."""
        value = self.settings.get("sip-port", "")
        return int(value) if value.isdecimal() else 5060

    @property
    def sip_ip(self) -> str:
        """Where it listens."""
        return self.settings.get("sip-ip", "127.0.0.1")

    @property
    def url(self) -> str:
        """Its own address."""
        return f"sip:mod_sofia@{self.sip_ip}:{self.sip_port}"

    def headers(self) -> list[tuple[str, str]]:
        """What events tell of a profile."""
        return [("module_name", "mod_sofia"), ("profile_name", self.name), ("profile_uri", self.url)]

    def age(self) -> float:
        """Seconds since its start, in FreeSWITCH's time."""
        return (self._loop.time() - self.started) / self._core.config.timing.scale

    # --- what is done to gateways -------------------------------------------------------------------

    def add(self, gateway: Gateway) -> None:
        """A gateway of this name on this profile is ignored by the caller; on another one it is doubled."""
        self.gateways.insert(0, gateway)
        if gateway.name not in self._registry:
            self._registry[gateway.name] = gateway
            told = [("Gateway", gateway.name), ("profile-name", self.name)]
            self._core.fire("CUSTOM", _ADDED, told, subclass="sofia::gateway_add")
        if gateway.state == "NOREG":
            gateway.set_up(True, self._loop.time())
        else:
            self._soon(gateway)

    def kill(self, gateway: Gateway) -> None:
        """Marks it; gone after 0.02-0.16 s without a registration, after 1.2-1.7 s with one."""
        if gateway.deleted:
            return
        gateway.deleted = True
        if self._registry.get(gateway.name) is gateway:
            del self._registry[gateway.name]
        if gateway.state == "NOREG":
            gateway.due = self._loop.time() + self._core.scaled(self._core.random.uniform(0.02, 0.16))
            self._schedule()
        else:
            gateway.retry_at = None
            gateway.state = "UNREGISTER"
            self._soon(gateway)

    def register(self, gateway: Gateway) -> None:
        """Registers anew."""
        gateway.retry_at = None
        gateway.state = "UNREGED"
        self._soon(gateway)

    def unregister(self, gateway: Gateway) -> None:
        """Takes the registration back; it stays DOWN then."""
        gateway.retry_at = None
        gateway.state = "UNREGISTER"
        self._soon(gateway)

    def end(self) -> None:
        """The profile stops: those without a registration go first, the others sign off and go."""
        self.halt()
        for gateway in [each for each in self.gateways if each.state == "NOREG"]:
            self._delete(gateway)
        for gateway in self.gateways:
            gateway.state = "DOWN"
            gateway.set_up(False, 0.0)
            self._tell(gateway)
        for gateway in list(self.gateways):
            self._delete(gateway)

    def halt(self) -> None:
        """Nothing more happens by itself."""
        if self._timer is not None:
            self._timer.cancel()

    # --- the worker ---------------------------------------------------------------------------------

    def _soon(self, gateway: Gateway) -> None:
        """At the next tick: the one that is due already, or one a while ahead."""
        now = self._loop.time()
        within = now + self._core.scaled(_TICK)
        others = [each for each in self.gateways if each is not gateway and each.state != "NOREG"]
        ahead = [each.due for each in others if each.due is not None and now < each.due <= within]
        delay = self._core.scaled(self._core.random.uniform(0.2, 0.7))
        gateway.due = min(ahead) if ahead else now + delay
        self._schedule()

    def _schedule(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        dues = [each.due for each in self.gateways if each.due is not None]
        self._timer = self._loop.call_at(min(dues), self._tick) if dues else None

    def _tick(self) -> None:
        now = self._loop.time()
        # A timer may fire a clock's resolution early.
        due = [each for each in self.gateways if each.due is not None and each.due <= now + 0.002]
        for gateway in due:
            gateway.due = None
        gone = [gateway for gateway in due if gateway.deleted and gateway.state in ("DOWN", "NOREG")]
        for gateway in gone:
            self._delete(gateway)
        asked = [gateway for gateway in due if gateway not in gone and self._step(gateway, now)]
        for gateway in asked:
            self._answer(gateway, now)
        self._schedule()

    def _step(self, gateway: Gateway, now: float) -> bool:
        """One state on; true if a REGISTER went out that is answered at once."""
        later = now + self._core.scaled(_TICK)
        match gateway.state:
            case "UNREGISTER":
                gateway.state, gateway.due = "DOWN", later
                gateway.set_up(False, now)
                self._tell(gateway)
            case "DOWN":
                # No OPTIONS go out to prove it wrong.
                if not gateway.seconds("ping", 0):
                    gateway.set_up(True, now)
            case "UNREGED" | "REGED":
                gateway.state = "TRYING"
                gateway.retry_at = now + self._core.scaled(gateway.seconds("retry-seconds", 30))
                self._tell(gateway)
                if gateway.carrier in (OK, FORBIDDEN):
                    return True
                gateway.due = now + self._core.scaled(_UNANSWERED)
            case "TRYING":
                self._fail(gateway, now, 408, "Request Timeout")
            case "REGISTER":
                gateway.state = "REGED"
                gateway.set_up(True, now)
                gateway.due = now + self._core.scaled(gateway.seconds("expire-seconds", 3600))
                self._tell(gateway)
            case "FAILED":
                gateway.set_up(False, now)
                gateway.state = "FAIL_WAIT"
                gateway.due = gateway.retry_at = now + self._core.scaled(gateway.retry_after())
                self._tell(gateway)
            case "FAIL_WAIT":
                gateway.state, gateway.due, gateway.retry_at = "UNREGED", later, None
                self._tell(gateway)
        return False

    def _answer(self, asking: Gateway, now: float) -> None:
        # The answer finds its gateway by name, so a second one of that name hears nothing.
        gateway = self._registry.get(asking.name, asking)
        if asking.carrier == FORBIDDEN:
            self._fail(gateway, now, 403, "Forbidden")
            return
        gateway.reached()
        gateway.state, gateway.retry_at, gateway.failures, gateway.failure = "REGISTER", None, 0, None
        self._tell(gateway, [("Phrase", "OK"), ("Status", "200")])
        gateway.due = now + self._core.scaled(_TICK)

    def _fail(self, gateway: Gateway, now: float, status: int, phrase: str) -> None:
        if status != 408:
            gateway.reached()
        gateway.state, gateway.failure = "FAILED", (status, phrase)
        self._tell(gateway, [("Phrase", phrase), ("Status", str(status))])
        gateway.failures += 1
        gateway.due = now + self._core.scaled(_TICK)

    def _delete(self, gateway: Gateway) -> None:
        self.gateways.remove(gateway)
        if self._registry.get(gateway.name) is gateway:
            del self._registry[gateway.name]
        told = [("profile-name", self.name), ("Gateway", gateway.name)]
        self._core.fire("CUSTOM", _DELETED, told, subclass="sofia::gateway_delete")

    def _tell(self, gateway: Gateway, more: list[tuple[str, str]] | None = None) -> None:
        told = [*gateway.state_headers(), *(more or [])]
        self._core.fire("CUSTOM", _STATE, told, subclass="sofia::gateway_state")
