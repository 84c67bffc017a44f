"""Users and domains, and the cache of users (switch_xml.c:2066-2280)."""

import copy
import time
from dataclasses import dataclass

from lxml import etree

from esl.switch.core import Core
from esl.switch.events import Caller
from esl.switch.lookup import Question

LOCATE_USER = Caller("switch_xml.c", "switch_xml_locate_user", 2258)
_LOCATE_DOMAIN = Caller("switch_xml.c", "switch_xml_locate_domain", 1884)
_USER_DATA = Caller("mod_commands.c", "user_data_function", 1328)


@dataclass(frozen=True, slots=True)
class _Cached:
    user: etree._Element
    until: float | None


class Directory:
    """Looks users up. The cache's key is key, user and domain as asked; its times are real ones."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._cache: dict[tuple[str, str, str], _Cached] = {}

    # --- looking up ---------------------------------------------------------------------------------

    async def user(
        self,
        key: str,
        user: str,
        domain: str,
        caller: Caller = LOCATE_USER,
        told: tuple[tuple[str, str], ...] = (),
    ) -> etree._Element | None:
        """The user merged with what his domain and groups give him, from the cache or asked for."""
        cached = self._cache.get((key, user, domain))
        if cached is not None and (cached.until is None or time.monotonic() <= cached.until):
            return cached.user
        merged = await self.asked(key, user, domain, caller, told)
        if merged is not None:
            self._keep((key, user, domain), merged)
        return merged

    async def asked(
        self, key: str, user: str, domain: str, caller: Caller, told: tuple[tuple[str, str], ...]
    ) -> etree._Element | None:
        """The same past the cache."""
        params = (*told, ("key", key), ("user", user), ("domain", domain))
        found = await self._core.locate(Question("directory", "domain", "name", domain, params), caller)
        return None if found is None else _merged(found, key, user)

    async def domain(self, name: str) -> etree._Element | None:
        """The domain itself."""
        question = Question("directory", "domain", "name", name, (("domain", name),))
        return await self._core.locate(question, _LOCATE_DOMAIN)

    async def data(self, who: str, kind: str, name: str) -> str:
        """``user_data``: a variable, parameter or attribute; empty when there is none."""
        user, _, domain = who.partition("@")
        domain = domain or self._core.variables["domain"]
        for key in ("id", "number-alias"):
            found = await self.user(key, user, domain, _USER_DATA, (("type", kind),))
            if found is not None:
                return _data(found, kind, name)
        return ""

    # --- the cache ----------------------------------------------------------------------------------

    def _keep(self, key: tuple[str, str, str], user: etree._Element) -> None:
        cacheable = user.get("cacheable")
        if not cacheable:
            return
        until = None
        if cacheable.isdecimal() and int(cacheable) > 0:
            # A C int of microseconds: above 2147483 ms it wraps, mostly to a time long past.
            wrapped = (int(cacheable) * 1000 + 2**31) % 2**32 - 2**31
            until = time.monotonic() + wrapped / 1_000_000
        self._cache[key] = _Cached(user, until)

    def flush(self, arguments: list[str]) -> int:
        """How many entries went. Without a key and a user, all; an expired entry counts as well."""
        if len(arguments) < 2:
            count = len(self._cache)
            self._cache.clear()
            return count
        if len(arguments) > 3:
            return 0
        key, user = arguments[:2]
        domain = arguments[2] if len(arguments) == 3 else self._core.variables["domain"]
        return 0 if self._cache.pop((key, user, domain), None) is None else 1

    def forget(self) -> None:
        """A new life begins with an empty cache."""
        self._cache.clear()


def _merged(domain: etree._Element, key: str, name: str) -> etree._Element | None:
    for path in ("groups/group/users/user", "users/user", "user"):
        for user in domain.iterfind(path):
            if user.get(key) == name and user.get("type") != "pointer":
                group = user.getparent().getparent() if path.startswith("groups") else None  # type: ignore[union-attr]
                return _merge(user, [each for each in (group, domain) if each is not None], domain)
    return None


def _merge(user: etree._Element, givers: list[etree._Element], domain: etree._Element) -> etree._Element:
    made = copy.deepcopy(user)
    made.tail = None
    made.set("domain-name", domain.get("name", ""))
    kinds = (("profile-variables", "variable"), ("params", "param"), ("variables", "variable"))
    for index, (tag, child) in enumerate(kinds):
        into = made.find(tag)
        if into is None:
            into = etree.Element(tag)
            made.insert(index, into)
        own = {each.get("name") for each in into.iterfind(child)}
        for giver in givers:
            given = [each for each in giver.iterfind(f"{tag}/{child}") if each.get("name") not in own]
            own.update(each.get("name") for each in given)
            into[:0] = [copy.deepcopy(each) for each in given]
    return made


def _data(user: etree._Element, kind: str, name: str) -> str:
    if kind == "attr":
        return user.get(name) or ""
    container, child = ("variables", "variable") if kind == "var" else ("params", "param")
    for each in user.iterfind(f"{container}/{child}"):
        if each.get("name") == name:
            return each.get("value") or ""
    return ""


def written(element: etree._Element) -> str:
    """An element as switch_xml writes it: no empty-element tags. Its blanks are not the real one's."""
    shown = copy.deepcopy(element)
    shown.tail = None
    for each in shown.iter():
        if each.text is None and len(each) == 0:
            each.text = ""
    return etree.tostring(shown, encoding="unicode") + "\n"
