"""Reads a JSON body that may be hostile: bounded, strict, and never a traceback.

Refused with a 4xx: more bytes than allowed, what is no JSON (RFC 8259: no NaN, no
Infinity), a name twice in one object, deep nesting, and text that is no Unicode
(a lone surrogate), which neither database nor XML could hold.
"""

import json
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from api.problems import FieldProblem, Problem, invalid

MAX_DEPTH = 32
# Numbers are ports, positions, milliseconds: what no column can hold is refused here.
_MAX_NUMBER = 2**53

M = TypeVar("M", bound=BaseModel)


async def read_json(request: Request, limit: int | None = None) -> Any:
    """Read the whole body as JSON, at most `limit` bytes; raises `Problem` (400, 413, 415 or 422)."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise Problem(415, "unsupported-media-type", "the body must be application/json")
    return parse_json(await _read(request, limit or request.app.state.body_limit))


async def read_nothing(request: Request) -> None:
    """Read a body that has nothing to say: none, or `{}`; raises `Problem`."""
    body = await _read(request, request.app.state.body_limit)
    if body and parse_json(body) != {}:
        raise invalid([FieldProblem("", "nothing can be said here: send no body, or {}")])


async def read_model(request: Request, model: type[M], limit: int | None = None) -> M:
    """Read the body into an input model; raises `Problem`, 422 with the fields concerned."""
    return validate(model, await read_json(request, limit))


def validate(model: type[M], value: Any) -> M:
    """Check a parsed body against an input model; raises `Problem` 422."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise invalid([_field_problem(each) for each in error.errors(include_url=False)]) from None


def parse_json(body: bytes) -> Any:
    """Parse strictly; raises `Problem` 400 or 422."""
    try:
        value = json.loads(body, object_pairs_hook=_object, parse_constant=_no_constant)
    except RecursionError:
        raise _too_deep() from None
    except (ValueError, UnicodeDecodeError) as error:
        raise Problem(400, "bad-json", f"the body is not JSON: {error}") from None
    _walk(value)
    return value


async def _read(request: Request, limit: int) -> bytes:
    announced = request.headers.get("content-length", "0")
    if not announced.isdecimal() or int(announced[:20]) > limit:
        raise _too_large(limit)
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise _too_large(limit)
        parts.append(part)
    return b"".join(parts)


def _too_large(limit: int) -> Problem:
    # The rest of the body is not read, so the connection cannot carry another request.
    return Problem(413, "too-large", f"a body holds at most {limit} bytes", headers={"Connection": "close"})


def _too_deep() -> Problem:
    return invalid([FieldProblem("", f"nested deeper than {MAX_DEPTH} levels")])


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"the name {name[:64]!r} stands twice in one object")
        found[name] = value
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _walk(value: Any) -> None:
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for each in level:
            if isinstance(each, dict):
                below.extend(each)
                below.extend(each.values())
            elif isinstance(each, list):
                below.extend(each)
            elif isinstance(each, str):
                _check_text(each)
            elif isinstance(each, int | float) and abs(each) > _MAX_NUMBER:
                raise invalid([FieldProblem("", "a number beyond 2^53")])
        if not below:
            return
        level = below
    raise _too_deep()


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise invalid([FieldProblem("", "text holds a lone surrogate, which is no character")]) from None


def _path(parts: tuple[str | int, ...]) -> str:
    """Write a place as `params[0].value`; parts in angle brackets only name a form (`shapes`)."""
    path = ""
    for part in parts:
        if isinstance(part, int):
            path += f"[{part}]"
        elif not part.startswith("<"):
            path += f".{part}" if path else part
    return path


def _field_problem(error: Any) -> FieldProblem:
    path = _path(error["loc"])
    kind, message = error["type"], error["msg"]
    if kind == "extra_forbidden":
        return FieldProblem(path, "unknown field")
    if kind == "missing":
        return FieldProblem(path, "required")
    if kind in ("model_type", "dict_type"):  # the message names a class of ours
        return FieldProblem(path, "must be an object")
    if kind == "value_error":
        return FieldProblem(path, str(error["ctx"]["error"]))
    return FieldProblem(path, message)
