"""Routes: one for each path, whatever its methods, so that a 405 tells all of them."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from api.access import Access, Accesses, admit, hidden
from controlplane.tokens import Token


class AccessRoute(Route):
    """The route of a path; its handlers say who may come."""

    def __init__(self, path: str, accesses: Accesses) -> None:
        super().__init__(path, self._answer, methods=list(accesses))
        self.accesses = accesses

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or 404 to whom the path does not exist: before a 405 would tell that it does."""
        token = scope.get("state", {}).get("operator")
        if isinstance(token, Token) and hidden(self.accesses, token):
            raise HTTPException(404)
        await super().handle(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        method = request.method
        access = self.accesses["GET" if method == "HEAD" and "HEAD" not in self.accesses else method]
        admit(access, request)
        return await access.handler(request)


def route(path: str, **accesses: Access) -> AccessRoute:
    """Make the route of a path from its handlers by method: `route("/nodes", GET=viewer(listed))`."""
    return AccessRoute(path, accesses)
