"""What the nodes of these tests are to be: all that they are not told by their own disk."""

from collections.abc import Iterator
from typing import Any

from tests.e2e.house import House
from tests.real_switch.node import DOMAIN, FROM_US, RealNode

ADDRESSES = {"sip-ip": "127.0.0.1", "rtp-ip": "127.0.0.1", "rtp-timer-name": "soft", "dialplan": "XML"}
INTERNAL = {
    "params": {
        **ADDRESSES,
        "sip-port": "$${internal_port}",
        "context": "default",
        "auth-calls": "true",
        "challenge-realm": "auto_from",
        "inbound-codec-prefs": "PCMU",
        "outbound-codec-prefs": "PCMU",
    },
    "domains": [{"name": "all", "alias": True, "parse": False}],
}
EXTERNAL = {
    "params": {**ADDRESSES, "sip-port": "$${external_port}", "context": "public", "auth-calls": "false"},
}
DOCUMENTS = {
    "sofia.conf": '<global_settings><param name="log-level" value="0"/></global_settings>',
    "post_load_modules.conf": f'<modules><load module="{FROM_US}"/></modules>',
    "conference.conf": (
        '<caller-controls><group name="default"><control action="mute" digits="0"/></group>'
        '</caller-controls><profiles><profile name="team"><param name="rate" value="8000"/></profile>'
        "</profiles>"
    ),
    "voicemail.conf": (
        '<settings/><profiles><profile name="default"><param name="file-extension" value="wav"/>'
        "</profile></profiles>"
    ),
    "callcenter.conf": (
        '<settings/><queues><queue name="sales"><param name="strategy" value="longest-idle-agent"/></queue>'
        "</queues><agents/><tiers/>"
    ),
    "fifo.conf": "<settings/><fifos/>",
    "local_stream.conf": (
        '<directory name="hold" path="$${sounds_dir}"><param name="rate" value="8000"/></directory>'
    ),
    "loopback.conf": '<settings><param name="early-set-loopback-id" value="false"/></settings>',
}


def describe(house: House[RealNode]) -> None:
    """Write the desired state, but for the nodes."""
    for path, body in _resources():
        house.send("PUT", path, body)


def user(password: str | None, **more: Any) -> dict[str, Any]:
    """A user's body; without a password he has no credentials at all."""
    return {"params": {"password": password} if password is not None else {}, **more}


def document(name: str, inner: str) -> dict[str, Any]:
    return {"xml": f'<configuration name="{name}">{inner}</configuration>'}


def extension(number: str, *actions: tuple[str, str]) -> str:
    inner = "".join(f'<action application="{name}" data="{data}"/>' for name, data in actions)
    return (
        f'<extension name="{number}"><condition field="destination_number" expression="^{number}$">'
        f"{inner}</condition></extension>"
    )


def _resources() -> Iterator[tuple[str, dict[str, Any]]]:
    yield f"/domains/{DOMAIN}", {"variables": {"user_context": "default"}}
    yield "/profiles/internal", INTERNAL
    yield "/profiles/external", EXTERNAL
    for name, inner in DOCUMENTS.items():
        yield f"/documents/{name}", document(name, inner)
    yield "/contexts/default", {}
    yield "/contexts/public", {}
