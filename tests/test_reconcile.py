"""What nodes run compared with what they should run: told, or put right, over real connections."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from controlplane.desired.values import NodeMode, Noun
from controlplane.observed.drift import Kind
from controlplane.push import repaired
from controlplane.push.queue import State
from controlplane.reconcile import Compared, Mode, ReconcilePolicy, Subject, Word
from controlplane.store import Vault, upgrade
from controlplane.store.errors import DatabaseUnreachable
from tests.desired.house import put
from tests.push.living import EXTERNAL, INTERNAL, RECONCILING, World, gateway, until, world
from tests.push.loop import asynchronous

REPORTING = ReconcilePolicy({Subject.GATEWAYS: Mode.REPORT, Subject.PROFILES: Mode.REPORT})

THEIRS = """\
<document type="freeswitch/xml"><section name="configuration"><configuration name="sofia.conf"><profiles>
<profile name="external"><gateways><gateway name="theirs"><param name="username" value="x"/>
<param name="register" value="false"/></gateway></gateways><settings/></profile>
<profile name="foreign"><settings><param name="sip-port" value="5099"/></settings></profile>
</profiles></configuration></section></document>
"""


@pytest.fixture
def url(tmp_path: Path) -> str:
    made = f"sqlite:///{tmp_path}/controlplane.db"
    upgrade(made)
    return made


async def by_hand(land: World, *lines: str, from_disk: bool = False) -> None:
    """Run commands on fs1 as somebody with fs_cli does."""
    faults = land["fs1"].faults
    faults.lookups_blocked = from_disk
    for line in lines:
        await land.api("fs1", line)
    faults.lookups_blocked = False


async def killed(land: World, name: str) -> None:
    await by_hand(land, f"sofia profile external killgw {name}")

    async def gone() -> bool:
        return f"<name>{name}</name>" not in await land.api("fs1", "sofia xmlstatus gateway")

    await until(gone)


def kinds(found: list[Compared]) -> list[tuple[Kind, str]]:
    [compared] = found
    return [(each.kind, each.name) for each in compared.drift]


@asynchronous
async def test_what_is_broken_by_hand_is_put_right(url: str, vault: Vault) -> None:
    async with world(url, vault, (EXTERNAL, INTERNAL, gateway("gone"), gateway("stays"))) as land:
        middle = land.middle
        await land.add("fs1")
        await middle.settled("fs1")
        assert await middle.reconciler.run() == [Compared("fs1")]
        before = len(land.commands("fs1"))
        await killed(land, "gone")
        await until(lambda: land["fs1"].profiles["internal"].age() > 10)
        await by_hand(land, "sofia profile internal stop")
        await until(lambda: "internal" not in land["fs1"].profiles)
        found = await middle.reconciler.run()
        assert kinds(found) == [(Kind.MISSING, "gone"), (Kind.PROFILE_DOWN, "internal")]
        assert found[0].pushed
        await middle.settled("fs1")
        assert await middle.runs("fs1", {"gone", "stays"})
        assert land.commands("fs1")[before:] == [
            "sofia profile internal start",
            "sofia profile external startgw gone",
        ]
        done = await middle.store.read(lambda session: repaired.page(session, node="fs1"))
        assert [(each.kind, each.name, each.outcome) for each in done] == [
            ("profile-down", "internal", "applied"),
            ("gateway-missing", "gone", "applied"),
        ]
        assert [step["command"] for step in done[1].steps] == land.commands("fs1")[before:]
        # What a push has seen put right is no finding any more, and nothing is done again.
        assert await middle.findings("fs1") == {}
        assert (await middle.status("fs1")).in_sync is True
        assert await middle.reconciler.run() == [Compared("fs1")]
        assert len(land.commands("fs1")) == before + 2


@asynchronous
async def test_one_that_was_changed_by_hand_is_ours_again(url: str, vault: Vault) -> None:
    """Killed, and started again from the node's own files: of that name, and not made by us."""
    mine = THEIRS.replace("theirs", "gw")
    async with world(url, vault, (EXTERNAL, gateway("gw"))) as land:
        await land.add("fs1", disk={"sofia.conf": mine})
        await land.middle.settled("fs1")
        await killed(land, "gw")
        await by_hand(land, "sofia profile external startgw gw", from_disk=True)
        assert kinds(await land.middle.reconciler.run(word=Word(Mode.REPORT))) == [(Kind.UNMANAGED, "gw")]
        assert await land.middle.findings("fs1") == {
            "gateway-unmanaged gw": "runs on profile external, not made by us"
        }
        await land.middle.reconciler.run()
        await land.middle.settled("fs1")
        assert await land.middle.runs("fs1", {"gw"})


@asynchronous
async def test_what_is_only_told_is_told_till_it_is_right(url: str, vault: Vault) -> None:
    async with world(url, vault, (EXTERNAL, gateway("gw")), reconciling=REPORTING) as land:
        middle = land.middle
        await land.add("fs1")
        await middle.settled("fs1")
        before = len(land.commands("fs1"))
        await killed(land, "gw")
        assert not (await middle.reconciler.run())[0].pushed
        told = {"gateway-missing gw": "does not run on profile external"}
        assert await middle.findings("fs1") == told
        status = await middle.status("fs1")
        assert status.in_sync is False
        assert status.why == "gateway-missing gw: does not run on profile external"
        await middle.reconciler.run()
        assert await middle.findings("fs1") == told
        assert land.commands("fs1")[before:] == []
        # Looked at in another respect only, it stands.
        await middle.reconciler.run(subjects=[Subject.PROFILES])
        assert await middle.findings("fs1") == told
        await by_hand(land, "sofia profile external startgw gw")
        await middle.reconciler.run()
        assert await middle.findings("fs1") == {}
        assert (await middle.status("fs1")).in_sync is True


@asynchronous
async def test_what_is_off_is_not_looked_at(url: str, vault: Vault) -> None:
    policy = ReconcilePolicy({Subject.GATEWAYS: Mode.OFF, Subject.PROFILES: Mode.REPORT})
    async with world(url, vault, (EXTERNAL, gateway("gw")), reconciling=policy) as land:
        await land.add("fs1")
        await land.middle.settled("fs1")
        await killed(land, "gw")
        assert await land.middle.reconciler.run() == [Compared("fs1")]
        assert await land.middle.reconciler.run(subjects=[Subject.GATEWAYS]) == []
        assert await land.middle.findings("fs1") == {}
        # The operator's word goes before the setting.
        [found] = await land.middle.reconciler.run(["fs1"], word=Word(Mode.REPAIR))
        assert found.pushed
        await land.middle.settled("fs1")
        assert await land.middle.runs("fs1", {"gw"})


@asynchronous
async def test_what_is_not_ours_is_never_touched(url: str, vault: Vault) -> None:
    async with world(url, vault, (EXTERNAL,)) as land:
        middle = land.middle
        await land.add("fs1", disk={"sofia.conf": THEIRS})
        await middle.settled("fs1")
        before = len(land.commands("fs1"))
        started = ("sofia profile external startgw theirs", "sofia profile foreign start")
        await by_hand(land, *started, from_disk=True)
        found = await middle.reconciler.run()
        assert kinds(found) == [(Kind.FOREIGN, "theirs"), (Kind.PROFILE_UNKNOWN, "foreign")]
        assert not found[0].pushed
        # Told of, but the node is as it should be.
        assert set(await middle.findings("fs1")) == {"gateway-foreign theirs", "profile-foreign foreign"}
        assert (await middle.status("fs1")).in_sync is True
        await middle.commit(gateway("gw"))
        await middle.settled("fs1")
        assert set(land["fs1"].gateways) == {"theirs", "gw"}
        assert set(land["fs1"].profiles) == {"external", "foreign"}
        assert land.commands("fs1")[before:] == ["sofia profile external startgw gw"]


@asynchronous
async def test_a_gateway_that_cannot_register_is_told_of_and_left_alone(url: str, vault: Vault) -> None:
    params = {"username": "fail", "password": "p", "proxy": "127.0.0.1:5099", "retry-seconds": "3600"}
    refused = put(Noun.GATEWAY, "refused", profile="external", params=params)
    async with world(url, vault, (EXTERNAL, refused)) as land:
        middle = land.middle
        await land.add("fs1")
        await middle.settled("fs1")
        await until(lambda: land["fs1"].gateways["refused"].state == "FAIL_WAIT")
        before = len(land.commands("fs1"))
        found = await middle.reconciler.run()
        assert kinds(found) == [(Kind.UNWELL, "refused")]
        assert not found[0].pushed
        assert await middle.findings("fs1") == {"gateway-not-registered refused": "is FAIL_WAIT"}
        assert land.commands("fs1")[before:] == []
        assert (await middle.status("fs1")).in_sync is True


@asynchronous
async def test_an_observing_node_is_compared_and_sent_nothing(url: str, vault: Vault) -> None:
    async with world(url, vault, (EXTERNAL, gateway("gw"))) as land:
        middle = land.middle
        await land.add("fs1", mode=NodeMode.OBSERVING)
        await killed(land, "gw")
        [found] = await middle.reconciler.run(word=Word(Mode.REPAIR))
        assert [each.kind for each in found.drift] == [Kind.MISSING]
        assert not found.pushed
        assert land.commands("fs1") == []
        assert await middle.pushes("fs1") == []
        plan = await middle.pusher.plan_for("fs1")
        assert "sofia profile external startgw gw" in [step.command.line for step in plan.steps]
        assert land.commands("fs1") == []


@asynchronous
async def test_a_node_that_cannot_be_read_is_told_of_and_nothing_is_done(url: str, vault: Vault) -> None:
    async with world(url, vault, (EXTERNAL, gateway("gw"))) as land:
        middle = land.middle
        await land.add("fs1")
        await middle.settled("fs1")
        before = len(land.commands("fs1"))
        empty = '<?xml version="1.0" encoding="ISO-8859-1"?>\n<gateways>\n</gateways>\n'
        land["fs1"].faults.errors["sofia xmlstatus gateway$"] = empty
        [found] = await middle.reconciler.run()
        assert found.drift == ()
        assert found.error == "gateway gw: not listed, and yet the node has it"
        assert await middle.findings("fs1") == {
            "gateways-unreadable fs1": found.error,
            "profiles-unreadable fs1": found.error,
        }
        assert land.commands("fs1")[before:] == []
        land["fs1"].faults.errors.clear()
        await middle.reconciler.run()
        assert await middle.findings("fs1") == {}


@asynchronous
async def test_a_node_that_is_away_is_no_drift(url: str, vault: Vault) -> None:
    async with world(url, vault, (EXTERNAL, gateway("gw"))) as land:
        middle = land.middle
        await land.add("fs1", "fs2")
        await middle.settled("fs1", "fs2")
        await middle.fleet.release("fs1")
        first, second = await middle.reconciler.run()
        assert first == Compared("fs1", error="not connected")
        assert second == Compared("fs2")
        assert await middle.findings("fs1") == {}


@asynchronous
async def test_what_a_push_gave_up_is_not_tried_again_at_every_comparison(url: str, vault: Vault) -> None:
    async with world(url, vault, (EXTERNAL, gateway("gw"))) as land:
        middle = land.middle
        await land.add("fs1")
        await middle.settled("fs1")
        land["fs1"].faults.errors["startgw bad"] = "-ERR out of luck"
        await middle.commit(gateway("bad"))
        await until(lambda: middle.last().state is State.STALLED)
        tries = land.commands("fs1").count("sofia profile external startgw bad")
        await killed(land, "gw")
        [found] = await middle.reconciler.run()
        assert {each.name for each in found.drift} == {"bad", "gw"}
        await middle.settled("fs1")
        # The other one is repaired; what stalled stays stalled.
        assert await middle.runs("fs1", {"gw"})
        assert land.commands("fs1").count("sofia profile external startgw bad") == tries
        assert "out of luck" in (await middle.status("fs1")).why
        # After a while, or by the operator's word, it is.
        land["fs1"].faults.errors.clear()
        middle.reconciler.policy = replace(RECONCILING, retry_stalled=0.0)
        await middle.reconciler.run()
        await middle.settled("fs1")
        assert await middle.runs("fs1", {"gw", "bad"})
        assert (await middle.status("fs1")).in_sync is True


@asynchronous
async def test_a_comparison_says_when_the_node_was_read(url: str, vault: Vault) -> None:
    async with world(url, vault, (EXTERNAL,)) as land:
        await land.add("fs1")
        await land.middle.settled("fs1")
        before = datetime.now(UTC)
        await land.middle.reconciler.run()
        at = (await land.middle.status("fs1")).observed_at
        assert at is not None
        assert at >= before


@asynchronous
async def test_no_nodes_are_no_work(url: str, vault: Vault) -> None:
    async with world(url, vault) as land:
        assert await land.middle.reconciler.run() == []
        assert await land.middle.reconciler.run(["unknown"]) == []


@asynchronous
async def test_a_database_that_is_away_is_said_so(url: str, vault: Vault) -> None:
    async with world(url, vault, (EXTERNAL,)) as land:
        await land.add("fs1", "fs2")
        await land.middle.settled("fs1", "fs2")
        land.middle.store.error = DatabaseUnreachable("away")
        with pytest.raises(DatabaseUnreachable, match="away"):
            await land.middle.reconciler.run()
        land.middle.store.error = None
        assert await land.middle.reconciler.run() == [Compared("fs1"), Compared("fs2")]


@asynchronous
async def test_a_dry_run_tells_the_commands_and_sends_none(url: str, vault: Vault) -> None:
    policy = ReconcilePolicy({Subject.GATEWAYS: Mode.DRY_RUN, Subject.PROFILES: Mode.REPORT})
    office = put(Noun.ACL, "office", default="deny", entries=[{"type": "allow", "cidr": "192.0.2.0/24"}])
    async with world(url, vault, (EXTERNAL, gateway("gw"), office), reconciling=policy) as land:
        middle = land.middle
        await land.add("fs1")
        await middle.settled("fs1")
        before = len(land.commands("fs1"))
        await killed(land, "gw")
        [compared] = await middle.reconciler.run()
        assert not compared.pushed
        [step] = compared.plans[Subject.GATEWAYS].steps
        assert step.command.shown == "sofia profile external startgw gw"
        told = "a repair would send: sofia profile external startgw gw (does not run on profile external)"
        assert (await middle.findings("fs1"))["gateways-dry-run fs1"] == told
        await by_hand(land, "reloadacl", from_disk=True)
        [compared] = await middle.reconciler.run(word=Word(Mode.DRY_RUN))
        assert [step.command.shown for step in compared.plans[Subject.ACLS].steps] == ["reloadacl"]
        assert land.commands("fs1")[before:] == []
        # What it tells is what a repair then sends.
        await middle.reconciler.run(word=Word(Mode.REPAIR))
        await middle.settled("fs1")
        assert land.commands("fs1")[before:] == ["sofia profile external startgw gw", "reloadacl"]
        await middle.reconciler.run()
        assert await middle.findings("fs1") == {}


@asynchronous
async def test_what_repairs_do_not_help_is_given_up_till_something_changes(url: str, vault: Vault) -> None:
    policy = replace(RECONCILING, attempts=2, retry_stalled=0.0)
    async with world(url, vault, (EXTERNAL, gateway("gw")), reconciling=policy) as land:
        middle = land.middle
        await land.add("fs1")
        await middle.settled("fs1")
        await killed(land, "gw")
        land["fs1"].faults.errors["startgw gw"] = "-ERR out of luck"
        for _ in range(2):
            assert (await middle.reconciler.run())[0].pushed
            await middle.settled("fs1")
        tries = land.commands("fs1").count("sofia profile external startgw gw")
        [compared] = await middle.reconciler.run()
        assert not compared.pushed
        told = (await middle.findings("fs1"))["gateway-missing gw"]
        assert "repaired 2 times in vain" in told
        assert "out of luck" in told
        assert land.commands("fs1").count("sofia profile external startgw gw") == tries
        # The operator's word goes before that.
        land["fs1"].faults.errors.clear()
        assert (await middle.reconciler.run(word=Word()))[0].pushed
        await middle.settled("fs1")
        assert await middle.runs("fs1", {"gw"})
        # One that goes away again and again is as much in vain, till something else is wanted.
        await killed(land, "gw")
        assert (await middle.reconciler.run())[0].pushed
        await middle.settled("fs1")
        await killed(land, "gw")
        assert not (await middle.reconciler.run())[0].pushed
        await middle.commit(gateway("gw", "second"))
        await middle.settled("fs1")
        assert await middle.runs("fs1", {"gw"})
        await killed(land, "gw")
        assert (await middle.reconciler.run())[0].pushed


@asynchronous
async def test_many_gateways_are_not_killed_before_the_operator_says_so(
    url: str, vault: Vault, tmp_path: Path
) -> None:
    async with world(url, vault, (EXTERNAL, gateway("old"))) as land:
        await land.add("fs1")
        await land.middle.settled("fs1")
        await land.middle.stop()
        kept = (tmp_path / "controlplane.db").read_bytes()
        middle = await land.again()
        await middle.commit(*(gateway(f"new{number}") for number in range(4)))
        await middle.settled("fs1")
        await middle.stop()
        # Somebody brings the database back from an old copy.
        (tmp_path / "controlplane.db").write_bytes(kept)
        middle = await land.again()
        before = len(land.commands("fs1"))
        [compared] = await middle.reconciler.run()
        assert (compared.pushed, compared.guarded) == (False, True)
        told = (await middle.findings("fs1"))["gateways-guarded fs1"]
        assert told.startswith("4 of 5 gateways would be killed (new0, new1, new2, ...)")
        await killed(land, "old")
        assert (await middle.reconciler.run(word=Word()))[0].guarded
        await middle.settled("fs1")
        assert "sofia profile external startgw old" in land.commands("fs1")[before:]
        assert set(land["fs1"].gateways) == {"old", "new0", "new1", "new2", "new3"}
        [compared] = await middle.reconciler.run(word=Word(allow=True))
        assert (compared.pushed, compared.guarded) == (True, False)
        await middle.settled("fs1")
        assert set(land["fs1"].gateways) == {"old"}
        await middle.reconciler.run()
        assert await middle.findings("fs1") == {}
