"""What was asked of the control plane, kept beside it: what may stand, and what must not happen."""

import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TypeAlias

from tests.faults.nodes import Fragile

Key: TypeAlias = tuple[str, str]
"""A noun as its path spells it, and a name."""
Mark: TypeAlias = str | tuple[str, str] | None
"""What tells one version of a thing from all others; None: it is not there.

A gateway's begins with its profile, a profile's ends with its port.
"""


@dataclass(slots=True)
class Account:
    """All that each thing may stand as. Two values while a request is under way or its answer was lost.

    Threads: the driver's writes; the stand-ins' asks, through `judge`.
    """

    wrong: list[str] = field(default_factory=list)
    """What must not have happened, in words."""
    accepted: dict[int, str] = field(default_factory=dict)
    """Revisions that were answered 2xx, and what they were."""
    _may: dict[Key, frozenset[Mark]] = field(default_factory=dict)
    _stopped: list[object] = field(default_factory=list)
    _gone: dict[str, float] = field(default_factory=dict)
    """When each name was last asked to be gone, by the clock of event loops."""
    _changes: int = 0
    """How often the document was asked to change."""
    _born: dict[str, int] = field(default_factory=dict)
    """How often it had been when a life of a node began, by its Core-UUID."""
    _reloads: Counter[str] = field(default_factory=Counter)
    _let: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def asked(self, key: Key, mark: Mark) -> None:
        """It is being asked for."""
        with self._lock:
            self._may[key] = self._of(key) | {mark}
            self._changes += key[0] == "documents"
            if mark is None:
                self._gone[key[1]] = time.monotonic()

    def stands(self, key: Key, mark: Mark) -> None:
        """It is known how it stands."""
        with self._lock:
            if mark not in self._of(key):
                self.wrong.append(f"{key} stands as {mark}, of {set(self._of(key))}")
            self._may[key] = frozenset({mark})

    def open(self) -> list[Key]:
        """What is not known."""
        with self._lock:
            return [key for key, marks in self._may.items() if len(marks) > 1]

    def known(self, noun: str) -> dict[str, Mark]:
        """Everything of a noun that was ever asked for; all must be known."""
        with self._lock:
            return {name: mark for (of, name), (mark,) in self._may.items() if of == noun}

    def mark(self, key: Key) -> Mark:
        """How it stands, or did before what is not known."""
        with self._lock:
            return next(iter(self._of(key)))

    def all(self, key: Key) -> frozenset[Mark]:
        """All that it may stand as."""
        with self._lock:
            return self._of(key)

    def surely(self, key: Key, mark: Mark) -> bool:
        """Whether it can be nothing else."""
        return self.all(key) == {mark}

    def let(self, node: str) -> None:
        """An operator lets through what may have been done there already."""
        self._let.add(node)

    def judge(self, node: Fragile, line: str) -> None:
        """A command comes to a node: it must not undo what is as it should be, nor do a thing twice."""
        life = node.switch.core_uuid
        self._born.setdefault(life, self._changes)
        if node.switch.faults.reply_to(line) is not None:
            return  # not run
        match line.split():
            case ["sofia", "profile", _, "killgw", name]:
                gateway = node.switch.gateways.get(name)
                if gateway is not None:
                    runs = (gateway.profile, gateway.params.get("password", ""))
                    if self.surely(("gateways", name), runs):
                        self.wrong.append(f"{node.name}: {line}, which ran as it should, {runs}")
            case ["sofia", "profile", name, ("stop" | "restart") as verb]:
                profile = node.switch.profiles.get(name)
                if profile is None or profile.age() < 10:
                    return  # refused
                asked = self.all(("profiles", name))
                # One from before its name was given up and taken again may go: a plan saw it given up.
                anew = profile.started > self._gone.get(name, 0.0)
                if None not in asked and (anew if verb == "stop" else _ports(asked) == {str(profile.port)}):
                    self.wrong.append(f"{node.name}: {line}, which nobody asked for")
                if any(each is profile for each in self._stopped):
                    self.wrong.append(f"{node.name}: {line}, for the second time")
                self._stopped.append(profile)
            case ["reload", "mod_sndfile"]:
                # Once for each change, and once where nobody knows any more what it fetched at its boot.
                self._reloads[life] += 1
                if self._reloads[life] > 1 + self._changes - self._born[life] and node.name not in self._let:
                    self.wrong.append(f"{node.name}: {line}, more often than its document changed")

    def _of(self, key: Key) -> frozenset[Mark]:
        return self._may.get(key, frozenset({None}))


def _ports(marks: frozenset[Mark]) -> set[str]:
    return {mark[1] for mark in marks if isinstance(mark, tuple)}
