"""From a request to the middle floor."""

from starlette.requests import Request

from controlplane.daemon import Daemon


def daemon_of(request: Request) -> Daemon:
    """Give the daemon that the application stands on; both applications set it."""
    daemon: Daemon = request.app.state.daemon
    return daemon
