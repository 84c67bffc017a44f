"""What a rescan does to a running SIP profile, and what only its restart does.

A rescan runs the same parser over `<settings>` as a start (sofia.c, config_sofia), so that most
parameters are taken over at once. Not so those that are read only while the profile's user agent,
its database and its threads are made (sofia.c, sofia_profile_thread_run). And a parameter that is
not there any more keeps its value: the parser resets none but a few.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import TypeAlias

from controlplane.observed.values import WantedProfile

Baseline: TypeAlias = Mapping[str, str]
"""What a running profile goes by: a digest for each parameter, alias and domain in force."""

AT_START: frozenset[str] = frozenset(
    {
        # addresses and ports: a rescan changes what is displayed, not what is bound
        "sip-ip",
        "sip-port",
        "ext-sip-ip",
        "ext-sip-port",
        "bind-params",
        "bind-attempts",
        "bind-attempt-interval",
        "sip-domain",
        "alias",
        "ws-binding",
        "wss-binding",
        # nua_create
        "tls",
        "tls-only",
        "tls-bind-params",
        "tls-sip-port",
        "tls-cert-dir",
        "tls-passphrase",
        "tls-verify-date",
        "tls-verify-depth",
        "tls-verify-policy",
        "tls-verify-in-subjects",
        "tls-ciphers",
        "tls-version",
        "tls-timeout",
        "tls-orq-connect-timeout",
        "timer-t1",
        "timer-t1x64",
        "timer-t2",
        "timer-t4",
        "disable-srv",
        "disable-naptr",
        "disable-srv503",
        "tcp-pingpong",
        "tcp-ping2pong",
        "tcp-keepalive",
        "socket-tcp-keepalive",
        "outbound-proxy",
        "enable-compact-headers",
        "reuse-connections",
        "ndlb-force-rport",
        "sip-trace",
        # nua_set_params, once
        "user-agent-string",
        "session-timeout",
        "minimum-session-expires",
        "enable-timer",
        "enable-100rel",
        "enable-rfc-5626",
        "allow-update",
        "max-proceeding",
        "max-recv-requests-per-second",
        "manage-presence",
        "manage-shared-appearance",
        "disable-transfer",
        "disable-register",
        # the profile's database and threads
        "dbname",
        "odbc-dsn",
        "db-spin-up-wait-ms",
        "db-pre-trans-execute",
        "db-post-trans-execute",
        "db-inner-pre-trans-execute",
        "db-inner-post-trans-execute",
        "inbound-reg-in-new-thread",
        # lists and flags that a rescan adds to, without clearing them first
        "apply-candidate-acl",
        "vad",
        "media-option",
        "auto-rtp-bugs",
        "manual-rtp-bugs",
        "manual-video-rtp-bugs",
        # turned on by a rescan, and off by none (sofia.c:4750)
        "sip-capture",
    }
)
"""Parameters, in lower case as the parser compares them, that wait for the profile's next start."""

RESET: frozenset[str] = frozenset(
    {
        # sofia.c, config_sofia: what a rescan clears before it reads the settings
        "apply-inbound-acl",
        "apply-nat-acl",
        "apply-register-acl",
        "apply-proxy-acl",
        "shutdown-on-fail",
        "rtp-ip",
        "pass-callee-id",
    }
)
"""Parameters whose absence a rescan takes over."""

_ALIAS = "<alias>"
_DOMAIN = "<domain>"


def in_force(profile: WantedProfile) -> dict[str, str]:
    """The baseline of a profile that was started with these settings."""
    held: dict[str, list[str]] = {}
    for param in profile.params:
        held.setdefault(param.name.lower(), []).append(str(param.value))
    baseline = {name: _digest(values) for name, values in held.items()}
    baseline |= {f"{_ALIAS} {alias}": "" for alias in profile.aliases}
    baseline |= {
        f"{_DOMAIN} {domain.name}": f"alias={domain.alias} parse={domain.parse}" for domain in profile.domains
    }
    return baseline


def needs_rescan(running: Baseline, profile: WantedProfile) -> bool:
    """Whether a rescan would bring the profile nearer to what it should be."""
    return after_rescan(running, profile) != dict(running)


def needs_restart(running: Baseline, profile: WantedProfile) -> tuple[str, ...]:
    """What only a restart of the profile takes over, sorted: parameter names, aliases and domains."""
    wanted = in_force(profile)
    return tuple(sorted(name for name in running.keys() | wanted.keys() if _waits(name, running, wanted)))


def after_rescan(running: Baseline, profile: WantedProfile) -> dict[str, str]:
    """The baseline once a rescan has been through."""
    wanted = in_force(profile)
    waiting = {name for name in running.keys() | wanted.keys() if _waits(name, running, wanted)}
    return {name: mark for name, mark in wanted.items() if name not in waiting} | {
        name: running[name] for name in waiting if name in running
    }


def written(baseline: Baseline) -> str:
    """As it is kept between runs."""
    return json.dumps(dict(sorted(baseline.items())), separators=(",", ":"))


def read(text: str) -> dict[str, str]:
    """Read what `written` wrote."""
    held: dict[str, str] = json.loads(text)
    return held


def _waits(name: str, running: Baseline, wanted: Baseline) -> bool:
    if running.get(name) == wanted.get(name):
        return False
    if name.startswith((_ALIAS, _DOMAIN)):
        # New ones are added; those that are there already are left as they are.
        return name in running
    return name in AT_START or (name not in wanted and name not in RESET)


def _digest(values: list[str]) -> str:
    """A secret stands here as its reference, never as its text."""
    return hashlib.sha256("\n".join(values).encode()).hexdigest()[:16]
