"""ACL lists, modules and variables: what differs is told of, over real connections."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from controlplane.desired.revisions import Delete
from controlplane.desired.values import Key, Noun
from controlplane.push.plan import settable
from controlplane.reconcile import Mode, ReconcilePolicy, Subject, Word
from controlplane.store import Vault, upgrade
from tests.desired.house import put
from tests.push.living import EXTERNAL, World, world
from tests.push.loop import asynchronous

REPORTING = ReconcilePolicy(dict.fromkeys(Subject, Mode.REPORT))


@pytest.fixture
def url(tmp_path: Path) -> str:
    made = f"sqlite:///{tmp_path}/controlplane.db"
    upgrade(made)
    return made


async def found(land: World, subject: Subject) -> dict[str, str]:
    """What stands against fs1 once it was compared in that respect."""
    await land.middle.reconciler.run(subjects=[subject])
    return await land.middle.findings("fs1")


def acl(name: str, *entries: tuple[str, str]) -> Any:
    told = [{"type": action, "cidr": cidr} for action, cidr in entries]
    return put(Noun.ACL, name, default="deny", entries=told)


def document(name: str, inner: str) -> Any:
    return put(Noun.DOCUMENT, name, xml=f'<configuration name="{name}">{inner}</configuration>')


@asynchronous
async def test_lists_are_tried_address_by_address(url: str, vault: Vault) -> None:
    lists = (
        acl("office", ("allow", "192.0.2.0/24"), ("deny", "192.0.2.128/25")),
        acl("trunks", ("allow", "198.51.100.1/32")),
    )
    async with world(url, vault, (EXTERNAL, *lists), reconciling=REPORTING) as land:
        await land.add("fs1")
        await land.middle.settled("fs1")
        assert await found(land, Subject.ACLS) == {}
        # It reads its lists anew while it cannot reach us: then they let nobody in.
        land["fs1"].faults.lookups_blocked = True
        await land.api("fs1", "reloadacl")
        land["fs1"].faults.lookups_blocked = False
        assert await found(land, Subject.ACLS) == {
            "acl-wrong office": "does not let 192.0.2.1 in, and should",
            "acl-wrong trunks": "does not let 198.51.100.1 in, and should",
        }
        assert (await land.middle.status("fs1")).in_sync is False
        await land.api("fs1", "reloadacl")
        assert await found(land, Subject.ACLS) == {}


@asynchronous
async def test_modules_that_documents_need(url: str, vault: Vault) -> None:
    reads = document("callcenter.conf", "<queues/>")
    async with world(url, vault, (EXTERNAL, reads), reconciling=REPORTING) as land:
        await land.add("fs1")
        await land.middle.settled("fs1")
        assert await found(land, Subject.MODULES) == {}
        await land.api("fs1", "unload mod_callcenter")
        told = {"module-needed mod_callcenter": "not loaded, so that nobody reads callcenter.conf"}
        assert await found(land, Subject.MODULES) == told
        assert (await land.middle.status("fs1")).in_sync is True
        # Where modules.conf says which are to be loaded, it alone does.
        await land.middle.commit(document("modules.conf", '<modules><load module="mod_hash"/></modules>'))
        await land.middle.settled("fs1")
        held = {"held document/modules.conf": "only a restart of the node takes it over"}
        assert await found(land, Subject.MODULES) == held
        await land.api("fs1", "unload mod_hash")
        told = {"module-missing mod_hash": "not loaded, and modules.conf names it"}
        assert await found(land, Subject.MODULES) == held | told


@asynchronous
async def test_variables_that_the_node_holds_otherwise(url: str, vault: Vault) -> None:
    variables = [
        put(Noun.VARIABLE, name, value=value) for name, value in (("city", "Rome"), ("two", "a b=c"))
    ]
    sealed = put(Noun.VARIABLE, "outbound_password", value="hush")
    async with world(url, vault, (EXTERNAL, *variables, sealed), reconciling=REPORTING) as land:
        await land.add("fs1", variables={"city": "Rome", "two": "a b=c"})
        await land.middle.settled("fs1")
        assert await found(land, Subject.VARIABLES) == {}
        await land.api("fs1", "global_setvar city=Bonn")
        assert await found(land, Subject.VARIABLES) == {
            "variable-differs city": "has another value on the node"
        }
        await land.api("fs1", "global_setvar city=")
        assert await found(land, Subject.VARIABLES) == {"variable-differs city": "is not set on the node"}


@asynchronous
async def test_what_is_ignored_is_neither_told_nor_touched(url: str, vault: Vault) -> None:
    policy = replace(REPORTING, ignore={Subject.ACLS: ("off*",), Subject.MODULES: ("mod_call*",)})
    rows = (acl("office", ("allow", "192.0.2.0/24")), document("callcenter.conf", "<queues/>"))
    async with world(url, vault, (EXTERNAL, *rows), reconciling=policy) as land:
        await land.add("fs1")
        await land.middle.settled("fs1")
        land["fs1"].faults.lookups_blocked = True
        await land.api("fs1", "reloadacl")
        await land.api("fs1", "unload mod_callcenter")
        land["fs1"].faults.lookups_blocked = False
        [compared] = await land.middle.reconciler.run(word=Word(Mode.REPAIR))
        assert compared.drift == ()
        assert await land.middle.findings("fs1") == {}


@asynchronous
async def test_one_respect_that_cannot_be_read_hides_no_other(url: str, vault: Vault) -> None:
    async with world(
        url, vault, (EXTERNAL, acl("office", ("allow", "192.0.2.0/24"))), reconciling=REPORTING
    ) as land:
        await land.add("fs1")
        await land.middle.settled("fs1")
        land["fs1"].faults.lookups_blocked = True
        await land.api("fs1", "reloadacl")
        land["fs1"].faults.errors["^sofia xmlstatus"] = "-ERR sofia Command not found!\n"
        [compared] = await land.middle.reconciler.run()
        assert "Command not found" in compared.error
        assert {each.split()[0] for each in await land.middle.findings("fs1")} == {
            "acl-wrong",
            "gateways-unreadable",
            "profiles-unreadable",
            "registrations-unreadable",
        }


@asynchronous
async def test_phones_of_users_who_are_no_more(url: str, vault: Vault) -> None:
    domain = put(Noun.DOMAIN, "a.example")
    users = [
        put(Noun.USER, "1000", parent="a.example", number_alias="77"),
        put(Noun.USER, "1001", parent="a.example"),
    ]
    async with world(url, vault, (EXTERNAL, domain, *users), reconciling=REPORTING) as land:
        await land.add("fs1")
        await land.middle.settled("fs1")
        assert await found(land, Subject.REGISTRATIONS) == {}
        for number, who in enumerate(("1000@a.example", "77@a.example", "1001@a.example", "1@b.example")):
            await land.api("fs1", f"standin register external {who} call-{number}")
        told = {"registration-foreign b.example": "1 registered in it, and it is no domain of ours"}
        assert await found(land, Subject.REGISTRATIONS) == told
        await land.middle.commit(Delete(Key(Noun.USER, "1001", "a.example")))
        await land.middle.settled("fs1")
        told["registration-orphan 1001@a.example"] = (
            "registered with profile external from 192.0.2.50, and is no user"
        )
        assert await found(land, Subject.REGISTRATIONS) == told
        land["fs1"].faults.errors["sofia status profile external reg"] = "\nRegistrations:\n"
        assert "registrations-unreadable fs1" in await found(land, Subject.REGISTRATIONS)


@asynchronous
async def test_modules_variables_and_registrations_are_put_right(url: str, vault: Vault) -> None:
    rows = (
        put(Noun.DOMAIN, "a.example"),
        document("callcenter.conf", "<queues/>"),
        put(Noun.VARIABLE, "city", value="Rome"),
        put(Noun.VARIABLE, "rule", value="a=b"),
    )
    async with world(url, vault, (EXTERNAL, *rows), reconciling=REPORTING) as land:
        middle = land.middle
        await land.add("fs1")
        await middle.settled("fs1")
        await land.api("fs1", "global_setvar city=Bonn")
        await land.api("fs1", "unload mod_callcenter")
        await land.api("fs1", "standin register external 1001@a.example call-1")
        before = len(land["fs1"].commands)
        [tried] = await middle.reconciler.run(word=Word(Mode.DRY_RUN))
        steps = [step.command for plan in tried.plans.values() for step in plan.steps]
        assert [command.shown for command in steps] == [
            "sofia profile external flush_inbound_reg 1001@a.example",
            "load mod_callcenter",
            "global_setvar city",
        ]
        would = [command.line for command in steps]
        assert not set(would) & set(list(land["fs1"].commands)[before:])
        [compared] = await middle.reconciler.run(word=Word(Mode.REPAIR))
        assert compared.pushed
        await middle.settled("fs1")
        assert set(would) <= set(list(land["fs1"].commands)[before:])
        await middle.reconciler.run()
        assert await middle.findings("fs1") == {"variable-unsettable rule": "is not set on the node"}
        # The same once more: nothing is to be done.
        again = len(land["fs1"].commands)
        assert not (await middle.reconciler.run(word=Word(Mode.REPAIR)))[0].pushed
        assert not set(would) & set(list(land["fs1"].commands)[again:])


@pytest.mark.parametrize("value", ["", " a", "a=b", "it's", 'say "x"', "a\\b", "a`b", "${x}", "a\nb"])
def test_values_that_no_command_can_carry(value: str) -> None:
    assert not settable("name", value)
    assert settable("name", "a b:c/d.e-f_g,h$1")
