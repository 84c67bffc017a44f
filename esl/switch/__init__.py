"""A stand-in FreeSWITCH node: Event Socket, lookups over HTTP, profiles and gateways; no calls.

For tests, demonstrations and benchmarks. In code::

    async with Switch(SwitchConfig(xml_curl_url="http://127.0.0.1:8081/xml_curl")) as switch:
        await switch.api("sofia profile external rescan")

or ``with running(config) as switch`` from code that is not asynchronous; ``python -m esl.switch``
makes a process of one or many. Nothing else in ``esl`` imports it, and only it needs libcurl.
"""

from esl.switch.config import SwitchConfig, Timing
from esl.switch.faults import Faults
from esl.switch.gateway import Gateway
from esl.switch.lookup import Lookup
from esl.switch.profile import Profile
from esl.switch.switch import Switch
from esl.switch.thread import running

__all__ = ["Faults", "Gateway", "Lookup", "Profile", "Switch", "SwitchConfig", "Timing", "running"]
