"""How ``sofia status profile P reg`` reads. The texts are those of a real switch."""

import pytest

from esl.errors import CommandFailed, CommandRejected, UnexpectedReply
from esl.registrations import DropRegistrations, Registration, Registrations

LINE = "=" * 97
ONE = """\
Call-ID:    \t2883057060c26b15
User:       \t1000@pbx.test
Contact:    \t"" <sip:1000@127.0.0.1:51143>
Agent:      \tunknown
Status:     \tRegistered(UDP)(unknown) EXP(2026-11-25 10:48:19) EXPSECS(180)
Ping-Status:\tReachable
Ping-Time:\t0.00
Host:       \tfs1
IP:         \t127.0.0.1
Port:       \t51143
Auth-User:  \t1000
Auth-Realm: \tpbx.test
MWI-Account:\t1000@pbx.test

"""
READ = Registration(
    profile="internal",
    user="1000",
    domain="pbx.test",
    call_id="2883057060c26b15",
    contact='"" <sip:1000@127.0.0.1:51143>',
    agent="unknown",
    status="Registered(UDP)(unknown)",
    expires_in=180,
    ping_status="Reachable",
    ip="127.0.0.1",
    port="51143",
    auth_user="1000",
    auth_realm="pbx.test",
)
ASKED = Registrations("internal")


def listing(*records: str, total: int | None = None) -> str:
    told = len(records) if total is None else total
    return f"\nRegistrations:\n{LINE}\n{''.join(records)}Total items returned: {told}\n{LINE}\n"


def test_all_are_read() -> None:
    assert ASKED.line == "sofia status profile internal reg"
    assert ASKED.read(listing(ONE, ONE)) == (READ, READ)
    assert ASKED.read(listing()) == ()
    assert ASKED.read("Invalid Profile!\n") is None


def test_a_user_is_asked_for_by_name_and_domain() -> None:
    assert (
        Registrations("internal", "1000@pbx.test").line == "sofia status profile internal user 1000@pbx.test"
    )


def test_what_a_phone_calls_itself_stays_a_value() -> None:
    odd = ONE.replace("2883057060c26b15", "</call-id><b>&:\tx")
    [read] = ASKED.read(listing(odd)) or ()
    assert read.call_id == "</call-id><b>&:\tx"
    negative = ONE.replace("EXPSECS(180)", "EXPSECS(-2)")
    [late] = ASKED.read(listing(negative)) or ()
    assert late.expires_in == -2


@pytest.mark.parametrize(
    "reply",
    [
        listing(ONE, total=2),
        listing(ONE)[:-20],
        listing(ONE.replace("Agent:      \tunknown\n", "")),
        listing(ONE.replace("unknown\n", "unknown\nUser:       \tsomebody@else\n", 1)),
        listing(ONE.replace("EXPSECS(180)", "EXPSECS(soon)")),
    ],
)
def test_no_list_is_ever_short(reply: str) -> None:
    with pytest.raises(UnexpectedReply):
        ASKED.read(reply)


def test_what_is_no_list_is_a_failure() -> None:
    with pytest.raises(CommandFailed, match="Command not found"):
        ASKED.read("-ERR sofia Command not found!\n")


def test_one_user_is_dropped() -> None:
    command = DropRegistrations("internal", "1000@pbx.test")
    assert command.line == "sofia profile internal flush_inbound_reg 1000@pbx.test"
    command.read("+OK flushing all registrations matching specified call_id\n")
    for reply in ("+OK flushing all registrations\n", "Invalid Profile [internal]"):
        with pytest.raises(CommandFailed):
            command.read(reply)


@pytest.mark.parametrize("user", ["", "1000", "@pbx.test", "1000@", "a@b@c", "a b@c", "reboot"])
def test_more_than_one_user_is_never_dropped(user: str) -> None:
    with pytest.raises(CommandRejected):
        DropRegistrations("internal", user)
    with pytest.raises(CommandRejected):
        Registrations("internal", user)
