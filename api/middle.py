"""From a request to the middle floor."""

from typing import Protocol

from starlette.requests import Request

from controlplane.answers.answers import Answers
from controlplane.daemon import Daemon
from controlplane.desired.catalog import Catalog
from controlplane.settings import Settings


class Answerer(Protocol):
    """What lookups are answered by: the daemon, or what follows it in a process of its own."""

    settings: Settings
    started: bool
    answers: Answers

    @property
    def catalog(self) -> Catalog:
        """The state that is answered from."""

    async def ping(self) -> None:
        """Ask the database something; raises StoreError."""


def answerer_of(request: Request) -> Answerer:
    """Give what the application answers by; both applications set it."""
    answerer: Answerer = request.app.state.daemon
    return answerer


def daemon_of(request: Request) -> Daemon:
    """Give the daemon that the operators' application stands on."""
    daemon: Daemon = request.app.state.daemon
    return daemon
