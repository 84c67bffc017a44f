"""What ``sofia status``, ``xmlstatus`` and ``jsonstatus`` print, from a switch's profiles (mod_sofia.c)."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.sax.saxutils import escape

from esl.switch.gateway import Gateway
from esl.switch.profile import Phone, Profile

_DECLARATION = '<?xml version="1.0" encoding="ISO-8859-1"?>\n'
_LINE = "=" * 97 + "\n"
_EXPIRES = 180

Profiles = dict[str, Profile]


class Printer:
    """Prints; ``scale`` turns the loop's time into FreeSWITCH's."""

    def __init__(self, profiles: Profiles, stopping: Profiles, scale: float) -> None:
        self._profiles = profiles
        self._stopping = stopping
        self._scale = scale

    # --- all ----------------------------------------------------------------------------------------

    def status(self) -> str:
        """``sofia status``."""
        text = f"{'Name':>25}\t{'Type':>7}\t{'Data':>42}\tState\n{_LINE}"
        aliases = 0
        for name, item in self._listed():
            if isinstance(item, str):
                aliases += 1
                text += f"{name:>25}\t{'alias':>7}\t{item:>42}\tALIASED\n"
                continue
            text += f"{name:>25}\t{'profile':>7}\t{item.url:>42}\tRUNNING ({item.calls})\n"
            for gateway in item.gateways:
                full = f"{item.name}::{gateway.name}"
                text += f"{full:>25}\t{'gateway':>7}\t{gateway.address:>42}\t{gateway.state}"
                text += f"{self._retry(gateway)}\n"
        profiles = len(self._profiles)
        return (
            f"{text}{_LINE}{profiles} profile{'' if profiles == 1 else 's'} "
            f"{aliases} alias{'' if aliases == 1 else 'es'}\n"
        )

    def xml(self) -> str:
        """``sofia xmlstatus``: no XML while a registration waits, for the wait stands between tags."""
        text = f"{_DECLARATION}<profiles>\n"
        for name, item in self._listed():
            if isinstance(item, str):
                text += _row("alias", name, "alias", item, "ALIASED")
                continue
            text += _row("profile", name, "profile", item.url, f"RUNNING ({item.calls})")
            for gateway in item.gateways:
                text += _row("gateway", gateway.name, "gateway", gateway.address, gateway.state)
                text += f"{self._retry(gateway)}\n"
        return f"{text}</profiles>\n"

    def json(self) -> str:
        """``sofia jsonstatus``, whatever its arguments."""
        told: dict[str, Any] = {}
        for name, item in self._listed():
            if isinstance(item, str):
                profile = self._profiles[item]
                told[name] = {
                    "status": {"type": "alias", "data": item, "state": "ALIASED"},
                    "info": _info(profile, alias=True),
                }
                continue
            told[name] = {"status": _state(item, "RUNNING")}
            if item.gateways:
                told[name]["gateways"] = {
                    each.name: {"type": "gateway", "data": each.address, "state": each.state}
                    for each in item.gateways
                }
            told[name]["info"] = _info(item)
        for name, item in self._stopping.items():
            told[name] = {"status": _state(item, "DOWN")}
        return _cjson({"profiles": told}) + "\n"

    def _listed(self) -> Iterator[tuple[str, str | Profile]]:
        items: dict[str, str | Profile] = {}
        for profile in self._profiles.values():
            items.update(dict.fromkeys(profile.aliases, profile.name))
        items.update(self._profiles)
        yield from sorted(items.items())

    # --- gateways -----------------------------------------------------------------------------------

    def gateways(self) -> str:
        """``sofia status gateway``."""
        text = f"{'Profile::Gateway-Name':>25}\t{'Data    ':>32}\tState\tPing Time"
        text += f"\tIB Calls(F/T)\tOB Calls(F/T)\n{_LINE}"
        all_of_them = self._all_gateways()
        for gateway in all_of_them:
            full = f"{gateway.profile}::{gateway.name}"
            text += f"{full:>25}\t{gateway.address:>32}\t{gateway.state}\t{0.0:>6.2f}\t0/0\t0/0"
            text += f"{self._retry(gateway)}\n"
        count = len(all_of_them)
        return (
            f"{text}{_LINE}{count} gateway{'' if count == 1 else 's'}: "
            "Inbound(Failed/Total): 0/0,Outbound(Failed/Total):0/0\n"
        )

    def xml_gateways(self) -> str:
        """``sofia xmlstatus gateway``."""
        return (
            f"{_DECLARATION}<gateways>\n{''.join(map(self._xml_gateway, self._all_gateways()))}</gateways>\n"
        )

    def gateway(self, gateway: Gateway) -> str:
        """``sofia status gateway NAME``."""
        up_for = 0 if gateway.up_since is None else int(self._elapsed(gateway.up_since))
        fields = {
            **self._fields(gateway),
            "PingState": "1/1/1" if self._pings(gateway) else "0/0/0",
            "State": gateway.state,
            "Status": "UP" if gateway.up else "DOWN",
            "Uptime": f"{up_for}s",
            "CallsIN": "0",
            "CallsOUT": "0",
            "FailedCallsIN": "0",
            "FailedCallsOUT": "0",
        }
        return _LINE + "".join(f"{name:<8}\t{value}\n" for name, value in fields.items()) + _LINE

    def xml_gateway(self, gateway: Gateway) -> str:
        """``sofia xmlstatus gateway NAME``."""
        return _DECLARATION + self._xml_gateway(gateway)

    def _all_gateways(self) -> list[Gateway]:
        return [each for _, profile in sorted(self._profiles.items()) for each in profile.gateways]

    def _pings(self, gateway: Gateway) -> bool:
        return gateway.seconds("ping", 0) > 0

    def _fields(self, gateway: Gateway) -> dict[str, str]:
        profile = self._profiles[gateway.profile]
        given = gateway.params
        contact = (
            f"<sip:gw+{gateway.name}@{profile.sip_ip}:{profile.port}"
            f";transport={given.get('register-transport', 'udp')};gw={gateway.name}>"
        )
        expires = given.get("expire-seconds", "3600")
        pings = self._pings(gateway)
        return {
            "Name": gateway.name,
            "Profile": gateway.profile,
            "Scheme": "Digest",
            "Realm": gateway.realm,
            "Username": gateway.username,
            "Password": "yes" if given.get("password") else "no",
            "From": f"<{gateway.address}>",
            "Contact": contact,
            "Exten": given.get("extension") or gateway.username,
            "To": f"sip:{gateway.username}@{gateway.realm}",
            "Proxy": f"sip:{gateway.proxy}",
            "Context": given.get("context") or profile.settings.get("context", "default"),
            "Expires": expires,
            "Freq": expires,
            "Ping": "1" if pings else "0",
            "PingFreq": str(gateway.seconds("ping", 0)),
            "PingTime": "0.75" if pings else "0.00",
        }

    def _xml_gateway(self, gateway: Gateway) -> str:
        fields = self._fields(gateway)
        pings = "1" if self._pings(gateway) else "0"
        up_for = 0 if gateway.up_since is None else int(self._elapsed(gateway.up_since) * 1_000_000)
        # Only these two are escaped (mod_sofia.c, xml_gateway_status).
        told = {name.lower(): fields[name] for name in list(fields)[:14]}
        told["from"], told["contact"] = escape(told["from"]), escape(told["contact"])
        told |= {
            "ping": fields["Ping"],
            "pingfreq": fields["PingFreq"],
            "pingmin": pings,
            "pingcount": pings,
            "pingmax": pings,
            "pingtime": fields["PingTime"],
            "pinging": "0",
            "state": gateway.state,
            "status": "UP" if gateway.up else "DOWN",
            "uptime-usec": str(up_for),
            "calls-in": "0",
            "calls-out": "0",
            "failed-calls-in": "0",
            "failed-calls-out": "0",
        }
        if gateway.retry_at is not None:
            told["retry"] = f"{self._left(gateway.retry_at)}s"
        lines = "".join(f"    <{name}>{value}</{name}>\n" for name, value in told.items())
        return f"  <gateway>\n{lines}  </gateway>\n"

    def _retry(self, gateway: Gateway) -> str:
        return "" if gateway.retry_at is None else f" (retry: {self._left(gateway.retry_at)}s)"

    def _elapsed(self, since: float) -> float:
        return (asyncio.get_running_loop().time() - since) / self._scale

    def _left(self, until: float) -> int:
        return max(0, int(-self._elapsed(until)))

    # --- one profile --------------------------------------------------------------------------------

    def profile(self, profile: Profile) -> str:
        """``sofia status profile NAME``."""
        names = {
            "pres-hosts": "Pres Hosts",
            "domain-name": "Domain Name",
            "auto-nat": "Auto-NAT",
            "db-name": "DBName",
            "name": "Name",
            "dialplan": "Dialplan",
            "context": "Context",
            "challenge-realm": "Challenge Realm",
            "inbound-codecs": "CODECS IN",
            "outbound-codecs": "CODECS OUT",
            "aggressive-nat": "AGGRESSIVENAT",
        }
        fields = _profile_fields(profile)
        counts = {"calls-in", "calls-out", "failed-calls-in", "failed-calls-out"}
        order = [name for name in fields if name not in counts | {"registrations"}]
        order += ["calls-in", "failed-calls-in", "calls-out", "failed-calls-out", "registrations"]
        lines = "".join(f"{names.get(name, name.upper()):<17}\t{fields[name]}\n" for name in order)
        return f"{_LINE}{lines}"

    def registrations(self, profile: Profile, which: str) -> str:
        """``sofia status profile NAME reg``, or ``user USER@DOMAIN`` (mod_sofia.c, show_reg_callback)."""
        rows = [
            (call_id, phone)
            for call_id, phone in profile.phones.items()
            if which in ("", f"{phone.user}@{phone.domain}")
        ]
        told = "".join(_registration(call_id, phone) for call_id, phone in rows)
        return f"\nRegistrations:\n{_LINE}{told}Total items returned: {len(rows)}\n{_LINE}"

    def xml_profile(self, profile: Profile, what: str | None) -> str:
        """``sofia xmlstatus profile NAME``, or with ``reg`` its registrations: there are none."""
        if what in ("reg", "user", "pres"):
            return f"{_DECLARATION}<profile>\n  <registrations>\n  </registrations>\n</profile>\n"
        fields = _profile_fields(profile).items()
        lines = "".join(f"    <{name}>{value}</{name}>\n" for name, value in fields)
        return f"{_DECLARATION}<profile>\n  <profile-info>\n{lines}  </profile-info>\n</profile>\n"


def _registration(call_id: str, phone: Phone) -> str:
    who = f"{phone.user}@{phone.domain}"
    until = datetime.now(UTC) + timedelta(seconds=_EXPIRES)
    told = {
        "Call-ID": call_id,
        "User": who,
        "Contact": f'"{phone.user}" <sip:{phone.user}@{phone.ip}:{phone.port}>',
        "Agent": "stand-in",
        "Status": f"Registered(UDP)(unknown) EXP({until:%Y-%m-%d %H:%M:%S}) EXPSECS({_EXPIRES})",
        "Ping-Status": "Reachable",
        "Ping-Time": "0.00",
        "Host": "stand-in",
        "IP": phone.ip,
        "Port": str(phone.port),
        "Auth-User": phone.user,
        "Auth-Realm": phone.domain,
        "MWI-Account": who,
    }
    return "".join(f"{f'{label}:':<12}\t{value}\n" for label, value in told.items()) + "\n"


def _state(profile: Profile, state: str) -> dict[str, Any]:
    return {"type": "profile", "state": state, "in-use": profile.calls, "data": profile.url}


def _row(tag: str, name: str, kind: str, data: str, state: str) -> str:
    told = {"name": name, "type": kind, "data": data, "state": state}
    lines = "".join(f"<{each}>{value}</{each}>\n" for each, value in told.items())
    return f"<{tag}>\n{lines}</{tag}>\n"


def _profile_fields(profile: Profile) -> dict[str, str]:
    given = profile.settings
    return {
        "name": profile.name,
        "domain-name": "N/A",
        "auto-nat": "false",
        "db-name": given.get("dbname", f"sofia_reg_{profile.name}"),
        "pres-hosts": given.get("presence-hosts", ""),
        "dialplan": given.get("dialplan", "XML"),
        "context": given.get("context", "default"),
        "challenge-realm": given.get("challenge-realm", "auto_to"),
        "rtp-ip": given.get("rtp-ip", "127.0.0.1"),
        "sip-ip": profile.sip_ip,
        "url": profile.url,
        "bind-url": f"{profile.url};transport=udp,tcp",
        "hold-music": given.get("hold-music", "N/A"),
        "outbound-proxy": given.get("outbound-proxy", "N/A"),
        "inbound-codecs": given.get("inbound-codec-prefs", "N/A"),
        "outbound-codecs": given.get("outbound-codec-prefs", "N/A"),
        "tel-event": given.get("rfc2833-pt", "101"),
        "dtmf-mode": given.get("dtmf-type", "rfc2833"),
        "cng": "13",
        "session-to": given.get("session-timeout", "0"),
        "max-dialog": "0",
        "max-recv-rps": "1000",
        "nomedia": "false",
        "late-neg": given.get("inbound-late-negotiation", "false"),
        "proxy-media": "false",
        "aggressive-nat": "false",
        "calls-in": "0",
        "calls-out": "0",
        "failed-calls-in": "0",
        "failed-calls-out": "0",
        "registrations": str(len(profile.phones)),
    }


def _info(profile: Profile, *, alias: bool = False) -> dict[str, Any]:
    fields = _profile_fields(profile)
    told: dict[str, Any] = {"domain-name": "N/A"}
    if alias:
        told["alias-of"] = profile.name
    for name in ("auto-nat", "db-name", "pres-hosts", "dialplan", "context", "challenge-realm"):
        told[name] = fields[name]
    told |= {"rtp-ip": [fields["rtp-ip"]], "sip-ip": fields["sip-ip"], "ext-sip-ip": ""}
    told |= {"url": fields["url"], "bind-url": fields["bind-url"]}
    return told | {
        "hold-music": profile.settings.get("hold-music", ""),
        "outbound-proxy": fields["outbound-proxy"],
    }


def _cjson(value: Any, depth: int = 0) -> str:
    """As cJSON prints: a tab after the colon, lists on one line."""
    if isinstance(value, dict):
        inner = "\t" * (depth + 1)
        items = [f"{inner}{json.dumps(name)}:\t{_cjson(each, depth + 1)}" for name, each in value.items()]
        return "{\n" + ",\n".join(items) + "\n" + "\t" * depth + "}"
    return json.dumps(value, ensure_ascii=False)
