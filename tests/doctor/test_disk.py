"""What is read of a node's own files."""

import pytest

from controlplane.doctor.disk import Binding, Disk, Unreadable, read

WHOLE = """\
<document type="freeswitch/xml">
<section name="configuration">
<configuration name="xml_curl.conf"><bindings>
<binding name="ours">
<param name="gateway-url" value="https://cp/xml_curl" bindings="configuration| dialplan"></param>
<param name="gateway-credentials" value="fs1:marker-secret"></param>
<param name="timeout" value="5"></param>
<param name="Enable-CACert-Check" value="TRUE"></param>
<param name="response-max-bytes" value="2048"></param>
</binding>
<binding name="none"><param name="timeout" value="1"></param></binding>
<binding name="bare"><param name="gateway-url" value="http://x/"></param>
<param name="timeout" value="-1"></param><param name="enable-ssl-verifyhost" value="0"></param></binding>
</bindings></configuration>
<configuration name="event_socket.conf"><settings><param name="password" value="marker-secret"></param>
<param name="apply-inbound-acl" value="lan"></param></settings></configuration>
</section>
<section name="directory"><domain name="acme.example"><groups><group name="g"><users>
<user id="1"></user><user id="2"></user></users></group></groups></domain></section>
<section name="dialplan"><context name="default"></context></section>
<section name="dialplan"><context name="public"></context></section>
</document>
"""


def test_only_what_is_examined_is_taken_over() -> None:
    found = read(WHOLE)
    ours = Binding(
        "ours", "https://cp/xml_curl", frozenset({"configuration", "dialplan"}), 5, True, False, "fs1", 2048
    )
    bare = Binding("bare", "http://x/", frozenset(), 0, False, False, "", None)
    assert found == Disk((ours, bare), ("lan",), {"acme.example": 2}, ("default", "public"))
    assert "marker-secret" not in repr(found)


def test_a_disk_without_anything_is_told_apart_from_one_with_an_empty_file() -> None:
    assert read('<document type="freeswitch/xml"></document>') == Disk(None, (), {}, ())
    empty = (
        '<document><section name="configuration"><configuration name="XML_curl.conf"/></section></document>'
    )
    assert read(empty).bindings == ()


def test_what_is_no_xml_is_not_shown() -> None:
    with pytest.raises(Unreadable, match="no XML at line 1") as raised:
        read('<document><param name="password" value="marker-secret"')
    assert "marker-secret" not in str(raised.value)
    assert raised.value.__cause__ is None
