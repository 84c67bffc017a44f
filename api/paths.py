"""Routes: one for each path, whatever its methods, so that a 405 tells all of them."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

Handler = Callable[[Request], Awaitable[Response]]


def route(path: str, **handlers: Handler) -> Route:
    """Make the route of a path from its handlers, named by method: `route("/nodes", GET=listed)`."""

    async def handle(request: Request) -> Response:
        method = "GET" if request.method == "HEAD" and "HEAD" not in handlers else request.method
        return await handlers[method](request)

    return Route(path, handle, methods=list(handlers))
