"""The two files a FreeSWITCH node needs on its disk so that it asks us and lets us in.

FreeSWITCH reads them through its line-based preprocessor too, so values are written in
the same dialect as our answers.
"""

import ipaddress
import socket
from dataclasses import dataclass

from controlplane.answers.dialect import literal

# Seconds for one lookup. mod_xml_curl waits for ever by default, and the SIP stack with it.
LOOKUP_TIMEOUT = 10
# What `bindings` calls the sections we answer. ("phrases" is no section to it.)
BINDINGS = "configuration|directory|dialplan"


@dataclass(frozen=True, slots=True)
class NodeFiles:
    """The texts of both files; they hold passwords."""

    xml_curl: str
    event_socket: str


def node_files(
    *,
    lookup_url: str,
    user: str,
    lookup_password: str,
    listen: str,
    port: int,
    password: str,
    from_address: str,
) -> NodeFiles:
    """Write both files.

    `lookup_url` is where the node reaches our lookups; `listen` and `port` are where it
    takes Event Socket connections, `from_address` is where ours come from.
    """
    return NodeFiles(
        xml_curl=_document(
            "xml_curl.conf",
            "  <bindings>",
            '    <binding name="controlplane">',
            f'      <param name="gateway-url" value="{literal(lookup_url)}" bindings="{BINDINGS}"/>',
            f'      <param name="gateway-credentials" value="{literal(f"{user}:{lookup_password}")}"/>',
            '      <param name="auth-scheme" value="basic"/>',
            '      <param name="method" value="POST"/>',
            f'      <param name="timeout" value="{LOOKUP_TIMEOUT}"/>',
            "    </binding>",
            "  </bindings>",
        ),
        event_socket=_document(
            "event_socket.conf",
            "  <settings>",
            '    <param name="nat-map" value="false"/>',
            f'    <param name="listen-ip" value="{literal(listen)}"/>',
            f'    <param name="listen-port" value="{port}"/>',
            f'    <param name="password" value="{literal(password)}"/>',
            # A CIDR, not a list's name: a list is empty while ACLs are being reloaded, or when
            # they could not be, and would then shut us out.
            f'    <param name="apply-inbound-acl" value="{literal(host_network(from_address))}"/>',
            "  </settings>",
        ),
    )


def host_network(address: str) -> str:
    """Write an address as the network that holds it alone: `10.0.0.1/32`, `::1/128`."""
    return str(ipaddress.ip_network(address.partition("%")[0]))


def listen_address(host: str) -> str:
    """Say where the node must listen to be reached at `host`: there, or everywhere for a name."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return "0.0.0.0"  # noqa: S104 - the node's own setting, narrowed by its ACL


def address_towards(host: str, port: int) -> str:
    """Say from which of our addresses packets to `host` leave; blocks while it resolves a name.

    Nothing is sent: connecting a datagram socket only asks the routing table. Raises OSError.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.connect(address)
        return str(probe.getsockname()[0])


def _document(name: str, *lines: str) -> str:
    head = f'<configuration name="{name}" description="Written by the control plane">'
    return "\n".join((head, *lines, "</configuration>", ""))
