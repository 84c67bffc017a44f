"""The files that a node needs on its disk."""

from dataclasses import replace

from api.node_files import MODULES, event_socket, listen_address, modules, xml_curl
from controlplane.desired.values import Node, NodeMode, Scheme
from tests.answers import switch_model
from tests.answers.switch_model import Element

NODE = Node("fs1", "fs1", "192.0.2.10", 8021, (), NodeMode.OBSERVING, "esl", ("lookup",))


def bindings(*urls: str, node: Node = NODE, ca_file: str = "") -> list[Element]:
    text = xml_curl(urls, node, password='p"<&$${x}', timeout=7, ca_file=ca_file)
    return switch_model.read(text.encode()).child("bindings").children


def params(binding: Element) -> dict[str, str]:
    return {param.attributes["name"]: param.attributes["value"] for param in binding.children}


def test_a_second_replica_has_a_binding_of_its_own() -> None:
    """Within one binding the last URL would replace the first."""
    first, second = bindings("http://a.example/xml_curl", "http://b.example/xml_curl")
    assert params(first)["gateway-url"] == "http://a.example/xml_curl"
    assert params(second)["gateway-url"] == "http://b.example/xml_curl"
    for binding in (first, second):
        assert params(binding)["gateway-credentials"] == 'fs1:p"<&$${x}'
        assert params(binding)["timeout"] == "7"
        assert "enable-cacert-check" not in params(binding)


def test_certificates_are_checked() -> None:
    (own,) = bindings("https://a.example/xml_curl", ca_file="/etc/ca.pem")
    assert params(own)["enable-cacert-check"] == params(own)["enable-ssl-verifyhost"] == "true"
    assert params(own)["ssl-cacert-file"] == "/etc/ca.pem"
    (trusted,) = bindings("HTTPS://a.example/xml_curl")
    assert params(trusted)["enable-cacert-check"] == "true"
    assert "ssl-cacert-file" not in params(trusted)


def test_it_says_what_is_set_for_the_node() -> None:
    (plain,) = bindings("http://a.example/xml_curl")
    assert params(plain)["auth-scheme"] == "basic"
    assert "response-max-bytes" not in params(plain)
    node = replace(NODE, lookup_schemes=(Scheme.DIGEST_SHA256,), response_max_bytes=4 << 20)
    (own,) = bindings("http://a.example/xml_curl", node=node)
    assert params(own)["auth-scheme"] == "=digest"
    assert params(own)["response-max-bytes"] == str(4 << 20)


def test_the_event_socket_is_there_before_anything_is_asked() -> None:
    loads = switch_model.read(modules().encode()).child("modules").children
    assert tuple(load.attributes["module"] for load in loads) == MODULES
    assert MODULES.index("mod_event_socket") < MODULES.index("mod_xml_curl")


def test_ipv6_is_written_as_freeswitch_reads_it() -> None:
    """Addresses bare, networks with their length; what is in a URL has brackets."""
    text = event_socket(listen="2001:db8::5", port=8021, password="x", from_address="2001:db8::1")
    settings = params(switch_model.read(text.encode()).child("settings"))
    assert (settings["listen-ip"], settings["apply-inbound-acl"]) == ("2001:db8::5", "2001:db8::1/128")
    assert listen_address("2001:db8:0::5", "2001:db8::1") == "2001:db8::5"
    assert listen_address("fs1.example", "2001:db8::1") == "::"
    assert listen_address("fs1.example", "192.0.2.1") == "0.0.0.0"
