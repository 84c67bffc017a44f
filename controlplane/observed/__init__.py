"""What nodes run, and how that differs from what they should."""

from controlplane.observed.drift import Drift, Kind, drift
from controlplane.observed.errors import ObservedError, Unreadable
from controlplane.observed.read import read_all, read_some
from controlplane.observed.values import (
    Seen,
    SeenGateway,
    SeenProfile,
    Wanted,
    WantedDocument,
    WantedGateway,
    WantedProfile,
)

__all__ = [
    "Drift",
    "Kind",
    "ObservedError",
    "Seen",
    "SeenGateway",
    "SeenProfile",
    "Unreadable",
    "Wanted",
    "WantedDocument",
    "WantedGateway",
    "WantedProfile",
    "drift",
    "read_all",
    "read_some",
]
