"""Who calls the operators' API: bearer tokens (RFC 6750), checked before anything else is read."""

from collections.abc import Awaitable, Callable

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from api.problems import Problem, answer, unavailable
from controlplane.operators import Token
from controlplane.store.errors import StoreError

Check = Callable[[str], Awaitable[Token | None]]
"""Tells whose token this is; None when it is nobody's, has ended or was revoked."""


def operator_of(request: Request) -> Token:
    """Give the caller whom `Bearer` let through."""
    operator = request.scope["state"]["operator"]
    assert isinstance(operator, Token)  # noqa: S101 - a route outside Bearer would be a defect
    return operator


class Bearer:
    """Lets only operators through to everything below `prefixes`; the rest of the paths are open.

    Whether a path below them exists is told to operators only.
    """

    def __init__(self, app: ASGIApp, check: Check, prefixes: tuple[str, ...] = ("/api/",)) -> None:
        self.app = app
        self.check = check
        self.prefixes = prefixes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 401."""
        if scope["type"] != "http" or not scope["path"].startswith(self.prefixes):
            await self.app(scope, receive, send)
            return
        try:
            operator = await self._operator(Headers(scope=scope).get("authorization"))
        except (Problem, StoreError) as error:
            problem = error if isinstance(error, Problem) else unavailable(error)
            await answer(problem, Request(scope, receive))(scope, receive, send)
            return
        scope.setdefault("state", {})["operator"] = operator
        await self.app(scope, receive, send)

    async def _operator(self, header: str | None) -> Token:
        if header is None:
            raise _refusal("send a token: Authorization: Bearer cp_...", "")
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer":
            raise _refusal("only Bearer tokens are taken", "")
        operator = await self.check(token.strip())
        if operator is None:
            raise _refusal("this token is not valid, has ended or was revoked", ' error="invalid_token"')
        return operator


def _refusal(detail: str, error: str) -> Problem:
    challenge = f'Bearer realm="operators"{"," if error else ""}{error}'
    return Problem(401, "unauthorized", detail, headers={"WWW-Authenticate": challenge})
