"""Compares what nodes run with what they should run; reports it, or has it repaired."""

from controlplane.reconcile.policy import Mode, ReconcilePolicy, Subject
from controlplane.reconcile.reconciler import Compared, Reconciler, Word

__all__ = ["Compared", "Mode", "ReconcilePolicy", "Reconciler", "Subject", "Word"]
