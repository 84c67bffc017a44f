"""``sofia ...`` and ``sofia_gateway_data``: which words do what, and what is said of it (mod_sofia.c)."""

from collections.abc import Callable

from esl.switch.core import Core
from esl.switch.gateway import Gateway
from esl.switch.profile import Profile
from esl.switch.sofia import Sofia
from esl.switch.sofia_status import Printer

_YOUNG = 10.0
"""Seconds for which a profile neither stops nor restarts (mod_sofia.c)."""


class SofiaCommands:
    """``reload`` reloads the XML first, and gives the error or None."""

    def __init__(self, core: Core, sofia: Sofia, reload: Callable[[], str | None]) -> None:
        self._core = core
        self._sofia = sofia
        self._reload = reload
        self._print = Printer(sofia.profiles, sofia.stopping, core.config.timing.scale)

    async def run(self, arguments: str) -> str:
        """One command."""
        words = arguments.split()
        match words:
            case ["profile", *rest]:
                return await self._profile(rest)
            case ["status", *rest]:
                return self._status(rest, xml=False)
            case ["xmlstatus", *rest]:
                return self._status(rest, xml=True)
            case ["jsonstatus", *_]:
                return self._print.json()
            case [] | ["help"]:
                return "USAGE:\nsofia profile <name> [start | stop | restart | rescan]\n"
            case _:
                return f"Unknown Command [{words[0]}]\n"

    async def gateway_data(self, arguments: str) -> str:
        """A variable of a gateway; nothing when either is unknown."""
        words = arguments.split()
        gateway = self._sofia.gateways.get(words[0]) if len(words) == 3 else None
        if gateway is None:
            return ""
        inbound, outbound = gateway.variables.get(words[2]), gateway.outbound.get(words[2])
        found = {"ivar": inbound, "ovar": outbound, "var": outbound if inbound is None else inbound}
        return found.get(words[1]) or ""

    # --- status -------------------------------------------------------------------------------------

    def _status(self, words: list[str], *, xml: bool) -> str:
        show = self._print
        match words:
            case []:
                return show.xml() if xml else show.status()
            case ["gateway"]:
                return show.xml_gateways() if xml else show.gateways()
            case ["gateway", name, *_]:
                gateway = self._find(name)
                if gateway is None:
                    return "Invalid Gateway!\n"
                return show.xml_gateway(gateway) if xml else show.gateway(gateway)
            case ["profile", name, *more]:
                profile = self._named(name)
                if profile is None:
                    return "Invalid Profile!\n"
                if not xml and more[:1] in (["reg"], ["user"]):
                    return show.registrations(profile, more[1] if len(more) > 1 else "")
                return show.xml_profile(profile, next(iter(more), None)) if xml else show.profile(profile)
            case _:
                return "Invalid Syntax!\n"

    def _find(self, name: str) -> Gateway | None:
        """By its name, or by ``profile::name``."""
        profile, _, short = name.rpartition("::")
        gateway = self._sofia.gateways.get(short)
        return gateway if gateway is not None and profile in ("", gateway.profile) else None

    def _named(self, name: str) -> Profile | None:
        if name in self._sofia.profiles:
            return self._sofia.profiles[name]
        return next((each for each in self._sofia.profiles.values() if name in each.aliases), None)

    # --- profiles -----------------------------------------------------------------------------------

    async def _profile(self, words: list[str]) -> str:
        if words == ["restart", "all"]:
            self._reload()
            for each in [each for each in self._sofia.profiles.values() if each.age() >= _YOUNG]:
                self._core.spawn(self._sofia.restart(each), f"restart of {each.name}")
            return ""
        if len(words) < 2:
            return "Invalid Args!\n"
        name, verb, *rest = words
        if verb == "start":
            said = self._reloaded()
            done = await self._sofia.start(name)
            return f"{said}{name} started successfully\n" if done else f"{said}Failure starting {name}\n"
        profile = self._named(name)
        if profile is None:
            return f"Invalid Profile [{name}]"
        match verb:
            case "rescan":
                said = self._reloaded()
                if self._core.faults.reload_error is None and not await self._sofia.rescan(profile):
                    return f"{said}-ERR cannot find config for profile {profile.name}\n"
                return f"{said}+OK scan complete\n"
            case "restart" | "stop":
                return self._restart_or_stop(profile, verb)
            case "killgw" | "startgw" if not rest:
                return "-ERR missing gw name\n"
            case "killgw":
                return self._kill(profile, rest[0])
            case "startgw":
                said = self._reloaded()
                if not await self._sofia.start_gateway(profile, rest[0]):
                    return f"{said}-ERR cannot add gateway {rest[0]} for profile {profile.name}\n"
                return f"{said}+OK start gateway {rest[0]} complete\n"
            case "gwlist":
                up = not rest or rest[0] != "down"
                return "".join(
                    f"{each.name} " for each in profile.gateways if each.up is up and not each.deleted
                )
            case "flush_inbound_reg":
                return self._drop(profile, rest[0] if rest else None)
            case "register" | "unregister":
                return self._register(profile, verb, rest[0] if rest else None)
            case _:
                return "-ERR Unknown command!\n"

    def _reloaded(self) -> str:
        return f"Reload XML [{self._reload() or 'Success'}]\n"

    def _restart_or_stop(self, profile: Profile, verb: str) -> str:
        if profile.age() < _YOUNG:
            return (
                f"Profile {profile.name} must be up for at least 10 seconds to stop/restart.\n"
                f"Please wait {max(1, int(_YOUNG - profile.age()))} seconds\n"
            )
        said = self._reloaded()
        if verb == "restart":
            self._core.spawn(self._sofia.restart(profile), f"restart of {profile.name}")
            return f"{said}restarting: {profile.name}"
        self._core.spawn(self._sofia.stop(profile), f"stop of {profile.name}")
        return f"{said}stopping: {profile.name}"

    def _drop(self, profile: Profile, which: str | None) -> str:
        """A Call-ID, a user, or as `@DOMAIN` a whole domain (sofia_reg.c:763); without it everybody."""
        user, _, domain = (which or "").rpartition("@")
        for call_id, phone in list(profile.phones.items()):
            if which in (None, call_id) or (domain == phone.domain and user in ("", phone.user)):
                del profile.phones[call_id]
        return f"+OK flushing all registrations{'' if which is None else ' matching specified call_id'}\n"

    # --- gateways -----------------------------------------------------------------------------------

    def _kill(self, profile: Profile, name: str) -> str:
        if name == "_all_":
            for each in list(profile.gateways):
                profile.kill(each)
            return "+OK every gateway marked for deletion.\n"
        # The profile named is not looked at: the gateway is killed wherever it is.
        gateway = self._sofia.gateways.get(name)
        if gateway is None:
            return "-ERR no such gateway.\n"
        self._sofia.profiles[gateway.profile].kill(gateway)
        return "+OK gateway marked for deletion.\n"

    def _register(self, profile: Profile, verb: str, name: str | None) -> str:
        if name is None:
            return "No gateway name provided!\n"
        if name == "all":
            for each in profile.gateways:
                if each.state != "NOREG" and not each.deleted:
                    (profile.register if verb == "register" else profile.unregister)(each)
            return "+OK\n"
        gateway = self._sofia.gateways.get(name)
        if gateway is None:
            return "Invalid gateway!\n"
        if gateway.state == "NOREG":
            return f"-ERR NOREG gateway {name} cannot be {verb}ed.\n"
        owner = self._sofia.profiles[gateway.profile]
        (owner.register if verb == "register" else owner.unregister)(gateway)
        return "+OK\n"
