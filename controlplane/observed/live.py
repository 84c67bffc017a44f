"""What nodes tell of themselves by events and heartbeats, while we are connected to them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from controlplane.observed.drift import UNWELL
from controlplane.observed.read import Asks, ask_all
from esl.link import NodeEvent
from esl.queries import GatewayStatuses, Modules, Profiles
from esl.status import GatewayStatus, ProfileSummary


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The last one, which came `at`. `uptime`, and `clock_ahead` of ours, in seconds; `idle_cpu` in percent.

    An event takes its time to come, so a clock that is right seems to be a little behind.
    """

    at: datetime
    uptime: float
    sessions: int
    max_sessions: int
    sessions_per_second: int
    sessions_since_start: int
    idle_cpu: float
    clock_ahead: float


@dataclass(frozen=True, slots=True)
class LiveGateway:
    """`state` is FreeSWITCH's word. `since`: when that last changed; None: not since we are connected."""

    name: str
    profile: str
    state: str
    up: bool
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class LiveProfile:
    """`since` as of a gateway."""

    name: str
    state: str
    since: datetime | None = None


@dataclass(slots=True)
class Facts:
    """What is known of a node now.

    `modules` None: not asked yet. `asked_anew`: at which heartbeat all this was asked for last.
    """

    heartbeat: Heartbeat | None = None
    profiles: dict[str, LiveProfile] = field(default_factory=dict)
    gateways: dict[str, LiveGateway] = field(default_factory=dict)
    modules: frozenset[str] | None = None
    asked_anew: datetime | None = None

    def lacking(self) -> bool:
        """Whether a gateway was added that has told no state since: one that does not register never does."""
        return any(not each.state for each in self.gateways.values())

    def ailing(self) -> str:
        """What of it does not work, in words; empty when nothing is known to."""
        unwell = [each for each in self.gateways.values() if each.state in UNWELL]
        failed = [each for each in self.profiles.values() if each.state == _FAILED]
        said = [f"profile {each.name} could not start" for each in failed]
        said += [f"gateway {each.name} is {each.state}" for each in unwell]
        return "; ".join(said[:_TOLD]) + (f" and {len(said) - _TOLD} more" if len(said) > _TOLD else "")


ANEW = timedelta(minutes=5)
_FAILED = "FAILED"
_TOLD = 3


class Live:
    """Keeps facts of connected nodes: asked when the link came up, and kept up by events since.

    They are asked for anew at the first heartbeat, for a node takes connections before it has loaded all its
    modules, and at times from then on, for modules come and go unheard. Belongs to the event loop's
    thread. Of a node that is away nothing is known.
    """

    def __init__(self) -> None:
        self._facts: dict[str, Facts] = {}

    def of(self, node: str) -> Facts:
        """What is known of the node."""
        return self._facts.get(node) or Facts()

    def gone(self, node: str) -> None:
        """The link went, or another one came up: what was known is known no more."""
        self._facts.pop(node, None)

    async def look(self, fleet: Asks, node: str) -> None:
        """Ask for everything; raises the EventSocketError of the first command that failed."""
        facts = self._facts.setdefault(node, Facts())
        profiles, gateways = await ask_all(fleet, node, [Profiles(), GatewayStatuses()])
        if self._facts.get(node) is facts:
            _fill(facts, profiles, gateways, datetime.now(UTC))
        [facts.modules] = await ask_all(fleet, node, [Modules()])

    def heard(self, event: NodeEvent) -> bool:
        """An event came; whether it is time to `look` again."""
        facts = self._facts.setdefault(event.node, Facts())
        told, at = event.headers, event.at
        match event.subclass or event.name:
            case "HEARTBEAT":
                facts.heartbeat = _heartbeat(told, at) or facts.heartbeat
                if facts.asked_anew is None or at - facts.asked_anew >= ANEW or facts.lacking():
                    facts.asked_anew = at
                    return True
            case "sofia::gateway_state":
                name = told.get("Gateway", "")
                before = facts.gateways.get(name, LiveGateway(name, "", "", up=False))
                state = told.get("State", before.state)
                up = told["Ping-Status"] == "UP" if "Ping-Status" in told else before.up
                since = before.since if state == before.state else at
                facts.gateways[name] = replace(before, state=state, up=up, since=since)
            case "sofia::gateway_add":
                name = told.get("Gateway", "")
                made = LiveGateway(name, told.get("profile-name", ""), "", up=False, since=at)
                facts.gateways.setdefault(name, made)
            case "sofia::gateway_delete":
                facts.gateways.pop(told.get("Gateway", ""), None)
            case "sofia::profile_start":
                name = told.get("profile_name", "")
                facts.profiles[name] = LiveProfile(name, "RUNNING", at)
            case "FAILURE":
                name = told.get("profile_name", "")
                facts.profiles[name] = LiveProfile(name, _FAILED, at)
            case "UNPUBLISH":
                facts.profiles.pop(told.get("profile_name", ""), None)
        return False


def _fill(
    facts: Facts, profiles: Sequence[ProfileSummary], gateways: Iterable[GatewayStatus], now: datetime
) -> None:
    """Take over what was read; since when a state is, events alone know, but for how long one is up."""
    before = facts.gateways
    facts.gateways = {}
    for each in gateways:
        heard = before.get(each.name)
        since = heard.since if heard is not None and heard.state == each.state else None
        if since is None and each.up and each.uptime_usec:
            since = now - timedelta(microseconds=each.uptime_usec)
        # The list begins with the newest of a name.
        made = LiveGateway(each.name, each.profile, each.state, each.up, since)
        facts.gateways.setdefault(each.name, made)
    known = facts.profiles
    facts.profiles = {
        each.name: LiveProfile(each.name, each.state, known[each.name].since if each.name in known else None)
        for each in profiles
    }


def _heartbeat(told: Mapping[str, str], at: datetime) -> Heartbeat | None:
    """None for one that lacks what every heartbeat has, as an event that was made up does."""
    try:
        stamp = int(told["Event-Date-Timestamp"]) / 1_000_000
        return Heartbeat(
            at=at,
            uptime=int(told["Uptime-msec"]) / 1000,
            sessions=int(told["Session-Count"]),
            max_sessions=int(told["Max-Sessions"]),
            # Session-Per-Sec is how many more may begin within this second (switch_core.c, runtime.sps).
            sessions_per_second=int(told["Session-Per-Sec-Last"]),
            sessions_since_start=int(told["Session-Since-Startup"]),
            idle_cpu=float(told["Idle-CPU"]),
            clock_ahead=stamp - at.timestamp(),
        )
    except (KeyError, ValueError):
        return None
