"""What ``sofia xmlstatus ...`` prints, as frozen values.

The text declares ISO-8859-1 but is UTF-8, and FreeSWITCH does not escape every value in it.
``sofia xmlstatus`` (the list) also puts text between its tags while a registration is retried.
A list is read whole or not at all: a lost gateway would look like one that has to be added.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from lxml import etree

R = TypeVar("R")
Reader: TypeAlias = Callable[[str], R]

_DECLARATION = re.compile(r"\s*<\?xml[^>]*\?>")
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Unreadable(ValueError):  # noqa: N818  # named for what happened
    """The text is not the status it should be, or not all of it."""


@dataclass(frozen=True, slots=True)
class GatewayStatus:
    """One gateway as the node sees it.

    ``state`` is FreeSWITCH's word (UNREGED, TRYING, REGISTER, REGED, UNREGISTER, FAILED, FAIL_WAIT,
    EXPIRED, NOREG, DOWN, TIMEOUT), ``status`` UP or DOWN. ``ping`` is when the next OPTIONS goes out,
    in epoch seconds (0: never); ``ping_freq`` its period in seconds; ``ping_time`` the last round
    trip in milliseconds. ``uptime_usec`` counts since the status became UP. ``retry_seconds`` stands
    while a failed registration waits.
    """

    name: str
    profile: str
    state: str
    status: str
    realm: str
    username: str
    has_password: bool
    proxy: str
    context: str
    from_: str
    contact: str
    expires: int
    freq: int
    ping: int
    ping_freq: int
    ping_time: float
    pinging: bool
    uptime_usec: int
    calls_in: int
    calls_out: int
    failed_in: int
    failed_out: int
    retry_seconds: int | None

    @property
    def up(self) -> bool:
        """Whether calls can go out through it."""
        return self.status == "UP"


@dataclass(frozen=True, slots=True)
class ProfileStatus:
    """One running profile. ``fields`` holds everything printed, by FreeSWITCH's names (``sip-ip`` ...)."""

    name: str
    url: str
    bind_url: str
    context: str
    dialplan: str
    sip_ip: str
    rtp_ip: str
    calls_in: int
    calls_out: int
    failed_in: int
    failed_out: int
    registrations: int
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ProfileSummary:
    """A profile in the list: ``state`` is RUNNING or DOWN; ``calls`` how many sessions use it."""

    name: str
    state: str
    running: bool
    url: str
    calls: int = 0


def read_gateways(text: str) -> tuple[GatewayStatus, ...]:
    """The gateways of ``sofia xmlstatus gateway``. Raises Unreadable."""
    root = _parse(text, "gateways")
    found = tuple(_gateway(element) for element in root.iterchildren("gateway"))
    if len(found) != text.count("<gateway>"):
        raise Unreadable(f"{text.count('<gateway>')} gateways announced, {len(found)} readable")
    return found


def read_gateway(text: str) -> GatewayStatus:
    """The gateway of ``sofia xmlstatus gateway NAME``. Raises Unreadable."""
    return _gateway(_parse(text, "gateway"))


def read_profile(text: str) -> ProfileStatus:
    """The profile of ``sofia xmlstatus profile NAME``. Raises Unreadable."""
    info = _parse(text, "profile").find("profile-info")
    if info is None:
        raise Unreadable("no profile-info")
    fields = _fields(info)
    return ProfileStatus(
        name=_required(fields, "name"),
        url=fields.get("url", ""),
        bind_url=fields.get("bind-url", ""),
        context=fields.get("context", ""),
        dialplan=fields.get("dialplan", ""),
        sip_ip=fields.get("sip-ip", ""),
        rtp_ip=fields.get("rtp-ip", ""),
        calls_in=_number(fields, "calls-in"),
        calls_out=_number(fields, "calls-out"),
        failed_in=_number(fields, "failed-calls-in"),
        failed_out=_number(fields, "failed-calls-out"),
        registrations=_number(fields, "registrations"),
        fields=fields,
    )


def read_profiles(text: str) -> tuple[ProfileSummary, ...]:
    """The profiles of ``sofia xmlstatus``. Raises Unreadable."""
    root = _parse(text, "profiles")
    found = []
    for element in root.iterchildren("profile"):
        fields = _fields(element)
        state, _, calls = _required(fields, "state").partition(" (")
        found.append(
            ProfileSummary(
                _required(fields, "name"),
                state,
                state == "RUNNING",
                fields.get("data", ""),
                _number({"state": calls.removesuffix(")")}, "state") if calls else 0,
            )
        )
    if len(found) != text.count("<profile>"):
        raise Unreadable(f"{text.count('<profile>')} profiles announced, {len(found)} readable")
    return tuple(found)


def _parse(text: str, root_name: str) -> etree._Element:
    text = _DECLARATION.sub("", text, count=1)
    if not text.rstrip().endswith(f"</{root_name}>"):
        raise Unreadable(f"no whole <{root_name}>")
    text = _NO_XML.sub("\ufffd", text)
    try:
        root = _fromstring(text, recover=False)
    except etree.XMLSyntaxError:
        # A user name with `&` is printed as it is; the callers count what was recovered.
        try:
            root = _fromstring(text, recover=True)
        except etree.XMLSyntaxError as error:
            raise Unreadable("no XML") from error
    if root is None or root.tag != root_name:
        raise Unreadable(f"the root is no <{root_name}>")
    return root


def _fromstring(text: str, *, recover: bool) -> etree._Element | None:
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True, recover=recover
    )
    # The declared encoding is a lie, so the text goes in as the characters it is.
    return etree.fromstring(text, parser)


def _fields(element: etree._Element) -> dict[str, str]:
    return {child.tag: child.text or "" for child in element.iterchildren("*")}


def _gateway(element: etree._Element) -> GatewayStatus:
    fields = _fields(element)
    retry = fields.get("retry", "").removesuffix("s")
    return GatewayStatus(
        name=_required(fields, "name"),
        profile=_required(fields, "profile"),
        state=_required(fields, "state"),
        status=_required(fields, "status"),
        realm=fields.get("realm", ""),
        username=fields.get("username", ""),
        has_password=fields.get("password") == "yes",
        proxy=fields.get("proxy", ""),
        context=fields.get("context", ""),
        from_=fields.get("from", ""),
        contact=fields.get("contact", ""),
        expires=_number(fields, "expires"),
        freq=_number(fields, "freq"),
        ping=_number(fields, "ping"),
        ping_freq=_number(fields, "pingfreq"),
        ping_time=_decimal(fields, "pingtime"),
        pinging=_number(fields, "pinging") != 0,
        uptime_usec=_number(fields, "uptime-usec"),
        calls_in=_number(fields, "calls-in"),
        calls_out=_number(fields, "calls-out"),
        failed_in=_number(fields, "failed-calls-in"),
        failed_out=_number(fields, "failed-calls-out"),
        retry_seconds=int(retry) if retry.isdecimal() else None,
    )


def _required(fields: Mapping[str, str], name: str) -> str:
    value = fields.get(name, "")
    if not value:
        raise Unreadable(f"no <{name}>")
    return value


def _number(fields: Mapping[str, str], name: str) -> int:
    """A count; 0 where this version of FreeSWITCH does not print it."""
    try:
        return int(fields.get(name, "0"))
    except ValueError as error:
        raise Unreadable(f"<{name}> is no number") from error


def _decimal(fields: Mapping[str, str], name: str) -> float:
    try:
        return float(fields.get(name, "0"))
    except ValueError as error:
        raise Unreadable(f"<{name}> is no number") from error
