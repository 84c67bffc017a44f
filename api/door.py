"""Who may come in to ask, and what is said to the rest.

The everyday case, a known Basic credential of a node without further conditions, needs only `caller`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.types import Scope

from api.digest import ALGORITHMS, REALM, BadDigest, challenge, read
from api.node_auth import Caller, NodeAuth
from api.nonces import Nonces
from api.throttle import Throttle
from controlplane.desired.values import Scheme

Headers = Sequence[tuple[bytes, bytes]]

_BASIC = f'Basic realm="{REALM}", charset="UTF-8"'.encode()
_CLOSE = (b"connection", b"close")

# Wrong attempts of one source: so many at once, then so many a minute.
WRONG_AT_ONCE = 20
WRONG_PER_MINUTE = 20.0


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why somebody is not let in.

    `node`: who it is, when it has shown that. `told`: whether it is worth a line in the log: not the
    first step of every Digest exchange, and what one source does wrong once a minute at most.
    """

    status: int
    reason: str
    node: str | None = None
    headers: Headers = ()
    told: bool = True


class Door:
    """Lets in who shows a node's credential and meets what that node must.

    Invariant: a right credential is let in whatever else its source has done; only what is wrong is
    counted and throttled.
    """

    def __init__(
        self, nodes: NodeAuth, throttle: Throttle | None = None, nonces: Nonces | None = None
    ) -> None:
        self._throttle = Throttle(WRONG_AT_ONCE, WRONG_PER_MINUTE) if throttle is None else throttle
        self._lines = Throttle(1, 1.0)
        self._nonces = Nonces() if nonces is None else nonces
        self._nodes = nodes
        self.caller = nodes.caller
        """Whose a Basic credential is, with no look at what else its node must meet."""

    def admit(self, scope: Scope, authorization: bytes) -> Caller | Refusal:
        """Say who is asking, or why nobody is let in; nothing of the body is needed."""
        subject = subject_of(scope)
        caller = self._nodes.certified(subject) or self._nodes.caller(authorization)
        if caller is None:
            if not authorization:
                return self._refused("no credentials", told=False)
            if authorization[:7].lower() != b"digest ":
                return self._wrong(scope, "wrong credentials")
            found = self._digest(scope, authorization[7:])
            if isinstance(found, Refusal):
                return found
            caller = found
        if caller.bound:
            if caller.networks is not None and source_of(scope) not in caller.networks:
                return Refusal(403, "not from this network", caller.name)
            if caller.certificate is not None and caller.certificate != subject:
                return Refusal(403, "not without the certificate of this node", caller.name)
        return caller

    def _digest(self, scope: Scope, header: bytes) -> Caller | Refusal:
        try:
            proof = read(header)
        except BadDigest as error:
            return self._wrong(scope, f"the Digest {error}")
        asked = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
        if proof.realm != REALM or proof.uri.encode() != asked:
            return self._wrong(scope, "the Digest is for something else")
        caller = self._nodes.proving(proof, scope["method"])
        if caller is None:
            return self._wrong(scope, "wrong credentials")
        # Only now: else whoever knows no password could have nonces forgotten.
        if not self._nonces.take(proof.nonce, int(proof.count, 16)):
            return self._refused("the nonce is used or has ended", stale=True, told=False)
        return caller

    def _wrong(self, scope: Scope, reason: str) -> Refusal:
        source = source_of(scope)
        wait = self._throttle.wrong(source)
        if not wait:
            return self._refused(reason, told=not self._lines.wrong(source))
        after = (b"retry-after", b"%d" % (int(wait) + 1))
        return Refusal(429, f"{reason}, too often", headers=(after, _CLOSE), told=False)

    def _refused(self, reason: str, *, told: bool, stale: bool = False) -> Refusal:
        """401, with a challenge for every scheme that some node may use, the best first."""
        offered = self._nodes.offered
        challenges = [
            challenge(algorithm, self._nonces.new(), stale=stale)
            for algorithm, scheme in ALGORITHMS.items()
            if scheme in offered
        ]
        if Scheme.BASIC in offered:
            challenges.append(_BASIC)
        return Refusal(401, reason, headers=[(b"www-authenticate", each) for each in challenges], told=told)


def source_of(scope: Scope) -> str:
    """Say from which address a request comes."""
    client = scope.get("client")
    return client[0] if client else "an unknown address"


def subject_of(scope: Scope) -> str | None:
    """Give the subject of the client's certificate, as the ASGI TLS extension names it."""
    tls = scope.get("extensions", {}).get("tls")
    return tls["client_cert_name"] if tls is not None else None
