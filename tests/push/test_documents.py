"""How documents reach a running node."""

import pytest

from controlplane.desired.values import GLOBAL, Document
from controlplane.push.documents import WAYS, How, guards, wanted, way

CALLCENTER = (
    '<configuration name="callcenter.conf"><settings/><queues><queue name="support@default">{0}</queue>'
    '<queue name="sales@default"/></queues><agents>{1}</agents></configuration>'
)


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("ivr.conf", How.NOTHING),
        ("conference.conf", How.NOTHING),
        ("sofia.conf", How.RESCAN),
        ("timezones.conf", How.RELOAD_XML),
        ("loopback.conf", How.RELOAD_XML),
        ("lcr.conf", How.RELOAD_MODULE),
        ("callcenter.conf", How.RELOAD_QUEUES),
        ("voicemail.conf", How.RELOAD_DROPPING),
        ("hash.conf", How.RESTART),
        ("modules.conf", How.RESTART),
        ("switch.conf", How.RESTART),
        ("event_socket.conf", How.RESTART),
        ("anything.conf", How.RESTART),
        ("IVR.conf", How.NOTHING),
    ],
)
def test_way(name: str, how: How) -> None:
    assert way(name).how is how


def test_what_is_reloaded_names_its_module() -> None:
    for name, by in WAYS.items():
        assert by.module is not None or name == "timezones.conf"


def test_callcenter_tells_its_queues_from_the_rest() -> None:
    first = wanted(Document("callcenter.conf", GLOBAL, CALLCENTER.format("", "")))
    queue = wanted(Document("callcenter.conf", GLOBAL, CALLCENTER.format("<x/>", "")))
    agent = wanted(Document("callcenter.conf", GLOBAL, CALLCENTER.format("", '<agent name="a"/>')))
    assert first.queues == ("support@default", "sales@default")
    assert first.rest == queue.rest != agent.rest
    assert len({first.digest, queue.digest, agent.digest}) == 3


def test_guards() -> None:
    xml = (
        '<configuration name="event_socket.conf"><settings>'
        '<param name="apply-inbound-acl" value="lan"/><param name="Apply-Inbound-ACL" value="ops"/>'
        '<param name="password" value="x"/></settings></configuration>'
    )
    assert guards(Document("event_socket.conf", GLOBAL, xml), {}) == ("lan", "ops")
    bare = '<configuration name="event_socket.conf"><settings/></configuration>'
    assert guards(Document("event_socket.conf", GLOBAL, bare), {}) == ("loopback.auto",)
