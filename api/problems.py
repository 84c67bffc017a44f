"""Errors as RFC 9457 problems: one shape for every refusal of the operators' API.

A handler raises `Problem`, or lets the middle floor's own errors through: `handlers()`
maps each of them once. The `type` is a URN that does not change with the wording.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.request_ids import request_id_of
from controlplane.store.errors import StoreError

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
_URN = "urn:freeswitch-controlplane:problem:"


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """What is wrong with one field; `field` is a path (`params[0].name`), empty for the whole body."""

    field: str
    reason: str


class Problem(Exception):  # noqa: N818 - RFC 9457 calls it so
    """A refusal, ready to be answered.

    `kind` names it for programs (the last word of the problem's type), `detail` explains it
    to people, `errors` says which fields are concerned.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        *,
        errors: Sequence[FieldProblem] = (),
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        self.extra = dict(extra or {})

    def body(self, request_id: str) -> dict[str, Any]:
        """Give the members of RFC 9457 and ours: `errors` and `request_id`."""
        return {
            "type": _URN + self.kind,
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "errors": [asdict(error) for error in self.errors],
            "request_id": request_id,
            **self.extra,
        }


def invalid(errors: Sequence[FieldProblem], detail: str = "") -> Problem:
    """Refuse a body whose fields are wrong: 422."""
    first = errors[0] if errors else None
    said = detail or (f"{first.field}: {first.reason}" if first and first.field else first and first.reason)
    return Problem(422, "invalid", said or "the request is not valid", errors=errors)


def not_found(what: str) -> Problem:
    """Say that `what` does not exist: 404."""
    return Problem(404, "not-found", f"{what} does not exist")


def bad_request(field: str, reason: str) -> Problem:
    """Refuse a header or a query parameter: 400."""
    return Problem(400, "bad-request", f"{field}: {reason}", errors=[FieldProblem(field, reason)])


def unavailable(error: StoreError) -> Problem:
    """Say over HTTP that the database cannot be used now."""
    log.error("the database failed a request: %s", error)
    return Problem(503, "database", str(error), headers={"Retry-After": "5"})


def stopping(error: Exception) -> Problem:
    """Say over HTTP that what is asked for has ended before us."""
    return Problem(503, "stopping", "lookups are answered no more: we are stopping")


def answer(problem: Problem, request: Request) -> Response:
    """Write a problem as the answer to a request."""
    return JSONResponse(
        problem.body(request_id_of(request.scope)),
        status_code=problem.status,
        headers=problem.headers,
        media_type=MEDIA_TYPE,
    )


Handler = Callable[[Request, Exception], Awaitable[Response]]


def handling(map_error: Callable[[Any], Problem]) -> Handler:
    """Turn a mapping of an exception to a problem into a handler for Starlette."""

    async def handle(request: Request, error: Exception) -> Response:
        return answer(map_error(error), request)

    return handle


def _of_http(error: HTTPException) -> Problem:
    words = {404: "no such path", 405: "this path does not take this method", 413: "the body is too large"}
    kind = HTTPStatus(error.status_code).phrase.lower().replace(" ", "-")
    detail = words.get(error.status_code, error.detail)
    return Problem(error.status_code, kind, detail, headers=error.headers)


def _of_defect(error: Exception) -> Problem:
    log.error("request failed: %s", type(error).__name__, exc_info=error)
    return Problem(500, "defect", "a defect of the control plane; its log says more under this request id")


def handlers() -> dict[Any, Handler]:
    """Give the handlers of what HTTP itself refuses, of `Problem`, and of defects."""
    return {
        Problem: handling(lambda problem: problem),
        HTTPException: handling(_of_http),
        Exception: handling(_of_defect),
    }
