"""Random edits, faults, reboots and crashes, all of them from one seed.

No hypothesis state machine: an example takes seconds; it cannot be shrunk, since what it finds hangs on the
moment in which a process was killed; and the first example of each hypothesis run is the empty one. What is
kept of it: weighted rules, and truths that are checked at the end.
"""

import itertools
import os
import random
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TypeAlias

import httpx2

from tests.faults.house import DOMAIN, PROFILES, FragileHouse
from tests.faults.nodes import Fragile

STEPS = 20
_PAUSE = 0.08
"""Seconds between two steps at most: how far the daemon is when the next thing happens has to vary."""
_CRASH_WITHIN = 0.3
_GATEWAYS = {"gw-a": "external", "gw-b": "second", "gw-c": "external"}
"""Their profiles. None moves: while its change waits for its turn, or a rescan for its plan, a rescan that is
answered from the newest revision adds it to the new profile beside the old; `gateway-duplicate` tells of it.
"""
_USERS = ("1000", "1001")
_EVENTS = (
    "sofia::gateway_delete",
    "sofia::gateway_add",
    "sofia::profile_start",
    "BACKGROUND_JOB",
    "UNPUBLISH",
    "HEARTBEAT",
)
_RELOADED = "Reload XML [Success]\n"
_LIES = (
    (r" killgw ", "+OK gateway marked for deletion.\n"),
    (r" startgw gw-a$", f"{_RELOADED}+OK start gateway gw-a complete\n"),
    (r" rescan$", f"{_RELOADED}+OK scan complete\n"),
    (r" second stop$", f"{_RELOADED}stopping: second"),
    (r" second start$", f"{_RELOADED}second started successfully\n"),
    (r" second restart$", f"{_RELOADED}restarting: second"),
    (r"^reloadacl$", "+OK acl reloaded\n"),
)
_REFUSALS = (
    r" killgw ",
    r" startgw ",
    r" rescan$",
    r"^reloadacl$",
    r"^xml_flush_cache",
    r"^xml_locate",
    r"^reload ",
)


@dataclass(slots=True)
class Tally:
    """What was done, in numbers."""

    accepted: int = 0
    refused: int = 0
    unanswered: int = 0
    crashes: int = 0
    interrupted: int = 0
    stops: int = 0
    reboots: int = 0
    faults: int = 0
    by_hand: int = 0

    def add(self, other: "Tally") -> None:
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))


class Driver:
    """One seed's run on a house that has just begun. `steps`: what was done, in words."""

    def __init__(self, house: FragileHouse, seed: int) -> None:
        self.house = house
        self.tally = Tally()
        self.steps: list[str] = []
        self._chance = random.Random(seed)
        self._nodes = list(house.nodes.values())
        self._marks = 0
        self._doomed = False
        """Whether the daemon is killed already, or will be in a moment."""
        self._timer: threading.Timer | None = None
        self._seen: set[str] = set()

    def run(self) -> Tally:
        """Do the steps, then lift every fault and see that all is true."""
        for _ in range(STEPS):
            rule = self._chance.choices(tuple(_RULES), tuple(_RULES.values()))[0]
            try:
                rule(self)
            except httpx2.TransportError:
                assert self._doomed, "the daemon does not answer"
                self.tally.unanswered += 1
                self._revive()
            time.sleep(self._chance.uniform(0, _PAUSE))
        if self._doomed:
            self._revive()
        self.house.mend()
        self.house.settled()
        self.house.check()
        self.tally.interrupted = self.house.interrupted()
        return self.tally

    # --- rules: what operators do ------------------------------------------------------------------

    def put_gateway(self) -> None:
        name, profile = self._chance.choice(tuple(_GATEWAYS.items()))
        self._edit(lambda mark: self.house.gateway(name, profile, mark, self._chance.random() < 0.5), name)

    def delete_gateway(self) -> None:
        name = self._chance.choice(tuple(_GATEWAYS))
        self._edit(lambda _: self.house.delete(("gateways", name)), f"no {name}")

    def put_profile(self) -> None:
        """Every other time with another port, unless a node has booted and was not compared since then.

        What a profile goes by that started before the change, and was not compared before it, nobody
        can tell: it is taken to be what is wanted now.
        """
        name = self._chance.choice(("external", "second", "second"))
        stands, another = self.house.account.mark(("profiles", name)), self._chance.random() < 0.5
        another = another and self._compared()
        port = int(stands[1]) if isinstance(stands, tuple) else PROFILES[name]

        def change(mark: str) -> bool:
            return self.house.profile(name, f"context-{mark}", port + 2 * int(mark) if another else port)

        self._edit(change, f"{name} with {'another' if another else 'its'} port")

    def put_document(self) -> None:
        self._edit(self.house.document, "document")

    def delete_profile(self) -> None:
        self._edit(lambda _: self.house.delete(("profiles", "second")), "no second")

    def put_user(self) -> None:
        name = self._chance.choice(_USERS)
        self._edit(lambda mark: self.house.user(name, mark), name)

    def delete_user(self) -> None:
        name = self._chance.choice(_USERS)
        self._edit(lambda _: self.house.delete((f"domains/{DOMAIN}/users", name)), f"no {name}")

    def put_network(self) -> None:
        self._edit(self.house.network, "network")

    # --- rules: what happens to nodes --------------------------------------------------------------

    def use_user(self) -> None:
        """From then on the node keeps him."""
        self._by_hand(f"user_data {self._chance.choice(_USERS)}@{DOMAIN} param password")

    def kill_gateway(self) -> None:
        self._by_hand(f"sofia profile external killgw {self._chance.choice(tuple(_GATEWAYS))}")

    def stop_profile(self) -> None:
        self._by_hand(f"sofia profile {self._chance.choice(('external', 'second'))} stop")

    def reboot(self) -> None:
        node = self._chance.choice(self._nodes)
        way: Callable[[Fragile], None] = self._chance.choice((Fragile.reboot, Fragile.lose_power))
        self._note(f"{node.name} {way.__name__}")
        self.tally.reboots += 1
        way(node)

    def fault(self) -> None:
        node = self._chance.choice(self._nodes)
        fault: Fault = self._chance.choice(_FAULTS)
        self._note(f"{node.name} {fault.__name__}")
        self.tally.faults += 1
        node.backstage.do(lambda: fault(node, self._chance))

    def mend(self) -> None:
        node = self._chance.choice(self._nodes)
        self._note(f"{node.name} mended")
        node.mend()

    # --- rules: what happens to the daemon -----------------------------------------------------------

    def crash(self) -> None:
        """`kill -9`, in a moment: amid an edit, or when a node is about to run a command of a push."""
        if self._doomed:
            return
        self._doomed = True
        child = self.house.daemon.child
        assert child is not None
        if self._chance.random() < 0.4:
            delay = self._chance.uniform(0, _CRASH_WITHIN)
            self._note(f"crash in {delay:.3f}")
            self._timer = threading.Timer(delay, os.kill, (child.pid, signal.SIGKILL))
            self._timer.start()
            return
        count = self._chance.choice((1, 1, 1, 2, 2, 3, 4))
        self._note(f"crash at command {count}")
        commands = itertools.count(1)

        def trap() -> None:
            if next(commands) == count:
                os.kill(child.pid, signal.SIGKILL)

        self.house.trap = trap

    def stop(self) -> None:
        if not self._doomed:
            self._note("stop")
            self.tally.stops += 1
            assert self.house.daemon.stop() == 0
            self.house.start()

    # --- inside ----------------------------------------------------------------------------------

    def _edit(self, change: Callable[[str], bool], what: str) -> None:
        self._marks += 1
        self._note(f"{what} {self._marks}")
        if change(str(self._marks)):
            self.tally.accepted += 1
        else:
            self.tally.refused += 1

    def _compared(self) -> bool:
        """Whether every node was seen to be in sync since it booted."""
        for node in self._nodes:
            status = self.house.status(node.name)
            if status["in_sync"]:
                self._seen.add(status["link"]["core_uuid"])
        return all(node.switch.core_uuid in self._seen for node in self._nodes)

    def _by_hand(self, command: str) -> None:
        node = self._chance.choice(self._nodes)
        self._note(f"{node.name} {command}")
        self.tally.by_hand += 1
        node.api(command)

    def _revive(self) -> None:
        """The daemon is gone, or goes now; it is started again."""
        if self._timer is not None:
            self._timer.join()
        self._timer = self.house.trap = None
        self._doomed = False
        self._note("crashed")
        self.tally.crashes += 1
        self.house.crash()
        self.house.start()
        self.house.learn()

    def _note(self, step: str) -> None:
        self.steps.append(step)


Fault: TypeAlias = Callable[[Fragile, random.Random], None]


def way_stalls(node: Fragile, chance: random.Random) -> None:
    chance.choice((node.socket, node.lookups)).stall()


def way_refuses(node: Fragile, chance: random.Random) -> None:
    chance.choice((node.socket, node.lookups)).refuses = True


def way_slow(node: Fragile, chance: random.Random) -> None:
    chance.choice((node.socket, node.lookups)).delay = chance.uniform(0.01, 0.2)


def way_cut(node: Fragile, chance: random.Random) -> None:
    chance.choice((node.socket, node.lookups)).cut(chance.randrange(400))


def way_garbles(node: Fragile, chance: random.Random) -> None:
    chance.choice((node.socket, node.lookups)).garble()


def link_reset(node: Fragile, _: random.Random) -> None:
    node.socket.reset()


def link_half_open(node: Fragile, chance: random.Random) -> None:
    chance.choice((node.socket.lose_target, node.socket.lose_clients))()


def node_refuses(node: Fragile, _: random.Random) -> None:
    node.switch.faults.refuse = True


def node_hangs(node: Fragile, _: random.Random) -> None:
    node.switch.faults.stall = True


def node_cannot_ask(node: Fragile, _: random.Random) -> None:
    node.switch.faults.lookups_blocked = True


def node_lies(node: Fragile, chance: random.Random) -> None:
    pattern, reply = chance.choice(_LIES)
    node.switch.faults.errors[pattern] = reply


def node_will_not(node: Fragile, chance: random.Random) -> None:
    node.switch.faults.errors[chance.choice(_REFUSALS)] = "-ERR not now\n"


def node_loses_events(node: Fragile, chance: random.Random) -> None:
    node.switch.faults.lose |= set(chance.sample(_EVENTS, 2))


def node_port_taken(node: Fragile, _: random.Random) -> None:
    node.switch.faults.taken_ports |= set(range(5090, 5500))


def node_stops_slowly(node: Fragile, _: random.Random) -> None:
    node.switch.faults.slow_stops = True


_FAULTS: tuple[Fault, ...] = (
    way_stalls,
    way_refuses,
    way_slow,
    way_cut,
    way_garbles,
    link_reset,
    link_half_open,
    node_refuses,
    node_hangs,
    node_cannot_ask,
    node_lies,
    node_will_not,
    node_loses_events,
    node_port_taken,
    node_stops_slowly,
)

_RULES: dict[Callable[[Driver], None], float] = {
    Driver.put_gateway: 7,
    Driver.delete_gateway: 2,
    Driver.put_profile: 2,
    Driver.delete_profile: 1,
    Driver.put_user: 2,
    Driver.delete_user: 1,
    Driver.put_network: 1,
    Driver.put_document: 1.5,
    Driver.use_user: 2,
    Driver.kill_gateway: 1.5,
    Driver.stop_profile: 0.7,
    Driver.reboot: 1,
    Driver.fault: 5,
    Driver.mend: 2,
    Driver.crash: 2,
    Driver.stop: 0.3,
}
