"""Operators' tokens: list, mint, revoke. The first one is minted on the machine itself."""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from api.bodies import read_model
from api.middle import daemon_of
from api.paths import route
from api.problems import FieldProblem, Problem, invalid, not_found
from api.resources.shapes import Shape
from api.times import told
from api.writing import author_of
from controlplane.auditing import audit
from controlplane.operators import BadName, NameTaken, Token

# Beyond it a time zone could carry a date past what a datetime holds.
_LATEST = datetime(9000, 1, 1, tzinfo=UTC)


class TokenIn(Shape):
    """A token to be minted; it ends at `expires_at`, or when it is revoked."""

    name: str
    expires_at: Annotated[AwareDatetime | None, Field(strict=False)] = None


def routes() -> list[BaseRoute]:
    """Give the routes of tokens."""
    return [
        route("/tokens", GET=listed, POST=mint),
        route("/tokens/{id}", DELETE=revoke),
    ]


async def listed(request: Request) -> Response:
    """List every token, ended ones too; none can be read again."""
    tokens = await daemon_of(request).operators.listed()
    return JSONResponse({"items": [_shown(token) for token in tokens], "next": None})


async def mint(request: Request) -> Response:
    """Mint a token; its text is shown this once."""
    sent = await read_model(request, TokenIn)
    daemon = daemon_of(request)
    if sent.expires_at is not None and not datetime.now(UTC) < sent.expires_at < _LATEST:
        raise invalid([FieldProblem("expires_at", f"lies between now and {_LATEST:%Y-%m-%d}")])
    author = author_of(request)
    await audit(daemon.store, author, "token.mint", sent.name[:64])
    try:
        minted = await daemon.operators.mint(sent.name, expires_at=sent.expires_at)
    except BadName as error:
        raise invalid([FieldProblem("name", str(error))]) from None
    except NameTaken as error:
        raise Problem(409, "exists", str(error)) from None
    body = _shown(minted.token) | {"token": minted.text}
    return JSONResponse(body, status_code=201, headers={"Cache-Control": "no-store"})


async def revoke(request: Request) -> Response:
    """Revoke a token; from the answer on it opens nothing."""
    daemon, token_id = daemon_of(request), request.path_params["id"]
    author = author_of(request)
    known = {token.id for token in await daemon.operators.listed()}
    if token_id not in known:
        raise not_found(f"token {token_id!r}")
    await audit(daemon.store, author, "token.revoke", token_id)
    token = await daemon.operators.revoke(token_id)
    assert token is not None  # noqa: S101 - tokens are never deleted
    return JSONResponse(_shown(token))


def _shown(token: Token) -> dict[str, Any]:
    return {
        "id": token.id,
        "name": token.name,
        "created_at": told(token.created_at),
        "expires_at": told(token.expires_at),
        "last_used_at": told(token.last_used_at),
        "revoked_at": told(token.revoked_at),
    }
