"""Pushes over real connections to stand-in nodes that fetch from a real listener."""

import asyncio
from dataclasses import replace

from controlplane.desired.codec import fields_to_json
from controlplane.desired.revisions import Delete, Put
from controlplane.desired.values import Key, Noun
from controlplane.push.queue import State
from controlplane.store import Vault
from esl.queries import Version
from tests.desired.house import put
from tests.push.living import EXTERNAL, INTERNAL, POLICY, World, gateway, until, world
from tests.push.loop import asynchronous

BOTH = ("fs1", "fs2")


async def leave(land: World, node: str) -> None:
    """The node's Event Socket goes away; the node runs on."""
    faults = land[node].faults
    faults.refuse, faults.cut = True, 0
    await land.middle.fleet.run_many(node, [Version()])
    await land.middle.down(node)


async def come_back(land: World, node: str) -> None:
    land[node].faults.refuse = False
    await land.middle.up(node)


@asynchronous
async def test_a_gateway_added_changed_and_removed_is_seen(url: str, vault: Vault) -> None:
    async with world(url, vault) as land:
        middle = land.middle
        await land.add(*BOTH)
        await middle.settled(*BOTH)
        await middle.commit(gateway("gw", register=True))
        await middle.settled(*BOTH)
        for node in BOTH:
            assert land.commands(node)[-1] == "sofia profile external startgw gw"
            assert await middle.runs(node, {"gw"})
        revision = await middle.commit(gateway("gw", "second", register=True))
        await middle.settled(*BOTH)
        for node in BOTH:
            assert await middle.runs(node, {"gw"})
            assert land[node].gateways["gw"].params["password"] == "second"
            assert land.commands(node)[-2:] == [
                "sofia profile external killgw gw",
                "sofia profile external startgw gw",
            ]
            status = await middle.status(node)
            assert (status.applied_revision, status.in_sync) == (revision.number, True)
        await middle.delete(Noun.GATEWAY, "gw")
        await middle.settled(*BOTH)
        for node in BOTH:
            assert "gw" not in land[node].gateways
            assert land.commands(node)[-1] == "sofia profile external killgw gw"
            assert all(push.state is State.APPLIED for push in await middle.pushes(node))


@asynchronous
async def test_a_killed_gateway_whose_event_is_lost_is_missed_in_the_list(url: str, vault: Vault) -> None:
    async with world(url, vault, (EXTERNAL, gateway("gw"))) as land:
        await land.add("fs1")
        await land.middle.settled("fs1")
        land["fs1"].faults.lose.add("sofia::gateway_delete")
        await land.middle.commit(gateway("gw", "second"))
        await land.middle.settled("fs1")
        assert await land.middle.runs("fs1", {"gw"})


@asynchronous
async def test_a_node_that_was_away_catches_up(url: str, vault: Vault) -> None:
    async with world(url, vault, (EXTERNAL, gateway("old"))) as land:
        middle = land.middle
        await land.add(*BOTH)
        await middle.settled(*BOTH)
        await leave(land, "fs1")
        before = len(land.commands("fs1"))
        await middle.commit(gateway("new"))
        await middle.delete(Noun.GATEWAY, "old")
        await middle.settled("fs2")
        status = await middle.status("fs1")
        assert status.in_sync is False
        assert "a push waits till the node is back" in status.why
        await come_back(land, "fs1")
        await middle.settled("fs1")
        assert await middle.runs("fs1", {"new"})
        assert "old" not in land["fs1"].gateways
        # What it kept of users while nothing could be flushed goes before anything else.
        assert land.commands("fs1")[before:] == [
            "xml_flush_cache",
            "sofia profile external killgw old",
            "sofia profile external startgw new",
        ]


@asynchronous
async def test_a_node_that_was_rebooted_is_compared_not_blindly_pushed_to(url: str, vault: Vault) -> None:
    async with world(url, vault, (EXTERNAL, gateway("gw"))) as land:
        middle = land.middle
        await land.add("fs1")
        await middle.settled("fs1")
        await leave(land, "fs1")
        await middle.commit(gateway("gw", "second"))
        core, before = land["fs1"].core_uuid, len(land.commands("fs1"))
        await land.reboot("fs1")
        await come_back(land, "fs1")
        await until(lambda: any(each.core_uuid == land["fs1"].core_uuid for each in middle.ended))
        await middle.settled("fs1")
        assert land["fs1"].core_uuid != core
        assert await middle.runs("fs1", {"gw"})
        # it fetched all of it as it came up
        assert land.commands("fs1")[before:] == ["xml_flush_cache"]
        assert (await middle.status("fs1")).in_sync is True


@asynchronous
async def test_nothing_is_killed_on_a_node_that_cannot_fetch(url: str, vault: Vault) -> None:
    cached = put(Noun.DOMAIN, "c.example", cacheable=60_000)
    user = put(Noun.USER, "1", "c.example", params={"password": "p"})
    async with world(url, vault, (EXTERNAL, gateway("gw"), cached, user)) as land:
        middle = land.middle
        await land.add("fs1")
        await middle.settled("fs1")
        before = len(land.commands("fs1"))
        land["fs1"].faults.lookups_blocked = True
        await middle.commit(
            gateway("gw", "second"),
            gateway("new"),
            put(Noun.ACL, "lan", default="deny"),
            put(Noun.USER, "1", "c.example", params={"password": "q"}),
        )
        push = await middle.waiting_for("fs1", "the node cannot fetch from us")
        assert push.attempts == 0
        # One user's flush needs nothing of us, and is done once.
        assert land.commands("fs1")[before:] == ["xml_flush_cache id 1 c.example"]
        assert land["fs1"].gateways["gw"].params["password"] == "first"
        assert "the node cannot fetch from us" in (await middle.status("fs1")).why
        land["fs1"].faults.lookups_blocked = False
        await middle.settled("fs1")
        assert await middle.runs("fs1", {"gw", "new"})
        assert land.commands("fs1")[before + 1 :] == [
            "sofia profile external killgw gw",
            "sofia profile external rescan",
            "reloadacl",
        ]


@asynchronous
async def test_everybody_is_not_flushed_on_a_node_that_cannot_fetch(url: str, vault: Vault) -> None:
    async with world(url, vault, (put(Noun.DOMAIN, "c.example", cacheable=60_000),)) as land:
        middle = land.middle
        await land.add("fs1")
        await middle.settled("fs1")
        before = len(land.commands("fs1"))
        land["fs1"].faults.lookups_blocked = True
        await middle.commit(put(Noun.DOMAIN, "c.example", cacheable=50_000))
        await middle.waiting_for("fs1", "the node cannot fetch from us")
        assert land.commands("fs1")[before:] == []
        land["fs1"].faults.lookups_blocked = False
        await middle.settled("fs1")
        assert land.commands("fs1")[before:] == ["xml_flush_cache"]


@asynchronous
async def test_what_fails_is_tried_again_and_stalls_with_the_nodes_own_words(url: str, vault: Vault) -> None:
    async with world(url, vault, (EXTERNAL,)) as land:
        middle = land.middle
        await land.add("fs1")
        await middle.settled("fs1")
        before = len(land.commands("fs1"))
        land["fs1"].faults.errors["startgw bad"] = "-ERR out of luck"
        await middle.commit(gateway("bad"))
        await until(lambda: middle.ended and middle.last().state is State.STALLED)
        [push, *_] = await middle.pushes("fs1")
        assert "-ERR out of luck" in push.reason
        assert push.attempts == middle.policy.attempts
        assert land.commands("fs1")[before:] == ["sofia profile external startgw bad"] * 3
        assert "a push stalled" in (await middle.status("fs1")).why
        # The next revision takes over what it left.
        land["fs1"].faults.errors.clear()
        await middle.commit(gateway("good"))
        await middle.settled("fs1")
        assert await middle.runs("fs1", {"bad", "good"})
        assert [each.state for each in await middle.pushes("fs1")][:2] == [
            State.APPLIED,
            State.SUPERSEDED,
        ]


@asynchronous
async def test_what_was_done_is_not_done_again_for_something_else_that_fails(url: str, vault: Vault) -> None:
    policy = replace(POLICY, seen_timeout=0.2, attempts=2)
    async with world(url, vault, (EXTERNAL,), policy=policy) as land:
        middle = land.middle
        await land.add("fs1")
        await middle.settled("fs1")
        before = len(land.commands("fs1"))
        # It says that it did, and does not.
        land["fs1"].faults.errors["startgw gw"] = "Reload XML [Success]\n+OK start gateway gw complete\n"
        await middle.commit(gateway("gw"), put(Noun.ACL, "lan", default="deny"))
        await until(lambda: middle.ended and middle.last().state is State.STALLED)
        assert "gateway gw does not run" in middle.last().reason
        assert land.commands("fs1")[before:].count("reloadacl") == 1


@asynchronous
async def test_an_acl_that_would_shut_us_out_stalls_at_once(url: str, vault: Vault) -> None:
    """It was committed while nobody knew at which address the node sees us."""
    async with world(url, vault, (EXTERNAL,)) as land:
        middle = land.middle
        await land.add("fs1")
        await middle.settled("fs1")
        await leave(land, "fs1")
        xml = (
            '<configuration name="event_socket.conf"><settings>'
            '<param name="apply-inbound-acl" value="lan"/></settings></configuration>'
        )
        entries = [{"type": "allow", "cidr": "192.0.2.0/24"}]
        await middle.commit(
            put(Noun.DOCUMENT, "event_socket.conf", xml=xml),
            put(Noun.ACL, "lan", default="deny", entries=entries),
        )
        await come_back(land, "fs1")
        await until(lambda: middle.ended and middle.last().state is State.STALLED)
        assert "would refuse our own Event Socket address 127.0.0.1" in middle.last().reason
        assert "reloadacl" not in land.commands("fs1")


@asynchronous
async def test_an_acl_is_tried_with_an_address_of_every_entry(url: str, vault: Vault) -> None:
    entries = [{"type": "allow", "cidr": "192.0.2.0/24"}, {"type": "deny", "cidr": "192.0.2.7/32"}]
    async with world(url, vault, (EXTERNAL,)) as land:
        middle = land.middle
        await land.add("fs1")
        await middle.settled("fs1")
        await middle.commit(put(Noun.ACL, "lan", default="deny", entries=entries))
        await middle.settled("fs1")
        assert middle.last().state is State.APPLIED
        tried = {line for line in land["fs1"].commands if line.startswith("acl ")}
        assert tried == {"acl 192.0.2.1 lan", "acl 192.0.2.7 lan"}
        land["fs1"].faults.errors["acl 10.0.0.1 lan"] = "false"
        entries.append({"type": "allow", "cidr": "10.0.0.0/8"})
        await middle.commit(put(Noun.ACL, "lan", default="deny", entries=entries))
        await until(lambda: middle.last().state is State.STALLED)
        assert middle.last().reason == "ACL list lan does not let 10.0.0.1 in, and should"


@asynchronous
async def test_a_profile_whose_port_is_taken_is_not_applied(url: str, vault: Vault) -> None:
    async with world(url, vault, (EXTERNAL,)) as land:
        middle = land.middle
        await land.add("fs1")
        await middle.settled("fs1")
        land["fs1"].faults.taken_ports.add(5060)
        await middle.commit(INTERNAL)
        await until(lambda: middle.last().state is State.STALLED)
        assert "profile internal did not start: the node says FAILURE" in middle.last().reason
        land["fs1"].faults.taken_ports.clear()
        await middle.commit(gateway("gw", profile="internal"))
        await middle.settled("fs1")
        assert await middle.runs("fs1", {"gw"})
        assert set(land["fs1"].profiles) == {"external", "internal"}


@asynchronous
async def test_a_profile_that_is_wanted_no_more_is_stopped_with_its_gateways(url: str, vault: Vault) -> None:
    async with world(url, vault, (EXTERNAL, INTERNAL, gateway("gw", profile="internal"))) as land:
        middle = land.middle
        await land.add("fs1")
        await middle.settled("fs1")
        before = len(land.commands("fs1"))
        # In its first ten seconds a profile does not stop.
        await until(lambda: land["fs1"].profiles["internal"].age() > 10)
        await middle.commit(Delete(Key(Noun.GATEWAY, "gw")), Delete(Key(Noun.PROFILE, "internal")))
        await middle.settled("fs1")
        assert set(land["fs1"].profiles) == {"external"}
        assert set(land.commands("fs1")[before:]) == {"sofia profile internal stop"}
        assert not land["fs1"].gateways


@asynchronous
async def test_a_profile_is_not_started_while_it_is_on_its_way_down(url: str, vault: Vault) -> None:
    """It would run where no command reaches it, and its port would be taken for good."""
    async with world(url, vault, (EXTERNAL, gateway("gw"))) as land:
        await land.add("fs1")
        await land.middle.settled("fs1")
        await until(lambda: land["fs1"].profiles["external"].age() > 10)
        land["fs1"].faults.slow_stops = True
        assert "stopping" in await land.api("fs1", "sofia profile external stop")
        await until(lambda: "external" not in land["fs1"].profiles)
        before = len(land.commands("fs1"))
        await land.middle.commit(
            put(Noun.PROFILE, "external", params={"sip-port": "5080", "context": "elsewhere"})
        )

        async def told() -> bool:
            pushes = (await land.middle.status("fs1")).pushes
            return any("on its way down" in push.reason for push in pushes)

        await until(told)
        assert "sofia profile external start" not in land.commands("fs1")[before:]
        land["fs1"].faults.slow_stops = False
        await land.middle.settled("fs1")
        assert land["fs1"].profiles["external"].settings["context"] == "elsewhere"
        assert await land.middle.runs("fs1", {"gw"})


@asynchronous
async def test_a_profile_that_others_start_is_stopped_by_nobody(url: str, vault: Vault) -> None:
    disk = (
        '<document type="freeswitch/xml"><section name="configuration">'
        '<configuration name="sofia.conf"><profiles><profile name="theirs"><settings>'
        '<param name="sip-port" value="5099"/></settings></profile></profiles></configuration>'
        "</section></document>"
    )
    async with world(url, vault, (EXTERNAL,)) as land:
        await land.add("fs1", disk={"sofia.conf": disk})
        await land.middle.settled("fs1")
        land["fs1"].faults.lookups_blocked = True
        assert "started successfully" in await land.api("fs1", "sofia profile theirs start")
        land["fs1"].faults.lookups_blocked = False
        await land.middle.commit(gateway("gw"))
        await land.middle.settled("fs1")
        assert set(land["fs1"].profiles) == {"external", "theirs"}


@asynchronous
async def test_a_document_without_a_safe_reload_waits_for_the_nodes_restart(url: str, vault: Vault) -> None:
    def hashes(value: str) -> Put:
        settings = f'<settings><param name="x" value="{value}"/></settings>'
        xml = f'<configuration name="hash.conf">{settings}</configuration>'
        return put(Noun.DOCUMENT, "hash.conf", xml=xml)

    async with world(url, vault, (EXTERNAL, hashes("1"))) as land:
        middle = land.middle
        await land.add("fs1")
        await middle.settled("fs1")
        assert (await middle.status("fs1")).in_sync is True
        before = len(land.commands("fs1"))
        await middle.commit(hashes("2"))
        await middle.settled("fs1")
        assert middle.last().state is State.HELD
        assert list((await middle.status("fs1")).held) == ["document/hash.conf"]
        assert land.commands("fs1")[before:] == []
        # Another change does not make it applied.
        await middle.commit(gateway("gw"))
        await middle.settled("fs1")
        assert (await middle.status("fs1")).in_sync is False
        await land.reboot("fs1")
        await until(lambda: middle.last().core_uuid == land["fs1"].core_uuid)
        await middle.settled("fs1")
        status = await middle.status("fs1")
        assert (status.held, status.in_sync) == ({}, True)


@asynchronous
async def test_documents_are_applied_once_they_were_fetched(url: str, vault: Vault) -> None:
    xml = '<configuration name="loopback.conf"><settings/></configuration>'
    async with world(url, vault, (EXTERNAL,)) as land:
        middle = land.middle
        await land.add("fs1")
        await middle.settled("fs1")
        before = len(land.commands("fs1"))
        await middle.commit(put(Noun.DOCUMENT, "loopback.conf", xml=xml))
        await middle.settled("fs1")
        assert middle.last().state is State.APPLIED
        assert land.commands("fs1")[before:] == ["reloadxml"]
        land["fs1"].faults.reload_error = "[error near line 83]: unclosed tag"
        await middle.delete(Noun.DOCUMENT, "loopback.conf")
        await until(lambda: middle.last().state is State.STALLED)
        assert "error near line 83" in middle.last().reason


@asynchronous
async def test_a_user_is_flushed_under_every_name(url: str, vault: Vault) -> None:
    domain = put(Noun.DOMAIN, "c.example", cacheable=60_000)
    user = put(Noun.USER, "1", "c.example", number_alias="77", params={"password": "p"})
    async with world(url, vault, (EXTERNAL, domain, user)) as land:
        middle = land.middle
        await land.add("fs1")
        await middle.settled("fs1")
        before = len(land.commands("fs1"))
        await middle.commit(put(Noun.USER, "1", "c.example", number_alias="88", params={"password": "p"}))
        await middle.settled("fs1")
        assert set(land.commands("fs1")[before:]) == {
            "xml_flush_cache id 1 c.example",
            "xml_flush_cache id 77 c.example",
            "xml_flush_cache number-alias 77 c.example",
            "xml_flush_cache id 88 c.example",
            "xml_flush_cache number-alias 88 c.example",
        }
        # A new one was never cached.
        await middle.commit(put(Noun.USER, "2", "c.example", params={"password": "p"}))
        await middle.settled("fs1")
        assert len(land.commands("fs1")) == before + 5


@asynchronous
async def test_edits_that_follow_each_other_go_out_together(url: str, vault: Vault) -> None:
    async with world(url, vault, (EXTERNAL,)) as land:
        middle = land.middle
        await land.add("fs1")
        await middle.settled("fs1")
        before = len(await middle.pushes("fs1"))
        names = [f"gw{number}" for number in range(20)]
        await asyncio.gather(*(middle.commit(gateway(name)) for name in names))
        await middle.settled("fs1")
        assert await middle.runs("fs1", names)
        # Twenty commits in a row; the pushes are few, and each was all that had come till then.
        assert len(await middle.pushes("fs1")) - before < 10


@asynchronous
async def test_one_node_that_hangs_delays_no_other(url: str, vault: Vault) -> None:
    async with world(url, vault, (EXTERNAL,)) as land:
        middle = land.middle
        await land.add(*BOTH)
        await middle.settled(*BOTH)
        land["fs1"].faults.stall = True
        await middle.commit(gateway("gw"))
        await until(lambda: middle.pusher.busy("fs1"))
        for number in range(3):
            await middle.commit(gateway(f"gw{number}"))
            await middle.settled("fs2")
            assert await middle.runs("fs2", {f"gw{number}"})
        assert middle.pusher.busy("fs1")
        land["fs1"].faults.stall = False
        await middle.settled("fs1")
        assert await middle.runs("fs1", {"gw", "gw0", "gw1", "gw2"})


@asynchronous
async def test_an_empty_list_is_an_error_and_not_a_state(url: str, vault: Vault) -> None:
    async with world(url, vault, (EXTERNAL, gateway("gw"))) as land:
        middle = land.middle
        await land.add("fs1")
        await middle.settled("fs1")
        before = len(land.commands("fs1"))
        empty = '<?xml version="1.0" encoding="ISO-8859-1"?>\n<gateways>\n</gateways>\n'
        land["fs1"].faults.errors["sofia xmlstatus gateway$"] = empty
        await middle.commit(Put(Key(Noun.NODE, "fs1"), await _in_group(land, "fs1", "eu")))
        await until(lambda: middle.last().state is State.STALLED)
        assert "not listed, and yet the node has it" in middle.last().reason
        assert not [line for line in land.commands("fs1")[before:] if line.startswith("sofia")]


async def _in_group(land: World, node: str, *groups: str) -> dict[str, object]:
    row = land.middle.desired.catalog.node(node)
    assert row is not None
    return fields_to_json(row.value) | {"groups": list(groups)}


@asynchronous
async def test_a_node_deleted_while_it_is_pushed_to_leaves_nothing(url: str, vault: Vault) -> None:
    async with world(url, vault, (EXTERNAL,)) as land:
        middle = land.middle
        await land.add(*BOTH)
        await middle.settled(*BOTH)
        land["fs1"].faults.stall = True
        await middle.commit(gateway("gw"))
        await until(lambda: middle.pusher.busy("fs1"))
        await middle.commit(gateway("other"))
        await middle.delete(Noun.NODE, "fs1")
        await until(lambda: not middle.pusher.busy("fs1"))
        await middle.settled(*BOTH)
        assert {each.state for each in await middle.pushes("fs1")} <= {State.APPLIED, State.SUPERSEDED}
        assert set(await middle.pusher.statuses()) == {"fs2"}
        land["fs1"].faults.stall = False


@asynchronous
async def test_a_users_gateway_comes_and_goes_as_any_other(url: str, vault: Vault) -> None:
    def user(*passwords: str) -> Put:
        params = {"username": "u", "proxy": "127.0.0.1:5099", "register": "false"}
        gateways = [{"name": "own", "params": {**params, "password": each}} for each in passwords]
        return put(Noun.USER, "1", "a.example", params={"password": "p"}, gateways=gateways)

    parsing = put(
        Noun.PROFILE,
        "external",
        params={"sip-port": "5080"},
        domains=[{"name": "all", "alias": False, "parse": True}],
    )
    async with world(url, vault, (parsing, put(Noun.DOMAIN, "a.example", cacheable=0), user())) as land:
        middle = land.middle
        await land.add("fs1")
        await middle.settled("fs1")
        before = len(land.commands("fs1"))
        for password in ("first", "second"):
            await middle.commit(user(password))
            await middle.settled("fs1")
            assert middle.last().state is State.APPLIED
            assert land["fs1"].gateways["own"].params["password"] == password
        await middle.commit(user())
        await middle.settled("fs1")
        assert not land["fs1"].gateways
        assert land.commands("fs1")[before:] == [
            "sofia profile external rescan",
            "sofia profile external killgw own",
            "sofia profile external rescan",
            "sofia profile external killgw own",
        ]


@asynchronous
async def test_a_node_that_reboots_while_it_is_pushed_to_is_compared(url: str, vault: Vault) -> None:
    async with world(url, vault, (EXTERNAL, gateway("gw"))) as land:
        middle = land.middle
        await land.add("fs1")
        await middle.settled("fs1")
        # The gateway is killed, and before it can be started again the node is gone.
        land["fs1"].faults.errors["startgw"] = "-ERR going down"
        await middle.commit(gateway("gw", "second"))
        await until(lambda: "sofia profile external startgw gw" in land.commands("fs1"))
        land["fs1"].faults.errors.clear()
        await land.reboot("fs1")
        await until(lambda: any(each.core_uuid == land["fs1"].core_uuid for each in middle.ended))
        await middle.settled("fs1")
        assert await middle.runs("fs1", {"gw"})
        assert (await middle.status("fs1")).in_sync is True


@asynchronous
async def test_a_probe_that_the_nodes_disk_answers_is_no_proof(url: str, vault: Vault) -> None:
    """Its files hold a document of that name; we were never asked."""
    probe = (
        '<document type="freeswitch/xml"><section name="configuration">'
        '<configuration name="controlplane_probe.conf"><settings/></configuration></section></document>'
    )
    async with world(url, vault, (EXTERNAL, gateway("gw"))) as land:
        middle = land.middle
        await land.add("fs1", disk={"controlplane_probe.conf": probe})
        await middle.settled("fs1")
        land["fs1"].faults.lookups_blocked = True
        await middle.commit(gateway("gw", "second"))
        await middle.waiting_for("fs1", "came to the node from somewhere else than from us")
        assert land["fs1"].gateways["gw"].params["password"] == "first"
        land["fs1"].faults.lookups_blocked = False
        await middle.settled("fs1")
        assert await middle.runs("fs1", {"gw"})


@asynchronous
async def test_a_profile_restarted_by_hand_while_a_push_runs_is_noticed(url: str, vault: Vault) -> None:
    patient = replace(POLICY, idle_poll=60)
    async with world(url, vault, (EXTERNAL, INTERNAL), policy=patient) as land:
        middle = land.middle
        await land.add("fs1")
        await middle.settled("fs1")
        assert await land.api("fs1", "standin calls external 1") == "+OK\n"
        await middle.commit(put(Noun.PROFILE, "external", params={"sip-port": "5081", "context": "public"}))
        await middle.settled("fs1")
        assert (await middle.status("fs1")).in_sync is False
        # A push that has nothing to do with it waits for a gateway to go.
        middle.gate.left = 3
        await middle.commit(gateway("gw", profile="internal"))
        await middle.gate.reached.wait()
        assert middle.pusher.busy("fs1")
        await land.grown_up("fs1", "external")
        assert "restarting" in await land.api("fs1", "sofia profile external restart")
        await until(
            lambda: land["fs1"].profiles.get("external") and land["fs1"].profiles["external"].port == 5081
        )
        middle.gate.open()

        async def in_sync() -> bool:
            return (await middle.status("fs1")).in_sync is True

        await until(in_sync)
        assert await middle.runs("fs1", {"gw"})
