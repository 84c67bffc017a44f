"""What every part of a switch stands on: who it is, its variables, its events, and how it finds XML."""

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import Executor

from lxml import etree

from esl.switch.config import DOMAIN, SwitchConfig
from esl.switch.events import Caller, Event, Identity
from esl.switch.faults import Faults
from esl.switch.lookup import Answer, Asker, Lookup, Question
from esl.switch.preprocessor import preprocess

logger = logging.getLogger(__name__)

Sink = Callable[[Event], None]
_KEPT = 10_000
_SECOND = 1_000_000
_UNITS = (
    ("year", 365 * 86400 * _SECOND),
    ("day", 86400 * _SECOND),
    ("hour", 3600 * _SECOND),
    ("minute", 60 * _SECOND),
    ("second", _SECOND),
    ("millisecond", 1000),
    ("microsecond", 1),
)


class Core:
    """The core of one switch. All but the lookups' waiting happens in one asyncio thread."""

    def __init__(self, config: SwitchConfig, faults: Faults, executor: Executor) -> None:
        self.config = config
        self.faults = faults
        self.identity = Identity(config.name)
        self.variables: dict[str, str] = {}
        self.unbound = False
        """mod_xml_curl was unloaded: nobody is asked."""
        self.lookups: deque[Lookup] = deque(maxlen=_KEPT)
        # Not a secret: it only spreads delays.
        self.random = random.Random(config.name)  # noqa: S311
        self._sinks: set[Sink] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._lasting: set[asyncio.Task[None]] = set()
        self._parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True)
        self._asker = (
            None
            if config.xml_curl_url is None
            else Asker(config.xml_curl_url, config.xml_curl_credentials, config.lookup_timeout, executor)
        )
        self.reset()

    def reset(self) -> None:
        """A new life: a new Core-UUID, and the variables a fresh process has."""
        self.identity = Identity(self.config.name)
        self.variables = {
            "hostname": self.config.name,
            "switchname": self.config.name,
            "domain": DOMAIN,
            "domain_name": DOMAIN,
            "local_ip_v4": "127.0.0.1",
            "core_uuid": self.identity.core_uuid,
            **self.config.variables,
        }

    # --- time and tasks ---------------------------------------------------------------------------

    def scaled(self, seconds: float) -> float:
        """A duration of FreeSWITCH's in this switch's time."""
        return seconds * self.config.timing.scale

    def up_for(self) -> float:
        """Seconds of this life."""
        return time.monotonic() - self.identity.started

    def up_time(self) -> str:
        """The same in words."""
        left, parts = int(self.up_for() * 1_000_000), []
        for unit, size in _UNITS:
            count, left = divmod(left, size)
            parts.append(f"{count} {unit}{'' if count == 1 else 's'}")
        return ", ".join(parts)

    async def sleep(self, low: float, high: float | None = None) -> None:
        """Waits ``low`` seconds of FreeSWITCH's, or anything up to ``high``."""
        await asyncio.sleep(self.scaled(low if high is None else self.random.uniform(low, high)))

    def spawn(
        self, work: Coroutine[None, None, None], name: str, *, lasting: bool = False
    ) -> asyncio.Task[None]:
        """Runs something beside; its failure is logged, and it ends with the switch."""
        task = asyncio.create_task(work, name=f"{self.config.name}: {name}")
        self._tasks.add(task)
        if lasting:
            self._lasting.add(task)
        task.add_done_callback(self._ended)
        return task

    @property
    def busy(self) -> bool:
        """Whether anything runs beside that will end by itself."""
        return len(self._tasks) > len(self._lasting)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._lasting.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("%s failed", task.get_name(), exc_info=error)

    async def end(self) -> None:
        """Cancels what runs beside, and waits for it."""
        own = asyncio.current_task()
        tasks = [task for task in self._tasks if task is not own]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def close(self) -> None:
        """Makes lookups under way end."""
        if self._asker is not None:
            self._asker.close()

    # --- events -----------------------------------------------------------------------------------

    def subscribe(self, sink: Sink) -> Callable[[], None]:
        """Hands every event to ``sink`` until the returned function is called."""
        self._sinks.add(sink)
        return lambda: self._sinks.discard(sink)

    def fire(
        self,
        name: str,
        caller: Caller,
        headers: Iterable[tuple[str, str]] = (),
        *,
        subclass: str | None = None,
        body: str | None = None,
    ) -> None:
        """Sends an event to whoever listens."""
        if self.faults.loses(name, subclass):
            return
        self.identity.ahead = self.faults.clock_ahead
        told = (*self.identity.headers(name, caller, subclass), *headers)
        event = Event(name, subclass, told, body)
        for sink in tuple(self._sinks):
            sink(event)

    # --- lookups ----------------------------------------------------------------------------------

    async def locate(
        self, question: Question, caller: Caller | None = None, event: str = "REQUEST_PARAMS"
    ) -> etree._Element | None:
        """The element asked for: from the backend, else from the disk, else None (switch_xml.c:1806-1871).

        ``caller`` is None where FreeSWITCH sends no event header, only the five fields.
        """
        found = await self._ask(question, caller, event)
        return found if found is not None else self._from_disk(question)

    async def _ask(self, question: Question, caller: Caller | None, event: str) -> etree._Element | None:
        if self._asker is None or self.unbound:
            return None
        headers = () if caller is None else self.identity.headers(event, caller)
        body = question.body(self.config.name, headers)
        answer = Answer(None) if self.faults.lookups_blocked else await self._asker.ask(body)
        root = self._parse(answer.text) if answer.text else None
        found = None if root is None else pick(root, question)
        params, known = dict(question.params), found is not None
        self.lookups.append(Lookup(question.section, question.key_value, params, answer.status, known, body))
        return found

    def root(self) -> etree._Element:
        """All that stands on its disk, in one document; by the binding and the guard that it goes by."""
        root = etree.Element("document", type="freeswitch/xml")
        guard = self.config.inbound_acl or "any_v4.auto"
        own = [_configuration("event_socket.conf", "settings", [{"apply-inbound-acl": guard}])]
        if self.config.xml_curl_url is not None:
            user, password = self.config.xml_curl_credentials or ("", "")
            binding = {"gateway-url": self.config.xml_curl_url, "gateway-credentials": f"{user}:{password}"}
            binding["timeout"] = str(int(self.config.lookup_timeout))
            own.append(_configuration("xml_curl.conf", "bindings/binding", [binding]))
        found = [self._parse(text) for text in self.config.disk.values()]
        for document in [each for each in found if each is not None] + own:
            for section in document.iterfind("section"):
                named = root.find(f"section[@name='{section.get('name')}']")
                if named is None:
                    named = etree.SubElement(root, "section", name=section.get("name", ""))
                named.extend(list(section))
        return root

    def _parse(self, text: str) -> etree._Element | None:
        read = preprocess(text, self.variables)
        try:
            return etree.fromstring(read.text.encode(), self._parser)
        except etree.XMLSyntaxError as error:
            logger.warning("%s: an answer is not XML: %s", self.config.name, error)
            return None

    def _from_disk(self, question: Question) -> etree._Element | None:
        for name in (question.key_value, question.section):
            text = self.config.disk.get(name)
            if text is not None and (root := self._parse(text)) is not None:
                return pick(root, question)
        return None


def _configuration(name: str, path: str, params: list[dict[str, str]]) -> etree._Element:
    document = etree.Element("document")
    section = etree.SubElement(document, "section", name="configuration")
    inner = etree.SubElement(section, "configuration", name=name)
    for tag in path.split("/"):
        inner = etree.SubElement(inner, tag)
    for each in params:
        for key, value in each.items():
            etree.SubElement(inner, "param", name=key, value=value)
    return document


def pick(root: etree._Element, question: Question) -> etree._Element | None:
    """The asked section, or the asked tag in it; None for another section, another name or "not found"."""
    for section in root.findall("section"):
        if section.get("name") != question.section:
            continue
        if not question.tag_name:
            return section
        for tag in section.findall(question.tag_name):
            if not question.key_name or tag.get(question.key_name) == question.key_value:
                return tag
    return None
