"""A client of the operators' API, in which every error is mapped once, to a `Failure`."""

import json
import re
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import httpx2

from controlplane.cli.failure import Code, Failure

Json = dict[str, Any]
Params = Mapping[str, str | int | Sequence[str] | None]

# Seconds. An answer that takes longer does so because a node is waited for: a push under way, a slow reload.
_TIMEOUT = httpx2.Timeout(300.0, connect=10.0)
_TOKEN = re.compile(r"[\x21-\x7e]+")
_PAGE = 500


class Refused(Failure):
    """The API said no: its problem (RFC 9457) in words."""

    def __init__(self, problem: Json) -> None:
        super().__init__(_sentence(problem))


class Client:
    """Speaks to one API as one operator; paths are below `/api/v1`. Every method raises Failure."""

    def __init__(self, url: str, token: str) -> None:
        if not _TOKEN.fullmatch(token):
            raise Failure("the token is not one: it is a single word, such as cp_ID.SECRET")
        self._url = url.rstrip("/")
        with self._mapped():
            # The token is for this address alone, so no proxy is taken from the environment.
            self._http = httpx2.Client(
                base_url=f"{self._url}/api/v1",
                headers={"Authorization": f"Bearer {token}"},
                timeout=_TIMEOUT,
                trust_env=False,
                verify=ssl.create_default_context(),
            )

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()

    def get(self, path: str, params: Params | None = None) -> Any:
        """Read something."""
        return self.send("GET", path, params=params)

    def send(
        self,
        method: str,
        path: str,
        body: object = None,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Send a request and give the JSON of its answer."""
        with self._mapped():
            response = self._http.request(method, path, json=body, params=_said(params), headers=headers)
        return self._json(response)

    def pages(self, path: str, params: Params | None = None) -> list[Json]:
        """Read a whole list."""
        found: list[Json] = []
        after: str | None = None
        while True:
            page = self.get(path, {**(params or {}), "limit": _PAGE, "after": after})
            found += page["items"]
            after = page.get("next")
            if after is None:
                return found

    def lines(
        self, path: str, body: object = None, *, method: str = "POST", params: Params | None = None
    ) -> Iterator[Json]:
        """Send a request and give each line of its answer as it arrives."""
        with (
            self._mapped(),
            self._http.stream(method, path, json=body, params=_said(params)) as response,
        ):
            if not response.is_success:
                response.read()
                self._json(response)
            try:
                for line in response.iter_lines():
                    if line:  # an empty one says only that the connection stands
                        yield json.loads(line)
            except httpx2.TransportError as error:
                told = f"the API at {self._url} broke off before it had told everything: {error}"
                raise Failure(told, Code.NODE_FAILED) from error

    def _json(self, response: httpx2.Response) -> Any:
        media_type = response.headers.get("content-type", "").partition(";")[0]
        if media_type not in ("application/json", "application/problem+json"):
            told = f"{response.status_code}, {media_type or 'no content'}"
            raise Failure(f"{self._url} is not the control plane's API: it answered {told}")
        body = response.json()
        if response.is_error:
            raise Refused(body)
        return body

    @contextmanager
    def _mapped(self) -> Iterator[None]:
        try:
            yield
        except (httpx2.InvalidURL, httpx2.UnsupportedProtocol, UnicodeError) as error:
            raise Failure(f"{self._url!r} is no address of an API: write http://HOST:PORT") from error
        except httpx2.TimeoutException as error:
            raise Failure(f"the API at {self._url} does not answer") from error
        except httpx2.TransportError as error:
            raise Failure(f"the API at {self._url} cannot be reached: {error}") from error


def below(*parts: str) -> str:
    """Give the path of what the parts name, each of them quoted."""
    return "".join(f"/{quote(part, safe='')}" for part in parts)


def _said(params: Params | None) -> dict[str, Any] | None:
    return {name: value for name, value in params.items() if value is not None} if params else None


def _sentence(problem: Json) -> str:
    """Say a problem in words: its detail, and below it each field's reason that it does not hold."""
    detail = str(problem.get("detail", problem.get("title", "refused")))
    reasons = [f"{each['field']}: {each['reason']}".removeprefix(": ") for each in problem.get("errors", [])]
    choices = [f"--scope {scope}" for scope in problem.get("scopes", [])]
    if problem.get("status", 0) >= 500:
        detail += f" (request {problem.get('request_id')})"
    return "\n  ".join([detail, *(reason for reason in reasons if reason not in detail), *choices])
