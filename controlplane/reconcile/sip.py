"""SIP profiles and their gateways."""

from collections.abc import Collection
from dataclasses import replace

from controlplane.observed.drift import Drift, drift
from controlplane.observed.read import read_all, read_profiles
from controlplane.observed.values import Seen, Wanted
from controlplane.push.ports import Nodes
from controlplane.reconcile.policy import Subject, subject_of


async def look(nodes: Nodes, wanted: Wanted, subjects: Collection[Subject]) -> Seen:
    """Read what is asked for: gateways with their profiles, or profiles alone."""
    if Subject.GATEWAYS in subjects:
        return await read_all(nodes, wanted.node, gateways=wanted.gateways, profiles=wanted.profiles)
    return await read_profiles(nodes, wanted.node, wanted.profiles)


def compare(wanted: Wanted, seen: Seen, subjects: Collection[Subject]) -> tuple[Drift, ...]:
    """Say how they differ."""
    return tuple(
        replace(each, wanted=_wanted(wanted, each.name))
        for each in drift(wanted, seen)
        if subject_of(each.kind) in subjects
    )


def _wanted(wanted: Wanted, name: str) -> str:
    """Of a gateway its fingerprint; a profile is wanted up or not."""
    gateway = wanted.gateways.get(name)
    return gateway.fingerprint if gateway is not None else ""
