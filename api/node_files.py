"""The files a FreeSWITCH node needs on its disk so that it asks us and lets us in.

FreeSWITCH reads them through its line-based preprocessor too, so values are written in
the same dialect as our answers.
"""

import ipaddress
import socket
from collections.abc import Iterator, Sequence

from controlplane.answers.dialect import literal
from controlplane.desired.values import RESPONSE_MAX_BYTES, Node, Scheme

# What `bindings` calls the sections we answer. ("phrases" is no section to it.)
BINDINGS = "configuration|directory|dialplan|languages|chatplan"

# In this order: what stands before mod_xml_curl reads its files from disk and never asks, so that we
# reach the node's Event Socket whatever we serve; what stands behind it asks.
MODULES = ("mod_console", "mod_logfile", "mod_event_socket", "mod_xml_curl")


def xml_curl(urls: Sequence[str], node: Node, *, password: str, timeout: int, ca_file: str) -> str:
    """Write xml_curl.conf.xml: a binding for each URL, asked in this order; it holds the password.

    `timeout` in seconds: mod_xml_curl waits for ever by default, and the SIP stack with it. Certificates are
    checked, against `ca_file` on the node where one is named, else against those that libcurl trusts.
    """
    lines: list[str] = []
    for place, url in enumerate(urls, 1):
        # A second `gateway-url` within one binding would replace the first and not stand in for it.
        name = "controlplane" if place == 1 else f"controlplane-{place}"
        lines += [f'    <binding name="{name}">', *_binding(url, node, password, timeout, ca_file)]
        lines.append("    </binding>")
    return _document("xml_curl.conf", "  <bindings>", *lines, "  </bindings>")


def event_socket(*, listen: str, port: int, password: str, from_address: str) -> str:
    """Write event_socket.conf.xml: where the node takes connections, ours alone; it holds the password."""
    return _document(
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
    )


def modules() -> str:
    """Write modules.conf.xml: what must load first, in its order."""
    return _document(
        "modules.conf",
        "  <modules>",
        *(f'    <load module="{name}"/>' for name in MODULES),
        "    <!-- What else the node runs: below, or in the document post_load_modules.conf. -->",
        "  </modules>",
    )


def _binding(url: str, node: Node, password: str, timeout: int, ca_file: str) -> Iterator[str]:
    yield f'      <param name="gateway-url" value="{literal(url)}" bindings="{BINDINGS}"/>'
    yield _param("gateway-credentials", f"{node.name}:{password}")
    # With `=` no other scheme is tried: Basic would show the password.
    yield _param("auth-scheme", "basic" if Scheme.BASIC in node.lookup_schemes else "=digest")
    yield _param("method", "POST")
    yield _param("timeout", str(timeout))
    if node.response_max_bytes != RESPONSE_MAX_BYTES:
        yield _param("response-max-bytes", str(node.response_max_bytes))
    if url.lower().startswith("https:"):
        # mod_xml_curl checks neither unless told to.
        yield _param("enable-cacert-check", "true")
        yield _param("enable-ssl-verifyhost", "true")
        if ca_file:
            yield _param("ssl-cacert-file", ca_file)


def _param(name: str, value: str) -> str:
    return f'      <param name="{name}" value="{literal(value)}"/>'


def host_network(address: str) -> str:
    """Write an address as the network that holds it alone: `10.0.0.1/32`, `::1/128`."""
    return str(ipaddress.ip_network(address.partition("%")[0]))


def listen_address(host: str, from_address: str) -> str:
    """Say where the node must listen to be reached at `host` from there; for a name everywhere."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        # The node's own setting, narrowed by its ACL.
        return "::" if ":" in from_address else "0.0.0.0"  # noqa: S104


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
