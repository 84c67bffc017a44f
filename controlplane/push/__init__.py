"""Pushing changes: which nodes a revision concerns, what to do there, and seeing that it was done."""

from controlplane.push.enqueue import Enqueues
from controlplane.push.errors import PushError
from controlplane.push.policy import PushPolicy
from controlplane.push.pusher import Pusher
from controlplane.push.rollouts import RolloutPolicy, Rollouts
from controlplane.push.touches import EVERYTHING, CacheKey, Touches
from controlplane.push.wanted import Wants

__all__ = [
    "EVERYTHING",
    "CacheKey",
    "Enqueues",
    "PushError",
    "PushPolicy",
    "Pusher",
    "RolloutPolicy",
    "Rollouts",
    "Touches",
    "Wants",
]
