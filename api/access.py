"""Who may come to which route: each handler is declared with the least role, and whether tenants may come.

Here alone that is decided. Which rows a tenant finds there is decided where rows are found
(`resources.finding`), and once more where they are written (`writing`).
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from api.auth import operator_of
from api.problems import Problem
from controlplane.tenants import Role
from controlplane.tokens import Token

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Access:
    """A handler, and who may come to it. `least` None: anybody, without a token."""

    handler: Handler
    least: Role | None
    tenants: bool = False


Accesses = Mapping[str, Access]
"""The handlers of one path, by method."""


def viewer(handler: Handler, *, tenants: bool = False) -> Access:
    """Let in whoever may read."""
    return Access(handler, Role.VIEWER, tenants)


def operator(handler: Handler, *, tenants: bool = False) -> Access:
    """Let in whoever may write and command."""
    return Access(handler, Role.OPERATOR, tenants)


def admin(handler: Handler) -> Access:
    """Let in administrators; they are no tenants."""
    return Access(handler, Role.ADMIN)


def anybody(handler: Handler) -> Access:
    """Let in whoever comes: the handler itself asks for a credential, or tells nothing that needs one."""
    return Access(handler, None)


def hidden(accesses: Accesses, token: Token) -> bool:
    """Say whether to this caller the path does not exist: nothing on it is for tenants, and he is one."""
    return token.tenant is not None and not any(access.tenants for access in accesses.values())


def admit(access: Access, request: Request) -> None:
    """Raise `Problem` 403, with the role that is needed, when the caller may not come to this handler."""
    if access.least is None:
        return
    token = operator_of(request)
    if not token.role.includes(access.least):
        raise _forbidden(f"this needs the role {access.least}; token {token.name} has the role {token.role}")
    if token.tenant is not None and not access.tenants:
        raise _forbidden(f"this is not for a token that is bound to domains, as {token.name} is")


def _forbidden(detail: str) -> Problem:
    return Problem(403, "forbidden", detail)
