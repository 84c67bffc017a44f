"""A control plane whose nodes stand behind proxies, and what must be true of it once faults are lifted."""

import json
import re
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from shutil import copytree, rmtree
from typing import Any

from tests.e2e.house import PYTHON, House, Process, wait
from tests.faults.account import Account, Key, Mark
from tests.faults.backstage import Backstage
from tests.faults.nodes import Fragile

NAMES = ("fs1", "fs2", "fs3")
RUNS = 30
"""Comparisons within which every node is as it should be again, retries and reconnecting included."""
DOMAIN = "example.com"
LIST = "office"
PROFILES = {"external": 5080, "second": 5091}
"""Their ports to begin with."""
DOCUMENT = ("documents", "sndfile.conf")
"""One that only a reload of its module takes over."""
_QUICK = {
    "LOG__FORMAT": "json",
    "LOG__LEVEL": "debug",
    "LOOKUPS__TIMEOUT": "1",
    "EVENT_SOCKET__CONNECT_TIMEOUT": "1",
    "EVENT_SOCKET__COMMAND_TIMEOUT": "1.5",
    "EVENT_SOCKET__JOB_TIMEOUT": "3",
    # Stand-ins in a hurry heartbeat once a second.
    "EVENT_SOCKET__IDLE_TIMEOUT": "2",
    "EVENT_SOCKET__BACKOFF_MIN": "0.05",
    "EVENT_SOCKET__BACKOFF_MAX": "0.2",
    "PUSH__DEBOUNCE": "0.05",
    "PUSH__DEBOUNCE_MAX": "0.2",
    "PUSH__DEADLINE": "10",
    "PUSH__RETRY_MIN": "0.1",
    "PUSH__RETRY_MAX": "0.3",
    "PUSH__ATTEMPTS": "1000",
    "PUSH__IDLE_CHECK": "0.3",
    "ROLLOUT__SETTLE": "1",
    "ROLLOUT__DEADLINE": "5",
    "RECONCILE__PERIOD": "0.5",
    "RECONCILE__PROFILES": "repair",
    "RECONCILE__ACLS": "repair",
    "PROBE__TIMEOUT": "2",
}
ASKS = re.compile(
    r"(sofia_gateway_data|sofia (xml|json)?status|acl|xml_locate|module_exists|global_getvar|version|status"
    r"|show|uptime|user_data)( |$)"
)
"""Commands that only ask."""
_INTERRUPTED = re.compile(r"(\d+) pushes of an earlier run wait again")
_BESIDE = re.compile(r"xml_flush_cache$|global_setvar controlplane_done_")
"""Sent beside plans: to every node that was away, and with what must not be done twice."""


class FragileHouse(House[Fragile]):
    """Nodes in this process, the daemon in one of its own."""

    def __init__(self, folder: Path, backstage: Backstage) -> None:
        super().__init__(folder, NAMES, self._fragile)
        self.account = Account()
        self.trap: Callable[[], None] | None = None
        """Called when a node is about to run a command that does something."""
        self._backstage = backstage
        words = [*PYTHON, "tests.faults.quick", "serve", "--config", str(self.config)]
        quick = {f"CONTROLPLANE__{name}": value for name, value in _QUICK.items()}
        self.daemon = Process(folder / "daemon.log", words, quick)

    # --- beginnings and ends -----------------------------------------------------------------------

    def furnish(self) -> None:
        """Start for the first time, and keep what every later `begin` sets out from."""
        self.start()
        for profile, port in PROFILES.items():
            self.profile(profile, "first", port)
        self.document("first")
        self.send("PUT", f"/domains/{DOMAIN}", {})
        self.add_nodes()
        self.in_sync()
        self.daemon.stop()
        copytree(self.folder / "var", self.folder / "first")
        self._take_leave()

    def begin(self) -> None:
        """Everything as `furnish` left it: nodes booted afresh, the account empty, the log too."""
        self._take_leave()
        rmtree(self.folder / "var")
        copytree(self.folder / "first", self.folder / "var")
        self.account = Account()
        first: dict[Key, Mark] = {("profiles", name): ("first", str(port)) for name, port in PROFILES.items()}
        for key, mark in {**first, DOCUMENT: "first"}.items():
            self.account.asked(key, mark)
            self.account.stands(key, mark)
        self.start()
        for node in self.nodes.values():
            node.start()

    def _take_leave(self) -> None:
        self.daemon.close()
        for node in self.nodes.values():
            node.close()
        self.daemon.log.unlink(missing_ok=True)

    # --- what an operator does -----------------------------------------------------------------------

    def gateway(self, name: str, profile: str, mark: str, register: bool = True) -> bool:
        params = {"username": "acme", "password": mark, "proxy": "127.0.0.1:5099", "extension": mark}
        body = {"profile": profile, "params": {**params, "register": str(register).lower()}}
        return self.put(("gateways", name), (profile, mark), body)

    def profile(self, name: str, mark: str, port: int) -> bool:
        """Its port is taken over by a restart alone."""
        addresses = {"sip-ip": "127.0.0.1", "rtp-ip": "127.0.0.1", "sip-port": str(port)}
        return self.put(("profiles", name), (mark, str(port)), {"params": {**addresses, "context": mark}})

    def document(self, mark: str) -> bool:
        xml = f'<configuration name="{DOCUMENT[1]}" description="{mark}"><settings/></configuration>'
        return self.put(DOCUMENT, mark, {"xml": xml})

    def user(self, name: str, mark: str) -> bool:
        """One whom nodes keep."""
        body = {"params": {"password": mark}, "variables": {"mark": mark}, "cacheable": 600_000}
        return self.put((f"domains/{DOMAIN}/users", name), mark, body)

    def network(self, mark: str) -> bool:
        """Let one network in, by its third byte."""
        entries = [{"type": "allow", "cidr": f"10.0.{mark}.0/24"}]
        return self.put(("acls", LIST), mark, {"default": "deny", "entries": entries})

    def put(self, key: Key, mark: Mark, body: Any) -> bool:
        return self._change("PUT", key, mark, body)

    def delete(self, key: Key) -> bool:
        return self._change("DELETE", key, None)

    def _change(self, method: str, key: Key, mark: Mark, body: Any = None) -> bool:
        """Whether it was accepted; a lost answer is raised, and the account left open."""
        before = self.account.mark(key)
        self.account.asked(key, mark)
        response = self.client.request(method, "/".join(("", *key)), json=body)
        if not response.is_success:
            assert response.is_client_error, response.text
            self.account.stands(key, before)
            return False
        self.account.stands(key, mark)
        self.account.accepted[int(response.json()["revision"])] = f"{method} {key} {mark}"
        return True

    # --- the daemon's ends ---------------------------------------------------------------------------

    def crash(self) -> None:
        """`kill -9`, and wait till nothing is left of it: what it started ends by itself."""
        assert self.daemon.child is not None
        group = self.daemon.child.pid
        self.daemon.stop(signal.SIGKILL)
        wait(lambda: not _alive(group), "no process of the daemon's is left")

    def learn(self) -> None:
        """Ask how that stands which was under way when the daemon went."""
        for key in self.account.open():
            self.account.stands(key, self.found(key))

    def found(self, key: Key) -> Mark:
        """How a thing stands in the database."""
        response = self.client.get("/".join(("", *key)))
        if response.status_code == 404:
            return None
        assert response.is_success, response.text
        row = response.json()
        if key[0] == "acls":
            return str(row["entries"][0]["cidr"]).split(".")[2]
        if key == DOCUMENT:
            return str(row["xml"]).split('"')[3]
        params = {each["name"]: each["value"] for each in (*row["params"], *row.get("variables", ()))}
        match key[0]:
            case "gateways":
                return str(row["profile"]), str(params["extension"])
            case "profiles":
                return str(params["context"]), str(params["sip-port"])
            case _:
                return str(params["mark"])

    # --- what must be true ---------------------------------------------------------------------------

    def mend(self) -> None:
        for node in self.nodes.values():
            node.mend()

    def settled(self) -> None:
        """Wait till every node is as it should be and said to be so, within so many comparisons."""
        ends: set[str] = set()

        def so() -> bool:
            jobs = {each["name"]: each for each in self.send("GET", "/jobs")["items"]}
            last = jobs["reconcile-gateways"]["last"]
            ends.add(last and last["ended_at"])
            self._look_after()
            wrong = self.differences()
            assert len(ends) <= RUNS, f"after {RUNS} comparisons: {wrong}"
            return not wrong

        wait(so, "every node is as it should be", patience=60)

    def _look_after(self) -> None:
        """What only an operator can do.

        He lets through what may have been done already, goes on with rollouts that stopped at a fault, and
        reboots a node that rescanned a profile in the moment in which somebody else stopped it:
        FreeSWITCH then runs one that no command reaches.
        """
        for rollout in self.send("GET", "/rollouts")["items"]:
            if rollout["state"] == "stopped":
                # Another may have ended it meanwhile: then there is nothing to resume.
                self.client.post(f"/rollouts/{rollout['id']}/resume")
        for node in self.nodes.values():
            if node.switch.lost:
                node.reboot()
        for each in self.send("GET", "/status")["items"]:
            doubtful = [what for what, reason in each["held"].items() if "is not known" in reason]
            if (
                doubtful
                and self.client.post(f"/nodes/{each['node']}/let", json={"what": doubtful}).is_success
            ):
                self.account.let(each["node"])

    def differences(self) -> list[str]:
        """What is not as it was asked for, in words."""
        found: list[str] = []
        gateways = {name: mark for name, mark in self.account.known("gateways").items() if mark is not None}
        profiles = {name: mark for name, mark in self.account.known("profiles").items() if mark is not None}
        users = self.account.known(f"domains/{DOMAIN}/users")
        network = self.account.mark(("acls", LIST))
        document = self.account.mark(DOCUMENT)
        for name, node in self.nodes.items():
            if (runs := node.gateways()) != gateways:
                found.append(f"{name} runs gateways {runs}, not {gateways}")
            if (up := node.profiles()) != profiles:
                found.append(f"{name} runs profiles {up}, not {profiles}")
            if (read := node.document()) != document:
                found.append(f"{name} goes by document {read}, not {document}")
            for user, mark in users.items():
                said = node.api(f"user_data {user}@{DOMAIN} param password")
                if said != (mark or "-ERR no reply\n"):
                    found.append(f"{name} knows user {user} by {said!r}, not {mark}")
            if network is not None and node.api(f"acl 10.0.{network}.1 {LIST}") != "true":
                found.append(f"{name} does not let network {network} in")
        for each in self.send("GET", "/status")["items"]:
            if not each["in_sync"] or each["pushes"]:
                found.append(f"{each['node']}: {each['why']}, {each['pushes']}")
        return found

    def check(self) -> None:
        """Nothing accepted is lost, nothing was done twice or unasked, nothing sent that was not planned."""
        for noun, names in self._nouns().items():
            for name, mark in names.items():
                assert self.found((noun, name)) == mark, f"{noun}/{name} is not {mark}"
        for number, what in self.account.accepted.items():
            assert self.client.get(f"/revisions/{number}").is_success, f"revision {number} ({what}) is lost"
        assert not self.account.wrong, self.account.wrong
        planned = self._planned()
        for name, node in self.nodes.items():
            sent = Counter(line for line in node.commands if not ASKS.match(line) and not _BESIDE.match(line))
            assert not (more := sent - planned.get(name, Counter())), f"{name} was sent, unplanned: {more}"

    def interrupted(self) -> int:
        """How many pushes were under way when the daemon was killed."""
        found = (_INTERRUPTED.match(said.get("event", "")) for said in self._logged())
        return sum(int(each[1]) for each in found if each is not None)

    def _nouns(self) -> dict[str, dict[str, Mark]]:
        nouns = ("gateways", "profiles", f"domains/{DOMAIN}/users", "acls", "documents")
        return {noun: self.account.known(noun) for noun in nouns}

    def _planned(self) -> dict[str, Counter[str]]:
        """Every command of every plan, by node: the daemon logs a plan before it sends the first of them."""
        found: dict[str, Counter[str]] = {}
        for said in self._logged():
            if said.get("event") == "planned":
                planned = found.setdefault(said["node"], Counter())
                planned.update(said["commands"])
                # A flush that an answer under way may have overtaken is done again, by the same plan.
                planned.update(each for each in said["commands"] if each.startswith("xml_flush_cache"))
        return found

    def _logged(self) -> Iterator[dict[str, Any]]:
        """What the daemon logged; a line that it was killed in is left out."""
        for line in self.daemon.log.read_text().splitlines():
            with suppress(json.JSONDecodeError):
                yield json.loads(line)

    def _fragile(self, house: House[Any], name: str, port: int, told: Mapping[str, Any]) -> Fragile:
        password = str(told["lookup_password"])
        return Fragile(self._backstage, name, port, house.lookups, password, self._judge)

    def _judge(self, node: Fragile, line: str) -> None:
        self.account.judge(node, line)
        if self.trap is not None and not ASKS.match(line):
            self.trap()


def _alive(group: int) -> bool:
    """Whether a process of the group runs; one that ended and was not waited for does not."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _, of = stat.read_text().rpartition(")")[2].split()[:3]
            if int(of) == group and state not in "ZX":
                return True
    return False
