"""The api commands: what ``api`` and ``bgapi`` run, with FreeSWITCH's words."""

import json
from collections.abc import Awaitable, Callable, Mapping

from lxml import etree

from esl.switch.acl import Acls
from esl.switch.core import Core
from esl.switch.directory import Directory, written
from esl.switch.events import Caller
from esl.switch.lookup import Question
from esl.switch.modules import Modules
from esl.switch.sofia import Sofia
from esl.switch.sofia_commands import SofiaCommands

_EXECUTED = Caller("switch_loadable_module.c", "switch_api_execute", 3140)
_RELOADED = Caller("switch_xml.c", "switch_xml_open_root", 2423)
_LOCATE = Caller("mod_commands.c", "xml_locate_function", 1871)
_QUEUE = Caller("mod_callcenter.c", "load_queue", 823)

Handler = Callable[[str], Awaitable[str]]


class Commands:
    """Runs a command line. ``extra`` are the stand-in's own commands, which no FreeSWITCH has."""

    def __init__(
        self,
        core: Core,
        sofia: Sofia,
        acls: Acls,
        directory: Directory,
        modules: Modules,
        extra: Mapping[str, Handler],
    ) -> None:
        self._core = core
        self._acls = acls
        self._directory = directory
        self._modules = modules
        self._profiles = sofia
        self._sofia = SofiaCommands(core, sofia, self.reload_xml)
        self._handlers: dict[str, Handler] = {
            "reloadxml": self._reloadxml,
            "reloadacl": self._reloadacl,
            "acl": self._acl,
            "sofia": self._sofia.run,
            "sofia_gateway_data": self._sofia.gateway_data,
            "xml_locate": self._xml_locate,
            "xml_flush_cache": self._flush,
            "user_data": self._user_data,
            "user_exists": self._user_exists,
            "find_user_xml": self._find_user_xml,
            "domain_exists": self._domain_exists,
            "module_exists": self._module_exists,
            "load": self._load,
            "unload": self._unload,
            "reload": self._reload,
            "callcenter_config": self._callcenter,
            "global_getvar": self._getvar,
            "global_setvar": self._setvar,
            "show": self._show,
            "status": self._status,
            "uptime": self._uptime,
            "version": self._version,
            "hostname": self._hostname,
            **extra,
        }

    async def run(self, line: str) -> str:
        """What the command says; empty when it says nothing."""
        name, _, arguments = line.strip().partition(" ") if line.strip() else (line, "", "")
        if (failure := self._core.faults.reply_to(line)) is not None:
            return failure
        handler = self._handlers.get(name)
        if handler is None:
            return f"-ERR {name} Command not found!\n"
        reply = await handler(arguments.strip())
        told = [("API-Command", name)]
        if arguments:
            told.append(("API-Command-Argument", arguments))
        self._core.fire("API", _EXECUTED, told)
        return reply

    # --- XML ----------------------------------------------------------------------------------------

    def reload_xml(self) -> str | None:
        """Reads the disk again; the error, or None. Only who listens to RELOADXML asks the backend anew."""
        if self._core.faults.reload_error is not None:
            return self._core.faults.reload_error
        self._core.fire("RELOADXML", _RELOADED)
        for name in ("loopback.conf", "timezones.conf"):
            self._core.spawn(self._refetch(name), f"reload {name}")
        return None

    async def _refetch(self, name: str) -> None:
        await self._core.locate(Question("configuration", "configuration", "name", name))

    async def _reloadxml(self, _: str) -> str:
        return f"+OK [{self.reload_xml() or 'Success'}]\n"

    async def _reloadacl(self, _: str) -> str:
        if (error := self.reload_xml()) is not None:
            return f"-ERR [{error}]\n"
        await self._acls.load()
        return "+OK acl reloaded\n"

    async def _acl(self, arguments: str) -> str:
        address, _, name = arguments.partition(" ")
        return _truth(await self._acls.check(address, name.strip()))

    async def _xml_locate(self, arguments: str) -> str:
        words = arguments.split()
        if [word.lower() for word in words] == ["root"]:
            return written(self._core.root())
        if len(words) not in (1, 4):
            return "-ERR bad args\n"
        told = tuple(zip(("section", "tag", "tag_attr_name", "tag_attr_val"), words, strict=False))
        section, tag, key, value = words if len(words) == 4 else (*words, "", "", "")
        found = await self._core.locate(Question(section, tag, key, value, told), _LOCATE)
        return "can't find anything\n" if found is None else written(found)

    async def _flush(self, arguments: str) -> str:
        count = self._directory.flush(arguments.split())
        return f"+OK cleared {count} entr{'y' if count == 1 else 'ies'}\n"

    # --- the directory ------------------------------------------------------------------------------

    async def _user_data(self, arguments: str) -> str:
        words = arguments.split()
        return await self._directory.data(*words) if len(words) == 3 else ""

    async def _user_exists(self, arguments: str) -> str:
        return _truth(await self._user(arguments) is not None)

    async def _find_user_xml(self, arguments: str) -> str:
        found = await self._user(arguments)
        return "" if found is None else written(found)

    async def _user(self, arguments: str) -> etree._Element | None:
        key, _, rest = arguments.partition(" ")
        user, _, domain = rest.partition(" ")
        return await self._directory.user(key, user, domain) if domain else None

    async def _domain_exists(self, arguments: str) -> str:
        return _truth(await self._directory.domain(arguments) is not None)

    # --- modules ------------------------------------------------------------------------------------

    async def _module_exists(self, name: str) -> str:
        return _truth(name in self._modules.loaded)

    async def _load(self, name: str) -> str:
        said = "" if self.reload_xml() is not None else "+OK Reloading XML\n"
        error = await self._modules.load(name)
        return said + ("+OK\n" if error is None else f"-ERR [{error}]\n")

    async def _unload(self, name: str) -> str:
        error = await self._modules.unload(name)
        return "+OK\n" if error is None else f"-ERR [{error}]\n"

    async def _reload(self, name: str) -> str:
        said = "" if self.reload_xml() is not None else "+OK Reloading XML\n"
        error = await self._modules.unload(name)
        said += "+OK module unloaded\n" if error is None else f"-ERR unloading module [{error}]\n"
        error = await self._modules.load(name)
        return said + ("+OK module loaded\n" if error is None else f"-ERR loading module [{error}]\n")

    async def _callcenter(self, arguments: str) -> str:
        words = arguments.split()
        if "mod_callcenter" not in self._modules.loaded:
            return "-ERR callcenter_config Command not found!\n"
        if len(words) != 3 or words[0] != "queue" or words[1] not in ("load", "reload"):
            return "-ERR Invalid!\n"
        told = (("CC-Queue", words[2]),)
        question = Question("configuration", "configuration", "name", "callcenter.conf", told)
        found = await self._core.locate(question, _QUEUE)
        queues = () if found is None else found.iterfind("queues/queue")
        if not any(queue.get("name") == words[2] for queue in queues):
            return "-ERR Invalid Queue not found!\n"
        return "+OK\n"

    # --- the rest -----------------------------------------------------------------------------------

    async def _getvar(self, name: str) -> str:
        if name:
            return self._core.variables.get(name, "")
        return "".join(f"{each}={value}\n" for each, value in self._core.variables.items())

    async def _setvar(self, arguments: str) -> str:
        name, _, value = arguments.partition("=")
        value, conditional, before = value.partition("=")
        held = self._core.variables.get(name.strip(), "")
        # switch_core.c, switch_core_set_var_conditional: only in the place of that value.
        if not conditional or held == before.strip():
            self._core.variables[name.strip()] = value.strip().replace("${", "%{")
            if not value.strip():
                del self._core.variables[name.strip()]
        return "+OK"

    async def _show(self, arguments: str) -> str:
        what, _, form = arguments.partition(" ")
        rows: list[dict[str, str]] = []
        if what == "modules":
            rows = [
                {"type": "generic", "name": name, "ikey": name, "filename": f"{name}.so"}
                for name in sorted(self._modules.loaded)
            ]
        elif what not in ("registrations", "channels", "calls"):
            return "-USAGE: [ modules | registrations | channels | calls ] [as json]\n"
        if form == "as json":
            if not rows:
                return '{"row_count": 0}\n'
            return json.dumps({"row_count": len(rows), "rows": rows}, separators=(",", ":"))
        lines = [",".join(row.values()) for row in rows]
        head = [",".join(rows[0])] if rows else []
        return "\n".join([*head, *lines, f"\n{len(rows)} total.\n"])

    async def _status(self, _: str) -> str:
        return (
            f"UP {self._core.up_time()}\nFreeSWITCH (Version {self._core.config.version}) is ready\n"
            f"0 session(s) since startup\n{self._sofia_calls()} session(s) - peak 0, last 5min 0 \n"
            "0 session(s) per Sec out of max 30, peak 0, last 5min 0 \n1000 session(s) max\n"
            "min idle cpu 0.00/100.00\n"
        )

    def _sofia_calls(self) -> int:
        return sum(
            each.calls for each in (*self._profiles.profiles.values(), *self._profiles.stopping.values())
        )

    async def _uptime(self, unit: str) -> str:
        factor = {"us": 1_000_000, "ms": 1000}.get(unit, 1)
        return str(int(self._core.up_for() * factor))

    async def _version(self, _: str) -> str:
        return f"FreeSWITCH Version {self._core.config.version} (64bit)\n"

    async def _hostname(self, _: str) -> str:
        return self._core.variables["hostname"]


def _truth(so: bool) -> str:
    return "true" if so else "false"
