"""A load generator that asks as mod_xml_curl does: one new TCP connection for every lookup.

Run as a process of its own (`python -m benchmarks.load`), so that it shares no interpreter
with what it measures. It reads one JSON job on standard input and prints one JSON result.
"""

import asyncio
import hashlib
import json
import re
import ssl
import sys
import time
from dataclasses import asdict, dataclass
from functools import partial
from typing import cast

import uvloop

PATH = "/xml_curl"
CHALLENGE = re.compile(r"^www-authenticate: Digest (.*?)\r$", re.IGNORECASE | re.MULTILINE)
PARAMETER = re.compile(r'(\w+)="?([^",]*)"?')


@dataclass(frozen=True, slots=True)
class Job:
    """What to ask. `bodies` are asked in turn; `connections` stand open at once.

    `per_second`: how many are asked in all, at even intervals; None: as many as are answered.
    `digest`: name and password, shown by Digest in place of `authorization`. `authority`: the file of the
    certificate by which the server's is checked; None: without TLS.
    """

    host: str
    port: int
    authorization: str
    bodies: list[str]
    connections: int
    seconds: float
    per_second: float | None = None
    digest: list[str] | None = None
    authority: str | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What came of it: answers per second, latencies in ms, and what was not a 200."""

    requests: int
    per_second: float
    p50_ms: float
    p99_ms: float
    failures: int


def request(job: Job, body: str, authorization: str) -> bytes:
    """Write one request's bytes, headers as mod_xml_curl sends them."""
    data = body.encode()
    shown = f"Authorization: {authorization}\r\n" if authorization else ""
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: {job.host}:{job.port}\r\n"
        f"{shown}User-Agent: freeswitch-xml/1.0\r\nAccept: */*\r\n"
        f"Content-Length: {len(data)}\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n"
    )
    return head.encode() + data


class Lookup(asyncio.Protocol):
    """One request on one connection: done when the whole body is there, then closed by us."""

    def __init__(self, data: bytes, done: "asyncio.Future[bool]") -> None:
        self.data = data
        self.done = done
        self.received = b""
        self.length = -1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclasses of asyncio's.
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(self.data)

    def data_received(self, data: bytes) -> None:
        self.received += data
        if self.length < 0:
            head, separator, _ = self.received.partition(b"\r\n\r\n")
            if not separator:
                return
            at = head.lower().index(b"content-length:") + 15
            self.length = len(head) + 4 + int(head[at:].split(b"\r\n", 1)[0])
        if len(self.received) >= self.length:
            self.complete()

    def complete(self) -> None:
        self.finish(self.received.startswith(b"HTTP/1.1 200"))
        self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self.finish(False)

    def finish(self, good: bool) -> None:
        if not self.done.done():
            self.done.set_result(good)


class DigestLookup(Lookup):
    """A lookup in two steps on one connection, as libcurl takes them with `auth-scheme` `digest`: a request
    without a body, and with the challenge that it gets the lookup and its proof."""

    def __init__(self, job: Job, body: str, done: "asyncio.Future[bool]") -> None:
        super().__init__(request(job, "", ""), done)
        self.job = job
        self.body = body
        self.challenged = False

    def complete(self) -> None:
        if self.challenged or not self.received.startswith(b"HTTP/1.1 401"):
            super().complete()
            return
        self.challenged = True
        shown = proof(self.received.decode("latin-1"), *self.job.digest or ())
        self.received, self.length = b"", -1
        self.transport.write(request(self.job, self.body, shown))


def proof(answer: str, name: str, password: str) -> str:
    """Answer the first challenge (RFC 7616, section 3.4), which is the one that libcurl takes."""
    said = CHALLENGE.search(answer)
    if said is None:
        raise ValueError("no challenge by Digest")
    asked = dict(PARAMETER.findall(said[1]))
    digest = {"SHA-256": hashlib.sha256, "MD5": hashlib.md5}[asked["algorithm"]]

    def summed(text: str) -> str:
        return digest(text.encode(), usedforsecurity=False).hexdigest()

    secret, asking = summed(f"{name}:{asked['realm']}:{password}"), summed(f"POST:{PATH}")
    response = summed(f"{secret}:{asked['nonce']}:00000001:0a4f113b:auth:{asking}")
    return (
        f'Digest username="{name}", realm="{asked["realm"]}", nonce="{asked["nonce"]}", uri="{PATH}", '
        f'cnonce="0a4f113b", nc=00000001, qop=auth, response="{response}", algorithm={asked["algorithm"]}'
    )


async def ask(job: Job) -> Result:
    """Keep `connections` lookups under way until the time is up."""
    loop = asyncio.get_running_loop()
    context = ssl.create_default_context(cafile=job.authority) if job.authority else None
    requests = [request(job, body, job.authorization) for body in job.bodies]
    latencies: list[float] = []
    failures = 0
    turn = 0
    end = time.perf_counter() + job.seconds

    async def one_after_another(place: int) -> None:
        nonlocal failures, turn
        due = time.perf_counter() + place / job.per_second if job.per_second else 0.0
        while time.perf_counter() < end:
            if job.per_second:
                await asyncio.sleep(due - time.perf_counter())
                due += job.connections / job.per_second
            which = turn % len(requests)
            turn += 1
            done: asyncio.Future[bool] = loop.create_future()
            lookup = (
                partial(DigestLookup, job, job.bodies[which], done)
                if job.digest
                else partial(Lookup, requests[which], done)
            )
            began = time.perf_counter()
            try:
                await loop.create_connection(lookup, job.host, job.port, ssl=context)
                good = await done
            except OSError:
                good = False
            latencies.append(time.perf_counter() - began)
            failures += not good

    began = time.perf_counter()
    await asyncio.gather(*(one_after_another(place) for place in range(job.connections)))
    took = time.perf_counter() - began
    latencies.sort()
    return Result(
        requests=len(latencies),
        per_second=len(latencies) / took,
        p50_ms=latencies[len(latencies) // 2] * 1000,
        p99_ms=latencies[int(len(latencies) * 0.99)] * 1000,
        failures=failures,
    )


if __name__ == "__main__":
    print(json.dumps(asdict(uvloop.run(ask(Job(**json.load(sys.stdin)))))))
