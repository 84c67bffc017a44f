"""Stand-in nodes behind proxies, and every command that reached them."""

import signal
from collections.abc import Callable
from weakref import WeakKeyDictionary

from esl.switch import Switch, SwitchConfig
from tests.e2e.house import ESL_PASSWORD, Node
from tests.faults.backstage import Backstage
from tests.faults.proxy import Proxy

Judge = Callable[["Fragile", str], None]


class Fragile(Node):
    """A stand-in; `port` is that of the proxy before its Event Socket, `lookups` the one before ours.

    `judge` is called in the stand-ins' loop with each command that is passed to it, before it runs.
    """

    def __init__(
        self, backstage: Backstage, name: str, port: int, ours: int, lookup_password: str, judge: Judge
    ) -> None:
        super().__init__(name, port, self)
        self.socket = Proxy(0, self._seen)
        self.lookups = Proxy(ours)
        self.commands: list[str] = []
        self._password = lookup_password
        self._judge = judge
        self.backstage = backstage
        self._switch: Switch | None = None
        self._begun: WeakKeyDictionary[object, bytes] = WeakKeyDictionary()

    @property
    def switch(self) -> Switch:
        assert self._switch is not None
        return self._switch

    # --- life ------------------------------------------------------------------------------------

    def start(self) -> None:
        self.backstage.run(self._start())

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.backstage.run(self._stop())
        return 0

    def close(self) -> None:
        if self._switch is not None:
            self.stop()

    def reboot(self) -> None:
        """As FreeSWITCH does it: it says so, and hangs up."""
        self.backstage.run(self.switch.reboot())

    def lose_power(self) -> None:
        """Nobody is told, and then it boots."""
        self.backstage.do(self.socket.lose_target)
        self.reboot()

    def mend(self) -> None:
        """Lift every fault."""

        def mend() -> None:
            faults = self.switch.faults
            faults.refuse = faults.stall = faults.garble = faults.lookups_blocked = faults.slow_stops = False
            faults.cut = faults.reload_error = None
            faults.errors, faults.lose, faults.taken_ports = {}, set(), set()
            self.socket.mend()
            self.lookups.mend()

        self.backstage.do(mend)

    # --- what it runs ----------------------------------------------------------------------------

    def api(self, command: str) -> str:
        return self.backstage.run(self.switch.api(command))

    def gateways(self) -> dict[str, tuple[str, str]]:
        """Each gateway's profile and mark; twice the same name is seen as a third mark."""
        return self.backstage.do(self._gateways)

    def profiles(self) -> dict[str, tuple[str, str]]:
        """Each running profile's mark, and the port that it listens on."""
        return self.backstage.do(
            lambda: {
                name: (each.settings.get("context", ""), str(each.port))
                for name, each in self.switch.profiles.items()
            }
        )

    def document(self) -> str | None:
        """The mark of the document that its module goes by."""
        found = self.switch.documents.get("sndfile.conf")
        return None if found is None else found.get("description")

    def _gateways(self) -> dict[str, tuple[str, str]]:
        found: dict[str, tuple[str, str]] = {}
        for profile in self.switch.profiles.values():
            for each in profile.gateways:
                if not each.deleted:
                    mark = each.params.get("password", "")
                    found[each.name] = (profile.name, mark if each.name not in found else "twice")
        return found

    # --- inside ----------------------------------------------------------------------------------

    async def _start(self) -> None:
        if not self.lookups.port:
            await self.lookups.start()
        config = SwitchConfig(
            name=self.name,
            password=ESL_PASSWORD,
            xml_curl_url=f"http://127.0.0.1:{self.lookups.port}/xml_curl",
            xml_curl_credentials=(self.name, self._password),
            lookup_timeout=1.0,
        )
        self._switch = Switch(config)
        await self._switch.start()
        self.socket.target = self._switch.port
        if not self.socket.port:
            await self.socket.start(self.port)

    async def _stop(self) -> None:
        await self.socket.stop()
        switch, self._switch, self.commands = self.switch, None, []
        await switch.stop()
        await self.lookups.stop()
        self.socket, self.lookups = Proxy(0, self._seen), Proxy(self.lookups.target)

    def _seen(self, wire: object, data: bytes) -> None:
        *frames, self._begun[wire] = (self._begun.get(wire, b"") + data).split(b"\n\n")
        for frame in frames:
            word, _, line = frame.partition(b"\n")[0].decode().partition(" ")
            if word in ("api", "bgapi"):
                self.commands.append(line)
                self._judge(self, line)
