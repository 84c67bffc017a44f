import pytest

from esl import status
from tests.esl.recordings import replies

GATEWAY = """<?xml version="1.0" encoding="ISO-8859-1"?>
  <gateway>
    <name>gw-a</name>
    <profile>external</profile>
    <username>{username}</username>
    <state>FAIL_WAIT</state>
    <status>DOWN</status>
    <retry>29s</retry>
  </gateway>
"""


def recorded(line: str) -> list[str]:
    return [reply for each, reply, _ in replies("gateways", "profiles") if each == line]


def test_a_gateway_list() -> None:
    first = status.read_gateways(recorded("sofia xmlstatus gateway")[0])
    assert [gateway.name for gateway in first] == [
        "gw-dir",
        "gw-noreg",
        "gw-timeout",
        "gw-fail",
        "gw-auth",
        "gw-ok",
    ]
    by_name = {gateway.name: gateway for gateway in first}
    assert by_name["gw-ok"] == status.GatewayStatus(
        name="gw-ok",
        profile="external",
        state="REGED",
        status="UP",
        realm="127.0.0.1:15070",
        username="ok",
        has_password=True,
        proxy="sip:127.0.0.1:15070",
        context="public",
        from_="<sip:ok@127.0.0.1:15070>",
        contact="<sip:gw+gw-ok@127.0.0.1:15080;transport=udp;gw=gw-ok>",
        expires=3600,
        freq=3600,
        ping=1795465056,
        ping_freq=5,
        ping_time=0.77,
        pinging=False,
        uptime_usec=122473919,
        calls_in=0,
        calls_out=0,
        failed_in=0,
        failed_out=0,
        retry_seconds=None,
    )
    assert (by_name["gw-fail"].state, by_name["gw-fail"].retry_seconds, by_name["gw-fail"].up) == (
        "FAIL_WAIT",
        29,
        False,
    )


def test_every_recorded_list_is_read_whole() -> None:
    lists = recorded("sofia xmlstatus gateway")
    assert len(lists) > 10
    states = set()
    for text in lists:
        found = status.read_gateways(text)
        assert len(found) == text.count("<gateway>")
        states |= {gateway.state for gateway in found}
    assert states >= {"REGED", "NOREG", "FAIL_WAIT", "TRYING", "DOWN"}


def test_a_profile() -> None:
    profile = status.read_profile(recorded("sofia xmlstatus profile external")[0])
    assert (profile.name, profile.context, profile.registrations) == ("external", "public", 0)
    assert profile.url == "sip:mod_sofia@127.0.0.1:15080"
    assert profile.fields["max-recv-rps"] == "1000"


@pytest.mark.parametrize("username", ["a&b", "caf\u00e9 \U0001f600", "a\x01b", "<x", "a &lt; b", "&unknown;"])
def test_values_that_freeswitch_does_not_escape_lose_no_gateway(username: str) -> None:
    text = GATEWAY.format(username=username)
    gateway = status.read_gateway(text)
    assert (gateway.name, gateway.profile) == ("gw-a", "external")
    if "&" not in username and "<" not in username and "\x01" not in username:
        assert gateway.username == username


def test_entities_are_not_expanded() -> None:
    text = (
        '<!DOCTYPE gateway [<!ENTITY x SYSTEM "file:///etc/hostname">]>'
        + GATEWAY.format(username="&x;").split("?>", 1)[1]
    )
    assert status.read_gateway(text).username == ""


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "no whole"),
        ("<gateways>", "no whole"),
        ("<gateways><gateway></gateway></gateways>", "no <name>"),
        ("<gateways><a><gateway><name>x</name></gateway></a></gateways>", "1 gateways announced, 0 readable"),
        ("<other></other></gateways>", "no <gateways>"),
        (
            "<gateways><gateway><name>x</name><profile>p</profile><state>s</state><status>UP</status>"
            "<calls-in>many</calls-in></gateway></gateways>",
            "<calls-in> is no number",
        ),
        (
            "<gateways><gateway><name>x</name><profile>p</profile><state>s</state><status>UP</status>"
            "<pingtime>soon</pingtime></gateway></gateways>",
            "<pingtime> is no number",
        ),
    ],
)
def test_what_is_no_gateway_list(text: str, complaint: str) -> None:
    with pytest.raises(status.Unreadable, match=complaint):
        status.read_gateways(text)


def test_a_profile_without_its_part() -> None:
    with pytest.raises(status.Unreadable, match="profile-info"):
        status.read_profile("<profile><registrations></registrations></profile>")


def test_a_profile_that_is_down() -> None:
    [profile] = status.read_profiles(
        "<profiles><profile><name>taken</name><type>profile</type><data>sip:x</data>"
        "<state>DOWN (0)</state></profile>"
        "<alias><name>a</name><type>alias</type><data>taken</data><state>ALIASED</state></alias></profiles>"
    )
    assert profile == status.ProfileSummary("taken", "DOWN", False, "sip:x")
