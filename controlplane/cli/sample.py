"""The sample tenant that `controlplane demo` fills its database with.

Two domains with twenty users in groups, two SIP profiles, four gateways, an ACL list, a
small dialplan and a few documents, in the shape in which the API takes them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

DOMAINS = ("acme.example", "globex.example")
USERS_PER_DOMAIN = 10
NODES = ("fs1", "fs2")


@dataclass(frozen=True, slots=True)
class Sample:
    """One resource: where it is put, and its body."""

    path: str
    body: dict[str, Any]


def sample() -> Iterator[Sample]:
    """Give every resource but the nodes, each after those it refers to."""
    yield from _directory()
    yield from _sip()
    yield from _dialplan()
    yield from _documents()


def _directory() -> Iterator[Sample]:
    dial_string = (
        "{presence_id=${dialed_user}@${dialed_domain}}${sofia_contact(*/${dialed_user}@${dialed_domain})}"
    )
    for index, domain in enumerate(DOMAINS):
        yield Sample(
            f"/domains/{domain}",
            {"params": {"dial-string": dial_string}, "variables": {"default_language": "en"}},
        )
        for group in ("sales", "support"):
            yield Sample(
                f"/domains/{domain}/groups/{group}",
                {"variables": {"toll_allow": "domestic,local", "team": group}},
            )
        for extension in range(1000, 1000 + USERS_PER_DOMAIN):
            yield Sample(
                f"/domains/{domain}/users/{extension}",
                {
                    "groups": ["sales" if extension % 2 else "support"],
                    "number_alias": f"55512{index}{extension}",
                    "params": {"password": f"demo-{extension}", "vm-password": str(extension)},
                    "variables": {
                        "user_context": "default",
                        "effective_caller_id_name": f"Extension {extension}",
                    },
                },
            )


def _sip() -> Iterator[Sample]:
    addresses = {"sip-ip": "127.0.0.1", "rtp-ip": "127.0.0.1", "rtp-timer-name": "soft", "dialplan": "XML"}
    yield Sample(
        "/acls/trusted",
        {
            "default": "deny",
            "entries": [
                {"type": "allow", "cidr": "127.0.0.0/8"},
                {"type": "allow", "cidr": "192.0.2.0/24"},
                {"type": "deny", "cidr": "192.0.2.66/32"},
            ],
        },
    )
    yield Sample(
        "/profiles/internal",
        {
            "params": {**addresses, "sip-port": "5060", "context": "default", "auth-calls": "true"},
            "domains": [{"name": "all", "alias": True, "parse": False}],
        },
    )
    yield Sample(
        "/profiles/external",
        {
            "params": {
                **addresses,
                "sip-port": "5080",
                "context": "public",
                "auth-calls": "false",
                "apply-inbound-acl": "trusted",
            },
        },
    )
    # An account registers from one node only; trunks that do not register stand on both.
    for node in NODES:
        yield Sample(
            f"/gateways/carrier-{node}", {"placed_on": node, **_gateway(f"acme-{node}", register=True)}
        )
    for name in ("trunk-a", "trunk-b"):
        yield Sample(f"/gateways/{name}", _gateway(name, register=False))


def _gateway(username: str, *, register: bool) -> dict[str, Any]:
    return {
        "profile": "external",
        "params": {
            "username": username,
            "password": f"demo-{username}",
            "proxy": "127.0.0.1:5099",
            "register": "true" if register else "false",
        },
    }


def _extension(name: str, number: str, *actions: tuple[str, str]) -> str:
    inner = "".join(f'<action application="{application}" data="{data}"/>' for application, data in actions)
    return (
        f'<extension name="{name}"><condition field="destination_number" expression="{number}">'
        f"{inner}</condition></extension>"
    )


def _dialplan() -> Iterator[Sample]:
    extensions = {
        "default": {
            "local": _extension("local", "^(10\\d\\d)$", ("bridge", "user/$1@${domain_name}")),
            "echo": _extension("echo", "^9196$", ("answer", ""), ("echo", "")),
            "team": _extension("team", "^3000$", ("answer", ""), ("conference", "3000@team")),
            "out": _extension("out", "^(\\d{7,15})$", ("bridge", "sofia/gateway/trunk-a/$1")),
        },
        "public": {
            "did": _extension("did", "^55512\\d(10\\d\\d)$", ("transfer", "$1 XML default")),
        },
    }
    for context, named in extensions.items():
        yield Sample(f"/contexts/{context}", {})
        for position, (name, xml) in enumerate(named.items()):
            yield Sample(
                f"/contexts/{context}/extensions/{name}", {"position": 10 * (position + 1), "xml": xml}
            )


def _documents() -> Iterator[Sample]:
    documents = {
        "sofia.conf": '<global_settings><param name="log-level" value="0"/></global_settings>',
        "conference.conf": (
            '<caller-controls><group name="default"><control action="mute" digits="0"/></group>'
            "</caller-controls>"
            '<profiles><profile name="team"><param name="rate" value="8000"/></profile></profiles>'
        ),
        "ivr.conf": (
            '<menus><menu name="welcome" greet-long="tone_stream://%(100,0,440)" timeout="5000">'
            '<entry action="menu-exit" digits="*"/></menu></menus>'
        ),
        "voicemail.conf": (
            '<settings/><profiles><profile name="default"><param name="file-extension" value="wav"/>'
            "</profile></profiles>"
        ),
    }
    for name, inner in documents.items():
        yield Sample(f"/documents/{name}", {"xml": f'<configuration name="{name}">{inner}</configuration>'})
