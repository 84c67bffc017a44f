"""What a switch in use asks all day: who registers, and where calls go."""

import asyncio

from esl.switch.core import Core
from esl.switch.events import Caller
from esl.switch.lookup import Question

_AUTH = Caller("sofia_reg.c", "sofia_reg_parse_auth", 3124)
_DIALPLAN = Caller("mod_dialplan_xml.c", "dialplan_xml_locate", 619)
_USERS = range(1000, 1020)


async def chatter(core: Core, period: float) -> None:
    """Every ``period`` seconds one registration's lookup and one call's, for ever."""
    while True:
        await asyncio.sleep(period)
        user = str(core.random.choice(_USERS))
        await core.locate(registration(user, core.variables["domain"]), _AUTH)
        await core.locate(call(user, core.variables["domain"]), _DIALPLAN)


def registration(user: str, domain: str, profile: str = "internal") -> Question:
    """The lookup of a REGISTER that was challenged."""
    told = {
        "action": "sip_auth",
        "sip_profile": profile,
        "sip_user_agent": "standin/1.0",
        "sip_auth_username": user,
        "sip_auth_realm": domain,
        "sip_auth_uri": f"sip:{domain}",
        "sip_contact_user": user,
        "sip_contact_host": "127.0.0.1",
        "sip_to_user": user,
        "sip_to_host": domain,
        "sip_via_protocol": "udp",
        "sip_from_user": user,
        "sip_from_host": domain,
        "sip_request_host": domain,
        "sip_auth_method": "REGISTER",
        "key": "id",
        "user": user,
        "domain": domain,
        "ip": "127.0.0.1",
    }
    return Question("directory", "domain", "name", domain, tuple(told.items()))


def call(user: str, domain: str, destination: str = "9196", context: str = "default") -> Question:
    """The lookup of a call, in the parameters that decide it."""
    told = {
        "Channel-State": "CS_ROUTING",
        "Channel-Name": f"sofia/internal/{user}@{domain}",
        "Call-Direction": "inbound",
        "Caller-Username": user,
        "Caller-Dialplan": "XML",
        "Caller-Caller-ID-Name": user,
        "Caller-Caller-ID-Number": user,
        "Caller-Network-Addr": "127.0.0.1",
        "Caller-Destination-Number": destination,
        "Caller-Source": "mod_sofia",
        "Caller-Context": context,
        "variable_domain_name": domain,
    }
    return Question("dialplan", params=tuple(told.items()))
