"""What a stand-in switch is told when it is made."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

DOMAIN = "example.com"


@dataclass(frozen=True, slots=True)
class Timing:
    """How long things take. ``scale`` multiplies every duration FreeSWITCH has; heartbeat is in seconds."""

    scale: float = 1.0
    heartbeat: float = 20.0

    @classmethod
    def real(cls) -> "Timing":
        """As FreeSWITCH 1.11 does."""
        return cls()

    @classmethod
    def fast(cls) -> "Timing":
        """A hundred times as fast, for tests: a killed gateway is gone after about 15 ms."""
        return cls(scale=0.01, heartbeat=1.0)


def _nothing() -> Mapping[str, str]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class SwitchConfig:
    """One stand-in node.

    ``disk`` is what FreeSWITCH would find in its files: a whole document for each name, which is a
    configuration's name (``sofia.conf``) or a section's (``directory``, ``dialplan``).
    ``inbound_acl`` names the list that guards the Event Socket; None lets everybody in.
    """

    name: str = "fs1"
    password: str = field(default="ClueCon", repr=False)
    host: str = "127.0.0.1"
    port: int = 0
    xml_curl_url: str | None = None
    xml_curl_credentials: tuple[str, str] | None = field(default=None, repr=False)
    lookup_timeout: float = 10.0
    lookup_threads: int = 4
    timing: Timing = field(default_factory=Timing.fast)
    disk: Mapping[str, str] = field(default_factory=_nothing)
    variables: Mapping[str, str] = field(default_factory=_nothing)
    inbound_acl: str | None = None
    wait_for_backend: bool = False
    chatter: float | None = None
    version: str = "1.11.2-release"
