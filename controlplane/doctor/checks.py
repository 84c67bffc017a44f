"""What is judged of a node, from what was learned of it. Pure.

What could not be learned is said to be not checked, and never guessed.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import ip_address
from urllib.parse import urlsplit

from controlplane.doctor.disk import Binding, Disk
from controlplane.observed.node_status import Proof
from esl.link import Link, LinkState

CLOCK = 2.0
"""Seconds by which clocks may differ."""
NEAR = 0.5
"""Beyond this share of the node's timeout a lookup is slow."""
SECTIONS = ("configuration", "directory", "dialplan", "languages", "chatplan")

CURL = "autoload_configs/xml_curl.conf.xml"
GUARD = "autoload_configs/event_socket.conf.xml"
SWITCH = "autoload_configs/switch.conf.xml"
MODULES = "autoload_configs/modules.conf.xml"


class Verdict(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARNING = "warning"
    """It works, but it will not always."""
    WRONG = "wrong"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, slots=True)
class Check:
    """`said`: what is so. `change`: what to change in which file; empty when nothing is to be."""

    name: str
    verdict: Verdict
    said: str
    change: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was learned of a node. `unknown`: by what could not be learned, why not.

    `proof`: of the probe. `refused`: why we refused its last lookup since that was asked for. `guards`: by
    what its Event Socket lets in, whether that lets us in. `slowest`: seconds of the longest of
    its last lookups. `owned`: the domains that we answer for.
    """

    node: str
    switchname: str
    link: Link | None
    denied: bool = False
    proof: Proof | None = None
    refused: str = ""
    module: bool | None = None
    disk: Disk | None = None
    guards: Mapping[str, bool] = field(default_factory=dict)
    clock_ahead: float | None = None
    gateways: Mapping[str, int] | None = None
    slowest: float | None = None
    owned: frozenset[str] = frozenset()
    max_bytes: int = 0
    unknown: Mapping[str, str] = field(default_factory=dict)


Judge = Callable[[Evidence], Iterator[tuple[Verdict, str, str]]]


def examine(evidence: Evidence) -> tuple[Check, ...]:
    """Judge everything; of a check that finds nothing wrong one line stands."""
    found = []
    for name, judge in _JUDGES.items():
        found += [Check(name, *told) for told in judge(evidence)]
    return tuple(found)


def _connected(seen: Evidence) -> Iterator[tuple[Verdict, str, str]]:
    link = seen.link
    if link is None or link.state is not LinkState.UP:
        reason = link.reason if link is not None and link.reason else "not connected"
        change = f"{GUARD}: apply-inbound-acl, our address as a network; then `reload mod_event_socket` there"
        yield Verdict.WRONG, reason, change if seen.denied else ""
    elif link.switchname is not None and link.switchname != seen.switchname:
        said = f"it calls itself {link.switchname!r} and not {seen.switchname!r}: its lookups are refused"
        change = f"switchname in {SWITCH}, or `controlplane set node {seen.node} switchname=...`"
        yield Verdict.WRONG, said, change
    else:
        yield Verdict.OK, "connected", ""


def _probe(seen: Evidence) -> Iterator[tuple[Verdict, str, str]]:
    if seen.proof is None:
        yield Verdict.NOT_CHECKED, seen.unknown.get("probe", "the node is away"), ""
    elif seen.proof.reason:
        said = seen.proof.reason + (f"; we refused its lookup: {seen.refused}" if seen.refused else "")
        yield Verdict.WRONG, said, f"{CURL}: {_as_printed(seen)}, then `reload mod_xml_curl`"
    else:
        took = (seen.proof.round_trip or 0.0) * 1000
        yield Verdict.OK, f"it fetched from us and showed what it got, in {took:.1f} ms", ""


def _module(seen: Evidence) -> Iterator[tuple[Verdict, str, str]]:
    match seen.module:
        case None:
            yield _not(seen, "module")
        case True:
            yield Verdict.OK, "mod_xml_curl is loaded", ""
        case False:
            change = f'{MODULES}: <load module="mod_xml_curl"/> behind mod_event_socket'
            yield Verdict.WRONG, "mod_xml_curl is not loaded", f"{change}; now `load mod_xml_curl`"


def _binding(seen: Evidence) -> Iterator[tuple[Verdict, str, str]]:
    if seen.disk is None:
        yield _not(seen, "disk")
        return
    if not seen.disk.bindings:
        yield Verdict.WRONG, "xml_curl.conf has no binding", f"{CURL}: {_as_printed(seen)}"
        return
    asks = frozenset().union(*(each.sections or SECTIONS for each in seen.disk.bindings))
    told = [problem for binding in seen.disk.bindings for problem in _one_binding(seen, binding)]
    if missing := [section for section in SECTIONS if section not in asks]:
        change = f'{CURL}: bindings="{"|".join(SECTIONS)}" beside gateway-url'
        told.append((Verdict.WARNING, f"it does not ask for: {', '.join(missing)}", change))
    if told:
        yield from told
    else:
        yield Verdict.OK, "; ".join(f"{each.url}, {each.timeout} s" for each in seen.disk.bindings), ""


def _one_binding(seen: Evidence, binding: Binding) -> Iterator[tuple[Verdict, str, str]]:
    where = f"binding {binding.name}"
    if not binding.timeout:
        change = f'{CURL}: <param name="timeout" value="10"/> in it'
        yield Verdict.WRONG, f"{where} has no timeout: a slow answer stops the node's SIP for ever", change
    if binding.user and binding.user != seen.node:
        change = f"{CURL}: gateway-credentials begins with {seen.node}:"
        yield Verdict.WARNING, f"{where} asks as {binding.user!r}", change
    if binding.max_bytes is not None and binding.max_bytes < seen.max_bytes:
        change = f"{CURL}: response-max-bytes, or `controlplane set node {seen.node} response_max_bytes=...`"
        said = f"{where} takes {binding.max_bytes} bytes, and we send up to {seen.max_bytes}"
        yield Verdict.WRONG, said, change


def _tls(seen: Evidence) -> Iterator[tuple[Verdict, str, str]]:
    if seen.disk is None or seen.disk.bindings is None:
        yield _not(seen, "disk") if seen.disk is None else (Verdict.NOT_CHECKED, "it has no binding", "")
        return
    told: list[tuple[Verdict, str, str]] = []
    for binding in seen.disk.bindings:
        url = urlsplit(binding.url)
        if url.scheme.lower() == "https":
            there = {"enable-cacert-check": binding.checks_certificate}
            there["enable-ssl-verifyhost"] = binding.checks_name
            if lacks := [name for name, so in there.items() if not so]:
                said = f"binding {binding.name} takes anybody for us: it does not check our certificate"
                told.append((Verdict.WRONG, said, f"{CURL}: {' and '.join(lacks)}, each true"))
        elif not _loopback(url.hostname or ""):
            said = f"binding {binding.name} asks in clear text: anybody on the way can read it"
            told.append(
                (Verdict.WARNING, said, "tls_certificate and tls_key in [lookups], then its files anew")
            )
    if told:
        yield from told
    else:
        yield Verdict.OK, "our certificate is checked, or nothing leaves the machine", ""


def _left_on_disk(seen: Evidence) -> Iterator[tuple[Verdict, str, str]]:
    if seen.disk is None:
        yield _not(seen, "disk")
        return
    told: list[tuple[Verdict, str, str]] = []
    if seen.disk.domains:
        named = ", ".join(
            f"{name} ({users} users{', ours' if name in seen.owned else ''})"
            for name, users in sorted(seen.disk.domains.items())
        )
        said = f"directory on its disk: {named}: it goes by it for other domains, and when we are away"
        told.append((Verdict.WARNING, said, "remove directory/*.xml, then `reloadxml`"))
    if seen.disk.contexts:
        named = ", ".join(sorted(seen.disk.contexts))
        said = f"dialplan on its disk: {named}: it goes by it for other contexts, and when we are away"
        told.append((Verdict.WARNING, said, "remove dialplan/*.xml, then `reloadxml`"))
    if told:
        yield from told
    else:
        yield Verdict.OK, "no directory and no dialplan on its disk", ""


def _acl(seen: Evidence) -> Iterator[tuple[Verdict, str, str]]:
    if seen.disk is None:
        yield _not(seen, "disk")
        return
    us = seen.link.own_address if seen.link is not None and seen.link.own_address else "our address"
    told: list[tuple[Verdict, str, str]] = []
    for guard, lets_in in seen.guards.items():
        if not lets_in:
            said = f"apply-inbound-acl {guard} would turn {us} away at the next connection"
            told.append((Verdict.WRONG, said, f"{GUARD}: apply-inbound-acl {us} as a network"))
        elif "/" not in guard and not guard.endswith(".auto"):
            said = f"the list {guard} lets us in, but is empty while ACLs are reloaded"
            told.append((Verdict.WARNING, said, f"{GUARD}: apply-inbound-acl {us} as a network"))
    if told:
        yield from told
    else:
        yield Verdict.OK, "its Event Socket lets us in", ""


def _clock(seen: Evidence) -> Iterator[tuple[Verdict, str, str]]:
    ahead = seen.clock_ahead
    if ahead is None:
        yield _not(seen, "clock")
    elif abs(ahead) > CLOCK:
        how = "ahead of" if ahead > 0 else "behind"
        change = "run NTP on both; a node that is up already: `fsctl sync_clock`"
        yield Verdict.WARNING, f"its clock is {abs(ahead):.1f} s {how} ours", change
    else:
        yield Verdict.OK, f"its clock is ours, {ahead:+.3f} s", ""


def _gateways(seen: Evidence) -> Iterator[tuple[Verdict, str, str]]:
    if seen.gateways is None:
        yield _not(seen, "gateways")
        return
    doubled = sorted(name for name, copies in seen.gateways.items() if copies > 1)
    for name in doubled:
        said = f"gateway {name} runs {seen.gateways[name]} times: each rescan may add another"
        yield Verdict.WRONG, said, "sofia.conf.xml, directory/*.xml: leave it in one; restart its profiles"
    if not doubled:
        yield Verdict.OK, f"{len(seen.gateways)} gateways, each once", ""


def _speed(seen: Evidence) -> Iterator[tuple[Verdict, str, str]]:
    timeouts = [each.timeout for each in seen.disk.bindings or () if each.timeout] if seen.disk else []
    trip = seen.proof.round_trip if seen.proof is not None else None
    took = [each for each in (seen.slowest, trip) if each is not None]
    if not timeouts or not took:
        why = "it has no timeout to compare with" if not timeouts else "it has asked nothing of late"
        yield _not(seen, "disk") if seen.disk is None else (Verdict.NOT_CHECKED, why, "")
        return
    slowest, patience = max(took), min(timeouts)
    change = f"{CURL}: timeout; `controlplane lookups {seen.node}` shows which lookups take long"
    said = f"its longest lookup of late took {slowest:.3f} s, and it waits {patience} s"
    if slowest >= patience:
        yield Verdict.WRONG, said, change
    elif slowest >= patience * NEAR:
        yield Verdict.WARNING, said, change
    else:
        yield Verdict.OK, said, ""


def _as_printed(seen: Evidence) -> str:
    return f"what `controlplane node config {seen.node} xml_curl.conf.xml` prints"


def _not(seen: Evidence, what: str) -> tuple[Verdict, str, str]:
    return Verdict.NOT_CHECKED, seen.unknown.get(what, "the node is away"), ""


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


_JUDGES: Mapping[str, Judge] = {
    "connection": _connected,
    "probe": _probe,
    "mod_xml_curl": _module,
    "binding": _binding,
    "tls": _tls,
    "disk": _left_on_disk,
    "acl": _acl,
    "clock": _clock,
    "gateways": _gateways,
    "speed": _speed,
}
