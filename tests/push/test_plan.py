"""The planner's rules, one line each: what is touched, wanted and seen, and the commands that follow."""

from dataclasses import replace

import pytest

from controlplane.desired.values import GLOBAL, Acl, AclEntry, Param, ProfileDomain
from controlplane.observed.values import Seen, Wanted, WantedDocument
from controlplane.push import settings
from controlplane.push.applied import Applied
from controlplane.push.held import Held, Wait
from controlplane.push.plan import Act, Plan, plan, to_read
from controlplane.push.progress import afterwards
from controlplane.push.touches import EVERYTHING, CacheKey, Touches
from controlplane.push.traffic import Traffic
from tests.push.states import EXTERNAL, INTERNAL, LAN, applied, gateway, runs, seen, wanted

GW = Touches(gateways=frozenset({"gw"}))


IDLE = Traffic()


def lines(found: Plan) -> list[str]:
    return [step.command.line for step in found.steps]


def touching(**names: str) -> Touches:
    return Touches.from_json({kind: said.split() for kind, said in names.items()})


def planned(
    touches: Touches,
    should: Wanted,
    does: Seen,
    known: Applied | None = None,
    traffic: Traffic | None = IDLE,
) -> Plan:
    return plan(touches, should, does, applied(should) if known is None else known, None, traffic)


@pytest.mark.parametrize("everything", [False, True])
@pytest.mark.parametrize(
    ("should", "does", "commands"),
    [
        # as it should be, in whatever state of registration: killing it again would not help
        (wanted(gateway("gw")), seen(runs("gw")), []),
        (wanted(gateway("gw")), seen(runs("gw", state="FAIL_WAIT")), []),
        # added
        (wanted(gateway("gw")), seen(), ["sofia profile external startgw gw"]),
        # a directory user's: startgw reads sofia.conf alone
        (wanted(gateway("gw", by_user=True)), seen(), ["sofia profile external rescan"]),
        # changed, be it only the password
        (
            wanted(gateway("gw")),
            seen(runs("gw", "old")),
            ["sofia profile external killgw gw", "sofia profile external startgw gw"],
        ),
        (
            wanted(gateway("gw", by_user=True)),
            seen(runs("gw", "old")),
            ["sofia profile external killgw gw", "sofia profile external rescan"],
        ),
        # moved to another profile
        (
            wanted(gateway("gw", profile="internal")),
            seen(runs("gw")),
            ["sofia profile external killgw gw", "sofia profile internal startgw gw"],
        ),
        # of that name, but not made by us: ours now that the node is managed
        (
            wanted(gateway("gw")),
            seen(runs("gw", None)),
            ["sofia profile external killgw gw", "sofia profile external startgw gw"],
        ),
        # removed
        (wanted(), seen(runs("gw")), ["sofia profile external killgw gw"]),
        (wanted(), seen(), []),
        # neither wanted nor ours: never touched
        (wanted(), seen(runs("gw", None)), []),
        # more than one of it: only a restart of the profile clears that
        (wanted(gateway("gw")), seen(runs("gw", copies=3)), []),
        # its profile goes with it
        (
            wanted(profiles=[INTERNAL]),
            seen(runs("gw")),
            ["sofia profile external stop"],
        ),
        # its profile starts with it
        (
            wanted(gateway("gw")),
            seen(profiles=["internal"]),
            ["sofia profile external start"],
        ),
        # ... and a namesake elsewhere goes first, for it would be there twice
        (
            wanted(gateway("gw")),
            seen(runs("gw", "old", "internal"), profiles=["internal"]),
            ["sofia profile internal killgw gw", "sofia profile external start"],
        ),
    ],
)
def test_gateway(should: Wanted, does: Seen, commands: list[str], everything: bool) -> None:
    touches = EVERYTHING if everything else touching(gateways="gw", profiles="external")
    known = applied(wanted(profiles=[EXTERNAL, INTERNAL]))
    assert lines(planned(touches, should, does, known)) == commands


def test_many_are_added_by_one_rescan_of_each_profile() -> None:
    should = wanted(gateway("a"), gateway("b"), gateway("c", profile="internal"), gateway("d"))
    found = planned(touching(gateways="a b c d"), should, seen(runs("d", "old")))
    assert lines(found) == [
        "sofia profile external killgw d",
        "sofia profile external rescan",
        "sofia profile internal startgw c",
    ]
    assert found.gateways == {"a", "b", "c", "d"}


@pytest.mark.parametrize("touches", ["profiles=external", "documents=sofia.conf", "gateways=a b"])
def test_a_rescan_takes_along_what_would_be_there_twice(touches: str) -> None:
    """A gateway moves to the profile, and its own turn is yet to come; one that changed there can wait."""
    should = wanted(
        gateway("moves"), gateway("a"), gateway("b"), gateway("changed"), documents=[document("sofia.conf")]
    )
    does = seen(runs("moves", profile="internal"), runs("changed", "old"), modules=["mod_sofia"])
    kind, _, names = touches.partition("=")
    found = planned(touching(**{kind: names}), should, does, Applied(profiles={"internal": {}}))
    assert lines(found) == ["sofia profile internal killgw moves", "sofia profile external rescan"]


def test_a_rescan_that_comes_anyway_adds_too() -> None:
    should = wanted(gateway("gw"))
    known = applied(should)
    other = replace(EXTERNAL, params=(Param("sip-port", "5080"), Param("context", "other")))
    should = wanted(gateway("gw"), profiles=[other, INTERNAL])
    found = planned(touching(gateways="gw", profiles="external"), should, seen(), known)
    assert lines(found) == ["sofia profile external rescan"]


def test_what_is_not_touched_is_not_looked_at() -> None:
    should = wanted(gateway("gw"), gateway("other"))
    found = planned(GW, should, seen(runs("gw"), runs("other", "old"), runs("extra"), profiles=["external"]))
    assert found == Plan(gateways=frozenset({"gw"}))


def test_a_gateway_waits_for_its_profile() -> None:
    """It stays where it is meanwhile."""
    should = wanted(gateway("gw", profile="internal"), gateway("b"))
    found = planned(touching(gateways="gw b"), should, seen(runs("gw"), profiles=["external"]))
    assert lines(found) == ["sofia profile external startgw b"]
    assert found.held == (Held(Wait.READY, "gateway/gw", "profile internal does not run"),)
    assert found.gateways == {"b"}


@pytest.mark.parametrize(
    ("should", "does", "known", "commands", "held"),
    [
        (EXTERNAL, True, EXTERNAL, [], []),
        (EXTERNAL, False, EXTERNAL, ["sofia profile external start"], []),
        (EXTERNAL, False, None, ["sofia profile external start"], []),
        (None, True, EXTERNAL, ["sofia profile external stop"], []),
        (None, False, EXTERNAL, [], []),
        # not known with which settings it was started
        (EXTERNAL, True, None, ["sofia profile external rescan"], []),
        # a setting that a rescan takes over
        (
            EXTERNAL,
            True,
            replace(EXTERNAL, params=(Param("sip-port", "5080"), Param("context", "old"))),
            ["sofia profile external rescan"],
            [],
        ),
        # one that waits for the next start, alone and beside another
        (
            EXTERNAL,
            True,
            replace(EXTERNAL, params=(Param("sip-port", "5090"), Param("context", "public"))),
            [],
            ["only a restart of the profile takes over sip-port"],
        ),
        (
            EXTERNAL,
            True,
            replace(EXTERNAL, params=(Param("sip-port", "5090"), Param("context", "old"))),
            ["sofia profile external rescan"],
            ["only a restart of the profile takes over sip-port"],
        ),
        # a new domain comes by a rescan, a gone one stays till the restart
        (
            replace(EXTERNAL, domains=(ProfileDomain("a.example"),)),
            True,
            EXTERNAL,
            ["sofia profile external rescan"],
            [],
        ),
        (
            EXTERNAL,
            True,
            replace(EXTERNAL, domains=(ProfileDomain("a.example"),)),
            [],
            ["only a restart of the profile takes over <domain> a.example"],
        ),
    ],
)
@pytest.mark.parametrize("everything", [False, True])
def test_profile(
    should: object, does: bool, known: object, commands: list[str], held: list[str], everything: bool
) -> None:
    before = wanted(profiles=[known] if known else [])  # type: ignore[list-item]
    after = wanted(profiles=[should] if should else [])  # type: ignore[list-item]
    touches = EVERYTHING if everything else touching(profiles="external")
    busy = Traffic(2, {"external": 2}) if held else Traffic()
    found = planned(touches, after, seen(profiles=["external"] if does else []), applied(before), busy)
    assert lines(found) == commands
    assert [each.reason for each in found.held] == [f"{why}; it would drop 2 legs of calls" for why in held]
    assert all(each.wait is Wait.CALLS and each.what == "profile/external" for each in found.held)


def test_a_foreign_profile_is_not_stopped() -> None:
    should = wanted(profiles=[EXTERNAL])
    assert lines(planned(EVERYTHING, should, seen(profiles=["external", "foreign"]))) == []


def test_flushes_go_first_and_alone_need_no_proof() -> None:
    keys = [CacheKey("number-alias", "9", "a.example"), CacheKey("id", "1", "a.example")]
    touches = GW.merge(Touches(flushes=frozenset(keys)))
    found = planned(touches, wanted(gateway("gw")), seen())
    assert lines(found) == [
        "xml_flush_cache id 1 a.example",
        "xml_flush_cache number-alias 9 a.example",
        "sofia profile external startgw gw",
    ]
    assert [step.harmless for step in found.steps] == [True, True, False]
    assert [step.flushed for step in found.steps] == [keys[1], keys[0], None]


def test_everybody_is_flushed_by_a_node_that_can_fetch_them_again() -> None:
    found = planned(Touches(flush_all=True, flushes=frozenset({CacheKey("id", "1", "b")})), wanted(), seen())
    assert lines(found) == ["xml_flush_cache"]
    assert not found.steps[0].harmless


OWN = "192.0.2.1"
SHUT = Acl("lan", GLOBAL, False)


@pytest.mark.parametrize(
    ("touches", "acls", "known", "commands"),
    [
        (touching(acls="lan"), [LAN], [SHUT], ["reloadacl"]),
        (touching(acls="lan"), [], [LAN], ["reloadacl"]),
        # in force already, as after there and back
        (touching(acls="lan"), [LAN], [LAN], []),
        (EVERYTHING, [LAN], [LAN], []),
        (EVERYTHING, [LAN], [SHUT], ["reloadacl"]),
        (GW, [LAN], [SHUT], []),
    ],
)
def test_acl(touches: Touches, acls: list[Acl], known: list[Acl], commands: list[str]) -> None:
    found = planned(touches, wanted(acls=acls), seen(), applied(wanted(acls=known)))
    assert lines(found) == commands
    assert found.acls == ({each.name for each in acls} or {"lan"} if commands else set())


def test_lists_never_seen_are_loaded_if_there_are_any() -> None:
    assert lines(planned(EVERYTHING, wanted(profiles=[]), seen(profiles=[]), Applied())) == []
    assert lines(planned(EVERYTHING, wanted(profiles=[], acls=[LAN]), seen(), Applied())) == ["reloadacl"]


def test_users_networks_count_as_the_list() -> None:
    acl = Acl("lan", GLOBAL, False, (AclEntry(True, domain="a.example"),))
    before = wanted(acls=[acl], cidrs={"a.example": ("192.0.2.0/24",)})
    after = wanted(acls=[acl], cidrs={"a.example": ("198.51.100.0/24",)})
    assert lines(planned(touching(acls="lan"), after, seen(), applied(before))) == ["reloadacl"]


@pytest.mark.parametrize(
    ("acl", "address", "refused"),
    [(LAN, OWN, False), (SHUT, OWN, True), (LAN, "198.51.100.1", True), (SHUT, None, False)],
)
@pytest.mark.parametrize("touches", [EVERYTHING, touching(acls="lan")])
def test_our_own_address_is_never_shut_out(
    acl: Acl, address: str | None, refused: bool, touches: Touches
) -> None:
    should = wanted(acls=[acl], guards=("lan",))
    found = plan(touches, should, seen(), applied(wanted()), address)
    assert [step.act for step in found.steps] == ([] if refused else [Act.RELOAD_ACL])
    assert [each.wait for each in found.held] == ([Wait.GUARD] if refused else [])


def document(name: str, digest: str = "new") -> WantedDocument:
    return WantedDocument(name, digest)


@pytest.mark.parametrize(
    ("name", "modules", "commands", "held"),
    [
        ("ivr.conf", "mod_dptools", [], False),
        ("sofia.conf", "mod_sofia", ["sofia profile external rescan"], False),
        ("timezones.conf", "", ["reloadxml"], False),
        ("loopback.conf", "mod_loopback", ["reloadxml"], False),
        ("Loopback.conf", "mod_loopback", ["reloadxml"], False),
        ("lcr.conf", "mod_lcr", ["reload mod_lcr"], False),
        # nobody reads it: who loads the module later fetches it then
        ("lcr.conf", "", [], False),
        ("loopback.conf", "", [], False),
        ("voicemail.conf", "", [], False),
        ("voicemail.conf", "mod_voicemail", ["reload mod_voicemail"], False),
        ("acme.conf", "", [], False),
        ("event_socket.conf", "mod_event_socket", [], True),
        ("switch.conf", "", [], True),
    ],
)
@pytest.mark.parametrize("everything", [False, True])
@pytest.mark.parametrize("change", ["added", "changed", "removed", "none"])
def test_document(
    name: str, modules: str, commands: list[str], held: bool, everything: bool, change: str
) -> None:
    before = wanted(documents=[] if change == "added" else [document(name, "old")])
    after = wanted(documents=[] if change == "removed" else [document(name)])
    if change == "none":
        before = after
    touches = EVERYTHING if everything else touching(documents=name)
    found = planned(touches, after, seen(modules=modules.split()), applied(before))
    changed = change != "none"
    assert lines(found) == (commands if changed else [])
    assert [each.what for each in found.held] == ([f"document/{name}"] if held and changed else [])
    assert found.documents == ({name} if commands and changed else set())
    read = bool(modules) or name in ("timezones.conf", "switch.conf")
    unread = not read and change != "removed"
    assert found.unread.keys() == ({name} if unread else set())


def test_a_command_that_reloads_xml_anyway_saves_the_reloadxml() -> None:
    should = wanted(gateway("gw"), documents=[document("timezones.conf")])
    found = planned(touching(gateways="gw", documents="timezones.conf"), should, seen(), applied(wanted()))
    assert lines(found) == ["sofia profile external startgw gw"]
    assert found.documents == {"timezones.conf"}


def test_a_start_reads_the_global_settings() -> None:
    should = wanted(documents=[document("sofia.conf")])
    touches = touching(documents="sofia.conf", profiles="external")
    does = seen(profiles=["internal"], modules=["mod_sofia"])
    found = planned(touches, should, does, applied(wanted()))
    assert lines(found) == ["sofia profile external start"]
    assert found.documents == {"sofia.conf"}


def test_callcenter_reloads_its_queues_and_for_the_rest_its_module() -> None:
    def callcenter(digest: str, rest: str) -> Wanted:
        return wanted(documents=[WantedDocument("callcenter.conf", digest, queues=("a", "b"), rest=rest)])

    touches, does = touching(documents="callcenter.conf"), seen(modules=["mod_callcenter"])
    queues = ["callcenter_config queue reload a", "callcenter_config queue reload b"]
    only_queues = planned(touches, callcenter("2", "1"), does, applied(callcenter("1", "1")))
    assert (lines(only_queues), only_queues.held) == (queues, ())
    busy = Traffic(1, {})
    both = planned(touches, callcenter("2", "2"), does, applied(callcenter("1", "1")), busy)
    assert lines(both) == queues
    [held] = both.held
    assert (held.wait, held.what, held.command) == (
        Wait.CALLS,
        "module/mod_callcenter",
        "reload mod_callcenter",
    )
    # Of that the rest is not known to be in force yet.
    known = afterwards(applied(callcenter("1", "1")), touches, callcenter("2", "2"), both)
    assert known.documents == {"callcenter.conf": "2", "callcenter.conf/rest": "1"}
    # The module reads the queues as well.
    free = planned(touches, callcenter("2", "2"), does, known)
    assert (lines(free), free.held) == (["reload mod_callcenter"], ())
    assert afterwards(known, touches, callcenter("2", "2"), free).documents == {
        "callcenter.conf": "2",
        "callcenter.conf/rest": "2",
    }


@pytest.mark.parametrize("queue", ["two words", "it's", "support@$${domain}"])
def test_a_queue_that_no_command_can_name_waits_for_a_restart_and_holds_nothing_else_up(queue: str) -> None:
    should = wanted(
        gateway("gw"), documents=[WantedDocument("callcenter.conf", "2", queues=("a", queue), rest="1")]
    )
    known = applied(wanted(documents=[WantedDocument("callcenter.conf", "1", queues=("a",), rest="1")]))
    found = planned(EVERYTHING, should, seen(modules=["mod_callcenter"]), known)
    assert lines(found) == ["sofia profile external startgw gw"]
    [held] = found.held
    assert (held.wait, held.what) == (Wait.RESTART, "document/callcenter.conf")
    assert queue in held.reason or repr(queue) in held.reason
    assert not found.documents


def test_the_order_is_what_goes_then_what_comes_then_the_lists() -> None:
    should = wanted(
        gateway("moved", profile="internal"),
        gateway("new"),
        profiles=[EXTERNAL, INTERNAL],
        acls=[LAN],
        documents=[document("lcr.conf")],
    )
    known = applied(wanted(profiles=[EXTERNAL, replace(INTERNAL, name="old")]))
    does = seen(runs("moved"), profiles=["external", "old"], modules=["mod_lcr"])
    found = planned(EVERYTHING.merge(Touches(flush_all=True)), should, does, known)
    assert [step.act for step in found.steps] == [
        Act.FLUSH,
        Act.STOP_PROFILE,
        Act.KILL_GATEWAY,
        Act.START_PROFILE,
        Act.START_GATEWAY,
        Act.RELOAD_ACL,
        Act.RELOAD_MODULE,
    ]
    assert all(step.reason for step in found.steps)


def test_described_says_commands_and_reasons() -> None:
    should = wanted(gateway("gw"), gateway("b", profile="internal"))
    told = planned(touching(gateways="gw b"), should, seen(profiles=["external"])).described()
    reason = "does not run on profile external"
    command = "sofia profile external startgw gw"
    assert told["steps"] == [
        {"act": "start-gateway", "command": command, "reason": reason, "drops_calls": False}
    ]
    why = "profile internal does not run"
    assert told["held"] == [{"for": "ready", "what": "gateway/b", "reason": why, "command": ""}]


@pytest.mark.parametrize(
    ("touches", "read"),
    [
        (GW, ({"gw"}, {"external"}, set())),
        (touching(gateways="unknown"), ({"unknown"}, set(), set())),
        # it may have to start, and starts with its gateways
        (touching(profiles="external"), ({"gw"}, {"external"}, set())),
        # so does one that is rescanned
        (touching(gateways="gw second"), ({"gw", "second"}, {"external"}, set())),
        (touching(documents="sofia.conf"), ({"gw"}, {"external", "internal"}, {"mod_sofia"})),
        (touching(documents="lcr.conf ivr.conf"), (set(), set(), {"mod_lcr"})),
        (touching(acls="lan"), (set(), set(), set())),
        # what is no more may have to be forgotten, too
        (EVERYTHING, (set(), set(), {"mod_lcr", "mod_loopback"})),
    ],
)
def test_to_read(touches: Touches, read: tuple[set[str], set[str], set[str]]) -> None:
    should = wanted(gateway("gw"), documents=[document("lcr.conf")])
    known = applied(wanted(documents=[document("loopback.conf")]))
    found = to_read(touches, should, known)
    assert tuple(set(found[kind]) for kind in ("gateways", "profiles", "modules")) == read


def test_a_profile_is_known_by_its_baseline() -> None:
    known = Applied(profiles={"external": settings.in_force(EXTERNAL)})
    assert lines(planned(touching(profiles="external"), wanted(), seen(), known)) == []
