"""Operators' tokens: list, mint, revoke. The first one is minted on the machine itself."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from api.access import admin
from api.bodies import read_model
from api.middle import daemon_of
from api.paths import route
from api.problems import FieldProblem, Problem, invalid, not_found
from api.resources.shapes import Name, Shape
from api.times import told
from api.writing import author_of
from controlplane.tenants import Role, Tenant
from controlplane.tokens import BadGrant, Grant, NameTaken, Token


class TokenIn(Shape):
    """A token to be minted; it ends at `expires_at`, or when it is revoked.

    With `domains` it sees and changes only those, their users and groups, and of the dialplan the
    `contexts` named here. `networks`: the CIDRs that it is taken from, none: from anywhere.
    """

    name: str
    role: Annotated[Role, Field(strict=False)]
    domains: Annotated[list[Name], Field(max_length=1000)] = Field(default_factory=list)
    contexts: Annotated[list[Name], Field(max_length=1000)] = Field(default_factory=list)
    networks: Annotated[list[Name], Field(max_length=100)] = Field(default_factory=list)
    expires_at: Annotated[AwareDatetime | None, Field(strict=False)] = None

    def grant(self) -> Grant:
        """Say what is asked for."""
        bound = self.domains or self.contexts
        tenant = Tenant(tuple(self.domains), tuple(self.contexts)) if bound else None
        ends: datetime | None = self.expires_at
        return Grant(self.name, self.role, tenant, tuple(self.networks), ends)


def routes() -> list[BaseRoute]:
    """Give the routes of tokens."""
    return [
        route("/tokens", GET=admin(listed), POST=admin(mint)),
        route("/tokens/{id}", DELETE=admin(revoke)),
    ]


async def listed(request: Request) -> Response:
    """List every token, ended ones too; none can be read again."""
    tokens = await daemon_of(request).operators.listed()
    return JSONResponse({"items": [_shown(token) for token in tokens], "next": None})


async def mint(request: Request) -> Response:
    """Mint a token; its text is shown this once."""
    sent = await read_model(request, TokenIn)
    try:
        minted = await daemon_of(request).operators.mint(sent.grant(), author_of(request))
    except BadGrant as error:
        raise invalid([FieldProblem(error.field, error.reason)]) from None
    except NameTaken as error:
        raise Problem(409, "exists", str(error)) from None
    body = _shown(minted.token) | {"token": minted.text}
    return JSONResponse(body, status_code=201, headers={"Cache-Control": "no-store"})


async def revoke(request: Request) -> Response:
    """Revoke a token; from the answer on it opens nothing."""
    token_id = request.path_params["id"]
    known = {token.id for token in await daemon_of(request).operators.listed()}
    # Only what can be an id is asked for: PostgreSQL does not even compare some texts.
    token = (
        await daemon_of(request).operators.revoke(token_id, author_of(request)) if token_id in known else None
    )
    if token is None:
        raise not_found(f"token {token_id!r}")
    return JSONResponse(_shown(token))


def _shown(token: Token) -> dict[str, Any]:
    grant = token.grant
    return {
        "id": token.id,
        "name": grant.name,
        "role": grant.role.value,
        "domains": list(grant.tenant.domains) if grant.tenant is not None else [],
        "contexts": list(grant.tenant.contexts) if grant.tenant is not None else [],
        "networks": list(grant.networks),
        "created_at": told(token.created_at),
        "expires_at": told(grant.expires_at),
        "last_used_at": told(token.last_used_at),
        "revoked_at": told(token.revoked_at),
    }
