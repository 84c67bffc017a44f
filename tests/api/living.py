"""A whole daemon behind the operators' application, for tests that speak to it in-process."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient
from starlette.types import ASGIApp, Receive, Scope, Send

from api.app import asked_of, operators_app
from api.asked import Asked
from api.lately import Lately
from api.listeners import Address
from api.metrics import Metrics
from controlplane.daemon import Daemon
from controlplane.desired.revisions import Author
from controlplane.settings import Reconcile, Settings
from controlplane.tenants import Role
from controlplane.tokens import Grant, Minted


class Living:
    """An ASGI application whose daemon lives from its start-up to its shutdown, in the same loop."""

    def __init__(self, settings: Settings) -> None:
        self.daemon = Daemon(settings)
        self.app: ASGIApp
        self.asked: Asked

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await self.app(scope, receive, send)
            return
        await receive()
        await self.daemon.start()
        self.asked = asked_of(self.daemon, self.daemon.refusals.note)
        lately = Lately.here(self.asked, self.daemon.answers.cache)
        self.app = operators_app(self.daemon, Address("127.0.0.1", 8081), lately, Metrics(lately.counted))
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.daemon.drain(1.0)
        await self.daemon.stop()
        await send({"type": "lifespan.shutdown.complete"})


class Operator:
    """An operator's client; its paths are below /api/v1."""

    def __init__(self, client: TestClient, living: Living, minted: Minted) -> None:
        self.client = client
        self.living = living
        self.daemon = living.daemon
        self.minted = minted

    def __call__(self, method: str, path: str, body: Any = None, **headers: str | bytes) -> Any:
        """Send a request; headers are given with underscores."""
        sent = {b"authorization": b"Bearer " + self.minted.text.encode()}
        for name, value in headers.items():
            sent[name.replace("_", "-").encode()] = value if isinstance(value, bytes) else value.encode()
        return self.client.request(method, f"/api/v1{path}", json=body, headers=sent)

    def done(self, method: str, path: str, body: Any = None, **headers: str | bytes) -> Any:
        """Send a request that must succeed; gives its JSON."""
        response = self(method, path, body, **headers)
        assert response.is_success, response.text
        return response.json()

    def call(self, function: Any, *args: Any) -> Any:
        """Run something in the daemon's event loop."""
        assert self.client.portal is not None
        return self.client.portal.call(function, *args)


def settings(folder: Path, **more: Any) -> Settings:
    """No jitter: APScheduler takes it from the global generator, and Hypothesis watches that one's state."""
    return Settings(data_dir=folder, **{"reconcile": Reconcile(jitter=0), **more})


@contextlib.contextmanager
def living(folder: Path, **more: Any) -> Iterator[Operator]:
    app = Living(settings(folder, **more))
    with TestClient(app, client=("192.0.2.7", 40000), raise_server_exceptions=False) as client:
        assert client.portal is not None
        minted = client.portal.call(app.daemon.operators.mint, Grant("tester", Role.ADMIN), Author("tests"))
        yield Operator(client, app, minted)
