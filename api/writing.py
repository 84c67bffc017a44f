"""A write over HTTP: who, why, in one revision, and what is told afterwards."""

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request

from api.auth import operator_of
from api.middle import daemon_of
from api.problems import FieldProblem, Problem, bad_request, invalid, not_found
from api.request_ids import request_id_of
from controlplane import strategy
from controlplane.desired.errors import AlreadyExists, Conflict, DesiredError, Invalid, NotFound
from controlplane.desired.revisions import Author, ChangeSet, Item, Revision

MAX_REASON = 500


async def write(request: Request, items: Sequence[Item]) -> Revision | None:
    """Commit in the caller's name; None when everything stood so already.

    Raises what `Desired.commit` raises; `refusal` maps it.
    """
    desired, tenant = daemon_of(request).desired, operator_of(request).tenant
    if tenant is None:
        return await desired.commit(ChangeSet(tuple(items)), author_of(request))
    for item in items:
        if not tenant.owns(item.key):
            raise not_found(str(item.key))
    try:
        return await desired.commit(ChangeSet(tuple(items)), author_of(request))
    except Invalid as error:
        # From None: what others have is in the reasons for the house.
        raise Invalid(tuple(each.outside() for each in error.errors)) from None


def consequences(revision: Revision | None, current: int) -> dict[str, Any]:
    """Tell what a write led to: its revision, the nodes that get a push for it, and warnings."""
    if revision is None:
        return {"revision": current, "changed": False, "nodes": [], "warnings": []}
    return {
        "revision": revision.number,
        "changed": True,
        "nodes": list(revision.nodes),
        "warnings": list(revision.warnings),
    }


def author_of(request: Request) -> Author:
    """Say who writes: the token, from where, the request's id, the reason given, and how it is to go out.

    The reason comes in `X-Reason` (UTF-8) or `?reason=`, the strategy of the rollout in `X-Rollout` or
    `?rollout=`. Raises `Problem` 400.
    """
    operator = operator_of(request)
    return Author(
        actor=operator.name,
        token=operator.id,
        source=request.client.host if request.client else "",
        request_id=request_id_of(request.scope),
        reason=_reason(request),
        rollout=_rollout(request),
    )


def refusal(error: DesiredError) -> Problem:
    """Say over HTTP why the desired state refused a change."""
    match error:
        case Invalid():
            return invalid([FieldProblem(each.field, each.reason) for each in error.errors])
        case Conflict():
            return Problem(412, "conflict", str(error), extra={"version": error.version})
        case AlreadyExists():
            return Problem(409, "exists", str(error))
        case NotFound():
            return Problem(404, "not-found", str(error))
        case _:
            raise error


def _rollout(request: Request) -> str:
    text = request.headers.get("x-rollout", request.query_params.get("rollout", "")).strip()
    if not text:
        return ""
    try:
        return str(strategy.parse(text))
    except ValueError as error:
        raise bad_request("rollout", str(error)) from None


def _reason(request: Request) -> str:
    header = request.headers.get("x-reason")
    if header is not None:
        try:
            header = header.encode("latin-1").decode()
        except UnicodeDecodeError:
            raise bad_request("X-Reason", "is not UTF-8") from None
    reason = (header if header is not None else request.query_params.get("reason", "")).strip()
    if len(reason) > MAX_REASON or not reason.isprintable():
        raise bad_request("reason", f"at most {MAX_REASON} printable characters")
    return reason
