"""Modules: which are loaded, what each fetches when it loads, and which fail without it."""

from collections.abc import Awaitable, Callable

from lxml import etree

from esl.switch.core import Core
from esl.switch.events import Caller
from esl.switch.lookup import Question

_LOADED = Caller("switch_loadable_module.c", "switch_loadable_module_process", 195)
_UNLOADED = Caller("switch_loadable_module.c", "switch_loadable_module_unprocess", 1301)
_PRESENCE = Caller("mod_conference.c", "send_presence", 3943)

FAILED = "module load file routine returned an error"

# In the order of the boot; what loads before mod_xml_curl is never asked for.
_FETCHES: dict[str, tuple[str, ...]] = {
    "mod_console": (),
    "mod_commands": (),
    "mod_event_socket": (),
    "mod_xml_curl": (),
    "mod_sofia": (),
    "mod_loopback": ("loopback.conf",),
    "mod_conference": ("conference.conf",),
    "mod_db": ("db.conf",),
    "mod_dptools": (),
    "mod_fifo": ("fifo.conf",),
    "mod_hash": ("hash.conf",),
    "mod_voicemail": ("voicemail.conf", "voicemail.conf"),
    "mod_callcenter": ("callcenter.conf",),
    "mod_dialplan_xml": (),
    "mod_sndfile": ("sndfile.conf",),
    "mod_local_stream": ("local_stream.conf",),
}
_NEEDS_ITS_OWN = frozenset({"mod_fifo", "mod_voicemail", "mod_callcenter", "mod_local_stream"})
_AFTER_BOOT_NEVER = frozenset({"mod_voicemail"})


class Modules:
    """The loaded modules. ``load_sofia`` and ``unload_sofia`` are what mod_sofia does itself."""

    def __init__(
        self,
        core: Core,
        load_sofia: Callable[[], Awaitable[bool]],
        unload_sofia: Callable[[], Awaitable[None]],
    ) -> None:
        self.loaded: set[str] = set()
        self.documents: dict[str, etree._Element] = {}
        """What those that loaded found, by its name."""
        self._failed_at_boot: set[str] = set()
        self._core = core
        self._load_sofia = load_sofia
        self._unload_sofia = unload_sofia

    async def boot(self) -> None:
        """Loads all of them, one after another."""
        self.loaded.clear()
        self.documents.clear()
        self._failed_at_boot.clear()
        for name in _FETCHES:
            if not await self._load(name):
                self._failed_at_boot.add(name)

    async def load(self, name: str) -> str | None:
        """Why it could not be loaded; None if it is now."""
        if name in self.loaded:
            return "Module already loaded"
        # What a first attempt at boot left behind keeps mod_voicemail out till a restart.
        stuck = name in self._failed_at_boot & _AFTER_BOOT_NEVER
        if name not in _FETCHES or stuck or not await self._load(name):
            return FAILED
        return None

    async def unload(self, name: str) -> str | None:
        """Why it could not be unloaded; None if it is gone."""
        if name not in self.loaded:
            return "No such module!"
        if name == "mod_sofia":
            await self._unload_sofia()
        if name == "mod_xml_curl":
            self._core.unbound = True
        self.loaded.discard(name)
        self._fire("MODULE_UNLOAD", _UNLOADED, name)
        return None

    async def _load(self, name: str) -> bool:
        found = True
        for config in dict.fromkeys(_FETCHES[name]):
            presence = config == "conference.conf"
            told = (("presence", "true"),) if presence else ()
            question = Question("configuration", "configuration", "name", config, told)
            answer = await self._core.locate(question, _PRESENCE if presence else None, "COMMAND")
            found = answer is not None
            if answer is not None:
                self.documents[config] = answer
            if found and _FETCHES[name].count(config) > 1:
                await self._core.locate(question)
        if (name in _NEEDS_ITS_OWN and not found) or (name == "mod_sofia" and not await self._load_sofia()):
            return False
        self.loaded.add(name)
        if name == "mod_xml_curl":
            self._core.unbound = False
        self._fire("MODULE_LOAD", _LOADED, name)
        return True

    def _fire(self, event: str, caller: Caller, name: str) -> None:
        told = [("type", "generic"), ("name", name), ("key", name), ("filename", f"{name}.so")]
        self._core.fire(event, caller, told)
