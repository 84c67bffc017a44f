"""The mark by which a gateway is known as ours, and as unchanged.

It stands in every gateway as an inbound variable, which `sofia_gateway_data` reads back. Inbound
variables are set on every inbound call of the gateway (sofia.c:11355) and so reach CDRs and events:
a plain digest over a password would let anyone try passwords against it, hence a key of the daemon.
"""

import hmac
from collections.abc import Callable

from controlplane.answers.dialect import Escape, literal
from controlplane.answers.params import Opened, container, refs, written
from controlplane.desired.values import Gateway, Param, Params, SecretRef, UserGateway

VARIABLE = "controlplane_fingerprint"

Mark = Callable[[Gateway | UserGateway], str]
"""Gives a gateway's fingerprint."""


def fingerprint(gateway: Gateway | UserGateway, opened: Opened, key: bytes, text: Escape = literal) -> str:
    """HMAC-SHA256 over the gateway as it is rendered, secrets included: 32 hex digits."""
    lines = gateway_lines(gateway.name, gateway.params, gateway.variables, opened, text)
    return hmac.digest(key, "\n".join(lines).encode(), "sha256").hex()[:32]


def marked(gateway: Gateway | UserGateway, opened: Opened, mark: Mark, text: Escape = literal) -> list[str]:
    """The gateway's lines, its mark among its variables."""
    variable = Param(VARIABLE, mark(gateway), "inbound")
    return gateway_lines(gateway.name, gateway.params, (*gateway.variables, variable), opened, text)


def gateway_lines(name: str, params: Params, variables: Params, opened: Opened, text: Escape) -> list[str]:
    """A `<gateway>` element; `text` writes its values.

    Its parameters stand in it directly (sofia.c:3770, parse_gateways).
    """
    return [
        f'<gateway name="{literal(name)}">',
        *written("param", params, opened, text),
        *container("variables", "variable", variables, opened, text),
        "</gateway>",
    ]


def secrets_of(gateway: Gateway | UserGateway) -> set[SecretRef]:
    """The sealed values that the fingerprint covers."""
    return refs(gateway.params, gateway.variables)
