import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from esl import commands, names, queries, registrations
from esl.commands import Command
from esl.errors import CommandFailed, CommandRejected, TooSoon, UnexpectedReply, UnknownProfile
from esl.keeper import EVENTS, PROBE
from esl.status import GatewayStatus, ProfileStatus, ProfileSummary
from esl.switch.accounts import Rights
from tests.esl.recordings import FILES, replies

# --- every recorded reply ------------------------------------------------------------------------

FORMS: list[tuple[str, Callable[..., Command[Any]]]] = [
    (r"reloadxml", commands.ReloadXml),
    (r"reloadacl", commands.ReloadAcl),
    (r"sofia profile (\S+) rescan", commands.ProfileRescan),
    (r"sofia profile (\S+) start", commands.ProfileStart),
    (r"sofia profile (\S+) restart", commands.ProfileRestart),
    (r"sofia profile (\S+) stop", commands.ProfileStop),
    (r"sofia profile (\S+) killgw (?!_all_)(\S+)", commands.KillGateway),
    (r"sofia profile (\S+) startgw (?!_all_)(\S+)", commands.StartGateway),
    (r"sofia xmlstatus gateway", queries.GatewayStatuses),
    (r"sofia xmlstatus gateway ([^\s:]+)", queries.GatewayStatusOf),
    (r"sofia xmlstatus profile (\S+)", queries.ProfileStatusOf),
    (r"sofia xmlstatus", queries.Profiles),
    (r"sofia_gateway_data (\S+) ivar (\S+)", queries.GatewayVariable),
    (r"xml_flush_cache", commands.FlushAll),
    (r"xml_flush_cache (\S+) (\S+) (\S+)", commands.FlushUser),
    (r"acl (\S+) (\S+)", queries.CheckAcl),
    (r"xml_locate (\S+) (\S+) (\S+) (\S+)", queries.Locate),
    (r"reload (\S+)", commands.ReloadModule),
    (r"module_exists (\S+)", queries.ModuleExists),
    (r"callcenter_config queue reload (\S+)", commands.CallcenterQueueReload),
    (r"global_getvar (\S+)", queries.GlobalVariable),
    (r"version", queries.Version),
]


def typed(line: str) -> Command[Any] | None:
    for pattern, make in FORMS:
        if (found := re.fullmatch(pattern, line)) is not None:
            return make(*found.groups())
    return None


# What each recorded reply means: a value, or the class of the failure.
MEANINGS: list[tuple[str, str, object]] = [
    (r"reloadxml", r"\+OK \[Success\]\n", None),
    (r"reloadxml", r"\+OK \[(\[error|Cannot Open).*", CommandFailed),
    (r"reloadacl", r"\+OK acl reloaded\n", None),
    (r"reloadacl", r"-ERR .*", CommandFailed),
    (r"sofia profile \S+ rescan", r"Reload XML \[Success\]\n\+OK scan complete\n", None),
    (r"sofia profile \S+ rescan", r"Reload XML \[\[error.*\+OK scan complete\n", CommandFailed),
    (r"sofia profile \S+ rescan", r".*-ERR cannot find config for profile.*", CommandFailed),
    (r"sofia profile \S+ start", r"Reload XML \[Success\]\n(\S+) started successfully\n", None),
    (r"sofia profile \S+ start", r"Reload XML \[.*\]\nFailure starting (\S+)\n", CommandFailed),
    (r"sofia profile \S+ restart", r"Reload XML \[Success\]\nrestarting: \S+", None),
    (r"sofia profile \S+ stop", r"Reload XML \[Success\]\nstopping: \S+", None),
    (r"sofia profile \S+ (stop|restart)", r"Profile \S+ must be up for at least 10 seconds.*", TooSoon),
    (r"sofia profile .*", r"Invalid Profile \[\S+\]", UnknownProfile),
    (r"sofia profile \S+ killgw \S+", r"\+OK gateway marked for deletion\.\n", True),
    (r"sofia profile \S+ killgw \S+", r"-ERR no such gateway\.\n", False),
    (r"sofia profile \S+ startgw \S+", r"Reload XML \[Success\]\n\+OK start gateway \S+ complete\n", None),
    (r"sofia xmlstatus gateway", r"<\?xml.*<gateways>.*", tuple),
    (r"sofia xmlstatus gateway \S+", r"<\?xml.*<gateway>.*", GatewayStatus),
    (r"sofia xmlstatus gateway \S+", r"Invalid Gateway!\n", None),
    (r"sofia xmlstatus profile \S+", r"<\?xml.*<profile>.*", ProfileStatus),
    (r"sofia xmlstatus profile \S+", r"Invalid Profile!\n", None),
    (r"sofia xmlstatus", r"<\?xml.*<profiles>.*", tuple),
    (r"sofia jsonstatus", r"\{.*", frozenset()),
    (r"xml_flush_cache.*", r"\+OK cleared 0 entries\n", 0),
    (r"xml_flush_cache.*", r"\+OK cleared 1 entry\n", 1),
    (r"acl .*", r"true", True),
    (r"acl .*", r"false", False),
    (r"xml_locate .*", r"<.*", str),
    (r"xml_locate .*", r"can't find anything\n", CommandFailed),
    (r"load \S+", r"(\+OK Reloading XML\n)?\+OK\n", None),
    (r"(un)?load \S+", r"(\+OK Reloading XML\n)?-ERR \[.*\]\n", CommandFailed),
    (r"reload \S+", r"(\+OK Reloading XML\n)?\+OK module unloaded\n\+OK module loaded\n", None),
    (r"reload \S+", r".*-ERR loading module \[.*\]\n", CommandFailed),
    (r"callcenter_config queue reload \S+", r"\+OK\n", None),
    (r"callcenter_config queue reload \S+", r"-ERR Invalid Queue not found!\n", CommandFailed),
    (r"global_getvar \S+", r"-ERR no reply\n", None),
    (r"global_getvar \S+", r"(?!-ERR).+", str),
]


def meaning(line: str, reply: str) -> object:
    for line_pattern, reply_pattern, means in MEANINGS:
        if re.fullmatch(line_pattern, line) and re.fullmatch(reply_pattern, reply, re.DOTALL):
            return means
    raise LookupError(f"{line!r} answered {reply!r}: nobody has said what that means")


RECORDED = sorted({(line, reply) for line, reply, _ in replies(*FILES) if typed(line) is not None})


def test_the_recordings_hold_what_is_tested() -> None:
    assert len(RECORDED) > 90
    for pattern in (r"sofia profile \S+ killgw \S+", r"reloadacl", r"xml_locate .*", r"reload \S+"):
        assert any(re.fullmatch(pattern, line) for line, _ in RECORDED), pattern


@pytest.mark.parametrize(("line", "reply"), RECORDED)
def test_a_recorded_reply_reads_as_what_it_means(line: str, reply: str) -> None:
    command = typed(line)
    assert command is not None
    assert command.line == line
    means = meaning(line, reply)
    if isinstance(means, type) and issubclass(means, CommandFailed):
        with pytest.raises(means) as failed:
            command.read(reply)
        assert type(failed.value) is means
        assert failed.value.reply == reply.strip()[:500]
        assert failed.value.command == line
    elif isinstance(means, type):
        assert isinstance(command.read(reply), means)
    else:
        assert command.read(reply) == means
        assert type(command.read(reply)) is type(means)


# --- replies that are not recorded ---------------------------------------------------------------

KNOWN: list[tuple[Command[Any], str, object]] = [
    (queries.GatewayVariable("gw-ok", "controlplane_fingerprint"), "abc123", "abc123"),
    (queries.GatewayVariable("gw-ok", "controlplane_fingerprint"), "-ERR no reply\n", None),
    (queries.ModuleExists("mod_sofia"), "true", True),
    (queries.ModuleExists("mod_sofia"), "false", False),
    # It was not loaded before, and is now: what was wanted.
    (commands.ReloadModule("mod_fifo"), "-ERR unloading module [No such module!]\n+OK module loaded\n", None),
    (commands.FlushUser("id", "1000", "example.com"), "+OK cleared 12 entries\n", 12),
    (
        queries.Version(),
        "FreeSWITCH Version 1.10.12-release (64bit)\n",
        "FreeSWITCH Version 1.10.12-release (64bit)",
    ),
    (queries.Profiles(), '<?xml version="1.0" encoding="ISO-8859-1"?>\n<profiles>\n</profiles>\n', ()),
    (
        queries.GatewayStatuses(),
        '<?xml version="1.0" encoding="ISO-8859-1"?>\n<gateways>\n</gateways>\n',
        (),
    ),
    (
        queries.StoppingProfiles(),
        '{"profiles":{"a.example":{"status":{"type":"alias","state":"ALIASED"}},'
        '"external":{"status":{"type":"profile","state":"DOWN"}},'
        '"internal":{"status":{"type":"profile","state":"RUNNING"}}}}',
        frozenset({"external"}),
    ),
]


@pytest.mark.parametrize(("command", "reply", "value"), KNOWN)
def test_a_reply_reads_as(command: Command[Any], reply: str, value: object) -> None:
    assert command.read(reply) == value


EVERY: list[Command[Any]] = [
    commands.ReloadXml(),
    commands.ReloadAcl(),
    commands.ProfileRescan("internal"),
    commands.ProfileStart("internal"),
    commands.ProfileRestart("internal"),
    commands.ProfileStop("internal"),
    commands.KillGateway("external", "gw-ok"),
    commands.StartGateway("external", "gw-ok"),
    queries.GatewayVariable("gw-ok", "name"),
    queries.GatewayStatuses(),
    queries.GatewayStatusOf("gw-ok"),
    queries.ProfileStatusOf("internal"),
    queries.Profiles(),
    queries.StoppingProfiles(),
    commands.FlushUser("id", "1000", "example.com"),
    commands.FlushAll(),
    queries.CheckAcl("192.0.2.5", "lan"),
    queries.Locate("configuration", "configuration", "name", "acl.conf"),
    commands.ReloadModule("mod_fifo"),
    queries.ModuleExists("mod_fifo"),
    commands.CallcenterQueueReload("support@default"),
    queries.Version(),
    commands.LoadModule("mod_fifo"),
    commands.SetVariable("receipt", "1"),
    queries.Modules(),
    queries.Root(),
    queries.GlobalVariable("hostname"),
    queries.GlobalVariables(),
    queries.Sessions(),
    registrations.Registrations("internal"),
    registrations.DropRegistrations("internal", "1000@example.com"),
]


def test_no_command_is_left_out() -> None:
    rooms = (commands, queries, registrations)
    kinds = {each for room in rooms for each in vars(room).values() if isinstance(each, type)}
    found = {each for each in kinds if issubclass(each, Command) and each is not Command}
    assert {each for each in found if not each.__name__.startswith("_")} == {type(each) for each in EVERY}


@pytest.mark.parametrize("command", EVERY)
@pytest.mark.parametrize(
    "reply", ["-ERR x Command not found!\n", "-ERR permission denied\n", "USAGE: ...\n", "+OK", ""]
)
def test_no_command_takes_a_foreign_reply_for_success(command: Command[Any], reply: str) -> None:
    plain_ok = commands.CallcenterQueueReload | commands.LoadModule | commands.SetVariable
    honest = (
        queries.GatewayVariable,
        queries.GlobalVariable,
        queries.Version,
    )  # free text is what they answer
    if reply == "+OK" and isinstance(command, plain_ok):
        return
    if isinstance(command, honest) and not reply.startswith("-ERR") and reply:
        return
    if isinstance(command, queries.GatewayVariable | queries.GlobalVariable) and not reply:
        return
    with pytest.raises(CommandFailed):
        command.read(reply)


def test_every_command_is_made_of_one_line_and_can_be_compared() -> None:
    assert len({command.line for command in EVERY}) == len(EVERY) == len(set(EVERY))
    told = [command for command in EVERY if not isinstance(command, commands.SetVariable)]
    assert [command.shown for command in told] == [command.line for command in told]


def test_the_value_of_a_variable_is_not_shown() -> None:
    with pytest.raises(CommandFailed) as failed:
        commands.SetVariable("city", "marker").read("-ERR")
    assert "global_setvar city" in str(failed.value)
    assert "marker" not in str(failed.value)


def test_too_soon_says_how_long() -> None:
    with pytest.raises(TooSoon) as failed:
        commands.ProfileRestart("extra").read(
            "Profile extra must be up for at least 10 seconds to stop/restart.\nPlease wait 8 seconds\n"
        )
    assert failed.value.wait == 8


def test_an_incomplete_list_is_no_list() -> None:
    whole = next(
        reply for line, reply in RECORDED if line == "sofia xmlstatus gateway" and "gw-noreg" in reply
    )
    for cut in (len(whole) // 2, len(whole) - len("</gateways>\n")):
        with pytest.raises(UnexpectedReply):
            queries.GatewayStatuses().read(whole[:cut])
    listing = next(reply for line, reply in RECORDED if line == "sofia xmlstatus")
    with pytest.raises(UnexpectedReply):
        queries.Profiles().read(listing[: len(listing) // 2])


def test_the_list_of_profiles_is_read_while_registrations_are_retried() -> None:
    listing = next(reply for line, reply in RECORDED if line == "sofia xmlstatus" and "(retry:" in reply)
    assert queries.Profiles().read(listing) == (
        ProfileSummary("external", "RUNNING", True, "sip:mod_sofia@127.0.0.1:15080"),
        ProfileSummary("internal", "RUNNING", True, "sip:mod_sofia@127.0.0.1:15060"),
    )


# --- what is not sent ----------------------------------------------------------------------------

SMUGGLED = [
    "a b",
    "a\nb",
    "a\r\nb",
    "a\tb",
    "a\0b",
    "",
    "a'b",
    'a"b',
    "a\\b",
    "a\u2028b",
    "a\u00a0b",
    "a\x85b",
    "\ud800",
]
WORDS: list[Callable[[str], Command[Any]]] = [
    commands.ProfileRescan,
    commands.ProfileStart,
    commands.ProfileRestart,
    commands.ProfileStop,
    queries.ProfileStatusOf,
    queries.ModuleExists,
    commands.ReloadModule,
    commands.CallcenterQueueReload,
    queries.GlobalVariable,
    queries.GatewayStatusOf,
    lambda word: commands.KillGateway(word, "gw"),
    lambda word: commands.KillGateway("internal", word),
    lambda word: commands.StartGateway(word, "gw"),
    lambda word: commands.StartGateway("internal", word),
    lambda word: queries.GatewayVariable(word, "name"),
    lambda word: queries.GatewayVariable("gw", word),
    lambda word: commands.FlushUser(word, "1000", "example.com"),
    lambda word: commands.FlushUser("id", word, "example.com"),
    lambda word: commands.FlushUser("id", "1000", word),
    lambda word: queries.CheckAcl("192.0.2.1", word),
    lambda word: queries.Locate(word, "t", "n", "v"),
    lambda word: queries.Locate("s", word, "n", "v"),
    lambda word: queries.Locate("s", "t", word, "v"),
    lambda word: queries.Locate("s", "t", "n", word),
]


@pytest.mark.parametrize("make", WORDS)
def test_no_argument_can_be_two(make: Callable[[str], Command[Any]]) -> None:
    words = len(make("name").line.split())
    for smuggled in [*SMUGGLED, "x" * 256]:
        with pytest.raises(CommandRejected):
            make(smuggled)
    assert (
        len(
            make(
                "caf\u00e9.a-b_c:d" if "gateway" not in repr(make("name")).lower() else "a-b_c.d"
            ).line.split()
        )
        == words
    )


@pytest.mark.parametrize(
    "name", ["_all_", "_ALL_", "all", "gw:x", "gw/x", "caf\u00e9", "gw\n", "external::gw"]
)
def test_gateways_are_named_as_freeswitch_names_them(name: str) -> None:
    with pytest.raises(CommandRejected):
        commands.KillGateway("external", name)


@pytest.mark.parametrize("address", ["192.0.2.5", "2001:db8::1"])
def test_an_address_is_one(address: str) -> None:
    assert queries.CheckAcl(address, "lan").line == f"acl {address} lan"


@pytest.mark.parametrize("address", ["192.0.2", "lan", "192.0.2.5 lan2", "fe80::1%a b", "192.0.2.0/24", ""])
def test_no_other_thing_is_an_address(address: str) -> None:
    with pytest.raises(CommandRejected):
        queries.CheckAcl(address, "lan")


@pytest.mark.parametrize("text", ["a\nb", "a\rb", "a\0b", "", "  ", "x" * 8193, "\ud800"])
def test_a_line_is_one(text: str) -> None:
    with pytest.raises(CommandRejected):
        names.line(text)


def test_a_user_who_is_held_to_what_is_documented_may_do_all_that_we_do() -> None:
    text = (Path(__file__).parents[2] / "docs" / "event-socket.md").read_text()
    [apis], [events] = (
        re.findall(rf"^esl-allowed-{what} +(.+)$", text, re.MULTILINE) for what in ("api", "events")
    )
    rights = Rights(apis, events)
    for command in EVERY:
        assert rights.may_run(command.line), command.line
    assert rights.may_run(PROBE.removeprefix("api "))
    assert rights.may_hear(EVENTS.split())
