"""Who calls the operators' API: bearer tokens (RFC 6750), checked before anything else is read."""

import logging
from functools import partial

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from api.lasting import Lasting
from api.problems import Problem, answer, unavailable
from api.sources import Networks
from controlplane.operators import Operators
from controlplane.store.errors import StoreError
from controlplane.tokens import Token

log = logging.getLogger(__name__)


def operator_of(request: Request) -> Token:
    """Give the caller whom `Bearer` let through."""
    operator = request.scope["state"]["operator"]
    assert isinstance(operator, Token)  # noqa: S101 - a route outside Bearer would be a defect
    return operator


class Bearer:
    """Lets only operators through to everything below `prefixes`; the rest of the paths are open.

    Whether a path below them exists is told to operators only.
    """

    def __init__(self, app: ASGIApp, operators: Operators, prefixes: tuple[str, ...] = ("/api/",)) -> None:
        self.app = app
        self.operators = operators
        self.prefixes = prefixes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 401."""
        if scope["type"] != "http" or not scope["path"].startswith(self.prefixes):
            await self.app(scope, receive, send)
            return
        header = Headers(scope=scope).get("authorization", "")
        try:
            operator = await self._operator(header, _source(scope))
        except (Problem, StoreError) as error:
            problem = error if isinstance(error, Problem) else unavailable(error)
            await answer(problem, Request(scope, receive))(scope, receive, send)
            return
        scope.setdefault("state", {})["operator"] = operator
        lasting = Lasting(receive, send, partial(self._holds, _shown(header)))
        await self.app(scope, lasting.receive, lasting.send)

    async def _holds(self, text: str) -> bool:
        try:
            return await self.operators.check(text) is not None
        except StoreError:
            return True  # it held when it was last looked at; the next part asks again

    async def _operator(self, header: str, source: str) -> Token:
        if not header:
            raise _refusal("send a token: Authorization: Bearer cp_...", "")
        if header.partition(" ")[0].lower() != "bearer":
            raise _refusal("only Bearer tokens are taken", "")
        operator = await self.operators.check(_shown(header))
        if operator is not None and not _taken_from(operator, source):
            # Whoever found it elsewhere does not learn that it is one.
            log.warning("token %s was shown from %s, where it is not taken", operator.name, source)
            operator = None
        if operator is None:
            detail = "this token is not valid, has ended, was revoked or is not taken from where you are"
            raise _refusal(detail, ' error="invalid_token"')
        self.operators.used(operator)
        return operator


def _shown(header: str) -> str:
    return header.partition(" ")[2].strip()


def _source(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""


def _taken_from(token: Token, source: str) -> bool:
    return not token.grant.networks or source in Networks(token.grant.networks)


def _refusal(detail: str, error: str) -> Problem:
    challenge = f'Bearer realm="operators"{"," if error else ""}{error}'
    return Problem(401, "unauthorized", detail, headers={"WWW-Authenticate": challenge})
