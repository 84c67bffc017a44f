"""Examines nodes: what is wrong with the way between them and us, and what to change in which file."""

from controlplane.doctor.checks import Check, Evidence, Verdict, examine
from controlplane.doctor.gather import gather

__all__ = ["Check", "Evidence", "Verdict", "examine", "gather"]
