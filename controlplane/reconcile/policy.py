"""What is compared, and what is done about how it differs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase

from controlplane.observed.drift import Kind
from controlplane.push.findings import Severity


class Mode(StrEnum):
    """What is done about drift."""

    OFF = "off"
    REPORT = "report"
    DRY_RUN = "dry-run"
    """Reported, with the commands that a repair would send."""
    REPAIR = "repair"


class Subject(StrEnum):
    """What is compared; each has a mode and a job of its own."""

    GATEWAYS = "gateways"
    PROFILES = "profiles"
    ACLS = "acls"
    REGISTRATIONS = "registrations"
    MODULES = "modules"
    VARIABLES = "variables"

    @property
    def unreadable(self) -> str:
        """The kind of finding that says that a node could not be read in this respect."""
        return f"{self}-unreadable"

    @property
    def dry_run(self) -> str:
        """The kind of finding that says what a repair would send."""
        return f"{self}-dry-run"

    @property
    def guarded(self) -> str:
        """The kind of finding that says that a repair waits for the operator's word."""
        return f"{self}-guarded"


_WORDS: Mapping[str, Subject] = {
    "gateway": Subject.GATEWAYS,
    "profile": Subject.PROFILES,
    "acl": Subject.ACLS,
    "registration": Subject.REGISTRATIONS,
    "module": Subject.MODULES,
    "variable": Subject.VARIABLES,
}


def subject_of(kind: Kind) -> Subject:
    """In which respect a node differs: the first word of the kind says."""
    return _WORDS[kind.value.partition("-")[0]]


KINDS: Mapping[Subject, frozenset[Kind]] = {
    subject: frozenset(kind for kind in Kind if subject_of(kind) is subject) for subject in Subject
}

SEVERITIES: Mapping[Kind, Severity] = {
    Kind.UNWELL: Severity.WARNING,
    Kind.FOREIGN: Severity.INFO,
    Kind.PROFILE_UNKNOWN: Severity.INFO,
    Kind.REGISTRATION_ORPHAN: Severity.WARNING,
    Kind.REGISTRATION_FOREIGN: Severity.INFO,
    Kind.MODULE_NEEDED: Severity.WARNING,
    Kind.VARIABLE_DIFFERS: Severity.WARNING,
    Kind.VARIABLE_UNSETTABLE: Severity.WARNING,
}
"""All others are errors."""


def _none() -> Mapping[Subject, tuple[str, ...]]:
    return {}


@dataclass(frozen=True, slots=True)
class ReconcilePolicy:
    """`modes`: what is done, by subject. `ignore`: names passed over, as patterns. Times in seconds."""

    modes: Mapping[Subject, Mode]
    ignore: Mapping[Subject, tuple[str, ...]] = field(default_factory=_none)
    """As in a shell: `*`, `?`, `[...]`; case counts."""
    at_once: int = 32
    """Nodes read at the same time."""
    deadline: float = 60.0
    """For one node."""
    retry_stalled: float = 600.0
    """What a push gave up is not tried again sooner than this."""
    attempts: int = 5
    """A repair that did not help so often is not tried again before something changes ..."""
    steady: float = 600.0
    """... nor is one that helped, but for a shorter time than this."""
    wipe_share: float = 0.5
    """To kill more than this share of a node's gateways needs the operator's word ..."""
    wipe_few: int = 3
    """... unless they are no more than this."""
    events: bool = True
    """Nodes are compared at once for what they report."""
    settle: float = 1.0
    rest: float = 10.0
    """See `Soon`."""

    def ignores(self, kind: Kind, name: str) -> bool:
        """Whether it is neither told of nor touched."""
        return any(fnmatchcase(name, pattern) for pattern in self.ignore.get(subject_of(kind), ()))
