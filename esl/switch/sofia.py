"""mod_sofia's configuration: what it fetches and when, and the profiles that come of it (sofia.c)."""

import asyncio

from lxml import etree

from esl.switch.core import Core
from esl.switch.events import Caller
from esl.switch.gateway import Gateway, params, read_gateway
from esl.switch.lookup import Question
from esl.switch.profile import Profile

_CONFIG = Caller("sofia.c", "config_sofia", 4486)
_CONFIG_DIRECTORY = Caller("sofia.c", "config_sofia", 6268)
_WORKER = Caller("sofia.c", "launch_sofia_worker_thread", 3046)
_WORKER_DIRECTORY = Caller("sofia.c", "launch_sofia_worker_thread", 3064)
_ONE_GATEWAY = Caller("sofia.c", "config_gateway", 4432)
_STARTED = Caller("sofia.c", "config_sofia", 6343)
_PUBLISHED = Caller("sofia.c", "sofia_profile_thread_run", 3433)
_UNPUBLISHED = Caller("sofia.c", "sofia_profile_thread_run", 3543)
_FAILED = Caller("sofia.c", "sofia_perform_profile_start_failure", 2912)

_TRUE = ("true", "yes", "on", "1")
_BIND_RETRIES = 10.0
"""Seconds for which a profile tries to take its port."""


class Sofia:
    """The profiles and gateways of one switch; all that changes them goes through here."""

    def __init__(self, core: Core) -> None:
        self.profiles: dict[str, Profile] = {}
        self.gateways: dict[str, Gateway] = {}
        self.stopping: dict[str, Profile] = {}
        """Run no more, but their names and ports are still taken."""
        self.lost: list[Profile] = []
        """Started under the name of one that was stopping: they run, and no command reaches them."""
        self._core = core

    async def load(self) -> bool:
        """As the module loads: false if there is no sofia.conf, and so no module."""
        config = await self._config((), _CONFIG)
        if config is None:
            return False
        started = [self._start(element) for element in config.iterfind("profiles/profile")]
        workers = [
            profile.worker for profile in started if profile is not None and profile.worker is not None
        ]
        await asyncio.gather(*workers)
        return True

    async def unload(self) -> None:
        """Every profile stops."""
        for profile in list(self.profiles.values()):
            self._end(profile)

    def halt(self) -> None:
        """Forgets everything, and tells nobody: the process is gone."""
        for profile in self.profiles.values():
            profile.halt()
        self.profiles.clear()
        self.gateways.clear()
        self.stopping.clear()
        self.lost.clear()

    # --- commands, after their XML was reloaded -----------------------------------------------------

    async def start(self, name: str) -> bool:
        """Starts a profile, or scans a running one again; false if it cannot be."""
        return await self._load_profile(name) is not None

    async def rescan(self, profile: Profile) -> bool:
        """Adds what is new, takes over settings; false if sofia.conf does not tell of the profile."""
        return await self._load_profile(profile.name) is not None

    async def start_gateway(self, profile: Profile, name: str) -> bool:
        """Fetches and adds one gateway, or with `_all_` each; false if there is no sofia.conf."""
        told = (("profile", profile.name), ("reconfig", "true"), ("gateway", name))
        config = await self._config(told, _ONE_GATEWAY)
        element = None if config is None else _profile(config, profile.name)
        if element is None:
            return False
        for each in element.iterfind("gateways/gateway"):
            if name in ("_all_", each.get("name")):
                self._add(profile, each)
        return True

    async def restart(self, profile: Profile) -> None:
        """Stops it, asks anew, and starts it if it is still told of."""
        await self._stop(profile)
        config = await self._config((("profile", profile.name),), _CONFIG)
        element = None if config is None else _profile(config, profile.name)
        if element is not None:
            self._start(element)

    async def stop(self, profile: Profile) -> None:
        """Stops it."""
        await self._stop(profile)

    # --- reading sofia.conf -------------------------------------------------------------------------

    async def _config(self, told: tuple[tuple[str, str], ...], caller: Caller) -> etree._Element | None:
        question = Question("configuration", "configuration", "name", "sofia.conf", told)
        return await self._core.locate(question, caller)

    async def _load_profile(self, name: str) -> Profile | None:
        config = await self._config((("profile", name), ("reconfig", "true")), _CONFIG)
        if config is None:
            return None
        element = self._walk(config, name)
        if element is None:
            return None
        profile = self.profiles.get(name)
        if profile is None:
            return self._start(element)
        profile.settings = params(element, "settings/param")
        self._add_all(profile, element)
        await self._domains(profile, element, _CONFIG_DIRECTORY)
        return profile

    def _walk(self, config: etree._Element, name: str) -> etree._Element | None:
        """The profile; one without settings that stands before it, or is it, fails aloud (sofia.c:4568)."""
        for element in config.iterfind("profiles/profile"):
            if element.find("settings") is None:
                self._fail(element.get("name", ""), 4568)
            elif element.get("name") == name:
                return element
        return None

    def _fail(self, name: str, line: int, uri: str | None = None) -> None:
        told = [("module_name", "mod_sofia"), ("profile_name", name)]
        if uri is not None:
            told.append(("profile_uri", uri))
        told += [("failure_message", "Profile failed to start."), ("file", "sofia.c"), ("line", str(line))]
        self._core.fire("FAILURE", _FAILED, told)

    # --- starting and stopping ----------------------------------------------------------------------

    def _start(self, element: etree._Element) -> Profile | None:
        """Says that it started, before it knows: the port is taken in the profile's own thread."""
        name = element.get("name", "")
        if name in self.profiles:
            return self.profiles[name]
        if element.find("settings") is None:
            self._fail(name, 4568)
            return None
        profile = Profile(self._core, name, params(element, "settings/param"), self.gateways)
        self._core.fire("CUSTOM", _STARTED, profile.headers(), subclass="sofia::profile_start")
        if name in self.stopping:
            self.lost.append(profile)  # sofia_glue.c:2059, sofia_glue_add_profile
            return profile
        others = {each.port for each in (*self.profiles.values(), *self.lost)}
        if profile.port in self._core.faults.taken_ports | others:
            self._core.spawn(self._fail_to_bind(profile), f"profile {name} waits for its port")
            return profile
        self.profiles[name] = profile
        told = [("service", "_sip._udp,_sip._tcp,_sip._sctp"), ("port", str(profile.port))]
        self._core.fire("PUBLISH", _PUBLISHED, [*told, *profile.headers()])
        profile.worker = self._core.spawn(self._work(profile), f"profile {name}")
        return profile

    async def _fail_to_bind(self, profile: Profile) -> None:
        await self._core.sleep(_BIND_RETRIES)
        self._fail(profile.name, 3312, profile.url)

    async def _work(self, profile: Profile) -> None:
        """The worker's first act: it asks again, for its gateways."""
        config = await self._config((("profile", profile.name),), _WORKER)
        element = None if config is None else _profile(config, profile.name)
        if element is not None and self.profiles.get(profile.name) is profile:
            self._add_all(profile, element)
            await self._domains(profile, element, _WORKER_DIRECTORY)

    async def _stop(self, profile: Profile) -> None:
        """Found no more at once, nor are its gateways; its thread sees that within a second, and hangs up."""
        if self.profiles.get(profile.name) is profile:
            self.stopping[profile.name] = self.profiles.pop(profile.name)
            for gateway in [each for each in self.gateways.values() if each.profile == profile.name]:
                del self.gateways[gateway.name]
            await self._core.sleep(0.1, 0.9)
            profile.calls = 0
            profile.end()
            await self._core.sleep(1.2)
            while self._core.faults.slow_stops:
                await self._core.sleep(0.1)
            self._unpublish(profile)
            self.stopping.pop(profile.name, None)

    def _end(self, profile: Profile) -> None:
        del self.profiles[profile.name]
        self._unpublish(profile)
        profile.end()

    def _unpublish(self, profile: Profile) -> None:
        told = [("service", "_sip._udp,_sip._tcp,_sip._sctp"), ("port", str(profile.port))]
        self._core.fire("UNPUBLISH", _UNPUBLISHED, [*told, *profile.headers()])

    # --- gateways and domains -----------------------------------------------------------------------

    def _add_all(self, profile: Profile, element: etree._Element) -> None:
        for each in element.iterfind("gateways/gateway"):
            self._add(profile, each)

    def _add(self, profile: Profile, element: etree._Element) -> None:
        name = element.get("name", "")
        known = self.gateways.get(name)
        # "Ignoring duplicate gateway" is said of the same profile only (sofia.c, parse_gateways).
        if known is None or known.profile != profile.name:
            profile.add(read_gateway(element, profile.name))

    async def _domains(self, profile: Profile, element: etree._Element, caller: Caller) -> None:
        for domain in element.iterfind("domains/domain"):
            name = domain.get("name", "")
            alias, parse = (domain.get(which, "").lower() in _TRUE for which in ("alias", "parse"))
            if name.lower() != "all":
                if alias:
                    self._alias(profile, name)
                continue
            told = (("purpose", "gateways"), ("profile", profile.name))
            directory = await self._core.locate(Question("directory", params=told), caller)
            if directory is None or self.profiles.get(profile.name) is not profile:
                continue
            for each in directory.iterfind("domain"):
                if alias:
                    self._alias(profile, each.get("name", ""))
                if parse:
                    for user in each.iter("user"):
                        self._add_all(profile, user)

    def _alias(self, profile: Profile, name: str) -> None:
        """A name is an alias of the first profile that took it."""
        if not any(name in each.aliases for each in self.profiles.values()):
            profile.aliases.add(name)


def _profile(config: etree._Element, name: str) -> etree._Element | None:
    found = (each for each in config.iterfind("profiles/profile") if each.get("name") == name)
    return next(found, None)
