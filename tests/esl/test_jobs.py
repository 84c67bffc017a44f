"""Commands that run as background jobs, against a stand-in whose backend keeps it waiting."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from esl import commands, queries
from esl.commands import Command
from esl.errors import CommandFailed, CommandTimeout, ConnectionLost, NotConnected
from esl.fleet import Fleet
from esl.link import LinkPolicy, LinkState, NodeAddress
from esl.switch import Switch, SwitchConfig
from tests.esl.scripted import QUICK, Watch, fleet_of, scripted
from tests.esl.switch.backend import Backend, backend, canned
from tests.esl.switch.client import until

FETCHING: list[Command[object]] = [
    commands.ReloadAcl(),
    commands.ProfileRescan("external"),
    commands.ProfileStart("internal"),
    commands.StartGateway("external", "gw-ok"),
    commands.ReloadModule("mod_conference"),
    commands.CallcenterQueueReload("support@default"),
    queries.Locate("configuration", "configuration", "name", "acl.conf"),
]


@asynccontextmanager
async def node(policy: LinkPolicy) -> AsyncIterator[tuple[Fleet, Watch, Switch, Backend]]:
    """A fleet that holds fs1, and what fs1 asks."""
    async with backend() as served, fleet_of(policy=policy) as (fleet, watch):
        for name in ("sofia-gw1.conf.xml", "acl.conf.xml", "callcenter.conf.xml"):
            served.documents[name.removesuffix(".xml").replace("-gw1", "")] = canned(name)
        async with Switch(SwitchConfig(xml_curl_url=served.url)) as switch:
            await fleet.hold(NodeAddress("fs1", "127.0.0.1", switch.port, "ClueCon"))
            await watch.state(LinkState.UP)
            yield fleet, watch, switch, served
            served.hold.set()


async def kept_waiting(fleet: Fleet, command: Command[object], served: Backend) -> "asyncio.Task[object]":
    """The command under way, the node waiting for its backend."""
    served.hold.clear()
    asked = len(served.requests)
    task = asyncio.create_task(fleet.run("fs1", command))
    await until(lambda: len(served.requests) > asked, f"{command.line} asks")
    return task


@pytest.mark.parametrize("command", FETCHING, ids=lambda command: command.line)
def test_a_node_that_fetches_answers_all_else_meanwhile(command: Command[object]) -> None:
    """Under `api` the connection would be deaf till the backend has answered."""

    async def main() -> None:
        async with node(QUICK) as (fleet, watch, switch, served):
            under_way = await kept_waiting(fleet, command, served)
            assert "FreeSWITCH" in await fleet.run("fs1", queries.Version())
            assert await fleet.run("fs1", queries.ProfileStatusOf("external")) is not None
            assert not under_way.done()
            served.hold.set()
            (outcome,) = await asyncio.gather(under_way, return_exceptions=True)
            assert not isinstance(outcome, CommandTimeout | ConnectionLost | NotConnected)
            assert [link.state for link in watch.links] == [LinkState.CONNECTING, LinkState.UP]
            assert command.line in switch.commands

    asyncio.run(main())


def test_a_job_whose_connection_is_cut_fails_at_once() -> None:
    async def main() -> None:
        # Its own deadline is far: only the cut can end it.
        policy = LinkPolicy(backoff_min=0.02, backoff_max=0.05, background_timeout=3600.0)
        async with node(policy) as (fleet, watch, switch, served):
            under_way = await kept_waiting(fleet, commands.ProfileRescan("external"), served)
            switch.faults.cut = 0
            with pytest.raises(ConnectionLost):
                await fleet.run("fs1", queries.Version())
            with pytest.raises(ConnectionLost):
                await under_way
            await watch.state(LinkState.UP, epoch=2)
            served.hold.set()
            # Its event still comes, to the connection of now, and is nobody's.
            await until(lambda: not switch.busy, "the job has ended")
            await fleet.run("fs1", commands.ProfileRescan("external"))

    asyncio.run(main())


def test_a_job_of_a_node_that_goes_silent_fails_with_the_connection() -> None:
    """Nothing else is asked of it meanwhile: the silence itself is found, long before the job's deadline."""

    async def main() -> None:
        policy = LinkPolicy(idle_timeout=0.05, probe_timeout=0.4, background_timeout=3600.0, backoff_min=0.02)
        async with node(policy) as (fleet, watch, switch, _):
            switch.faults.lose.add("BACKGROUND_JOB")
            under_way = asyncio.create_task(fleet.run("fs1", commands.ReloadXml()))
            await until(lambda: "reloadxml" in switch.commands, "the job began")
            switch.faults.stall = True
            with pytest.raises(ConnectionLost, match="'probe' was not answered in time"):
                await under_way
            switch.faults.stall = False
            switch.faults.lose.clear()
            await watch.state(LinkState.UP, epoch=2)

    asyncio.run(main())


def test_a_job_whose_event_is_lost_fails_at_its_own_deadline() -> None:
    async def main() -> None:
        async with node(QUICK) as (fleet, watch, switch, _):
            switch.faults.lose.add("BACKGROUND_JOB")
            with pytest.raises(CommandTimeout, match="'reloadxml' did not end in time"):
                await fleet.run("fs1", commands.ReloadXml(), timeout=0.05)
            switch.faults.lose.clear()
            await fleet.run("fs1", commands.ReloadXml())
            assert watch.links[-1].epoch == 1

    asyncio.run(main())


def test_jobs_under_way_are_bounded() -> None:
    async def main() -> None:
        async with scripted() as made, fleet_of(made, policy=replace(QUICK, max_jobs=3)) as (fleet, _):
            gate = made.job_gate["reloadacl"] = asyncio.Event()
            made.api["reloadacl"] = "+OK acl reloaded\n"
            jobs = [asyncio.create_task(fleet.run("fs1", commands.ReloadAcl(), timeout=60)) for _ in range(3)]
            await made.heard(3 + 3)
            with pytest.raises(NotConnected, match="too many background jobs"):
                await fleet.run("fs1", commands.ReloadAcl())
            gate.set()
            await asyncio.gather(*jobs)
            await fleet.run("fs1", commands.ReloadAcl())

    asyncio.run(main())


def test_what_the_user_may_not_run_is_a_failure_of_the_command() -> None:
    """A refusal comes as another frame than replies do, whatever the command would read."""

    async def main() -> None:
        user = (
            '<document type="freeswitch/xml"><section name="directory"><domain name="ops.example">'
            '<user id="control"><params><param name="esl-password" value="marker"/>'
            '<param name="esl-allowed-api" value="version"/></params></user></domain></section></document>'
        )
        async with Switch(SwitchConfig(disk={"directory": user})) as switch, fleet_of() as (fleet, watch):
            address = NodeAddress("fs1", "127.0.0.1", switch.port, "marker", user="control@ops.example")
            await fleet.hold(address)
            await watch.state(LinkState.UP)
            assert "FreeSWITCH" in await fleet.run("fs1", queries.Version())
            for refused in (queries.GlobalVariable("hostname"), commands.ReloadXml()):
                with pytest.raises(CommandFailed, match="permission denied"):
                    await fleet.run("fs1", refused)
            outcomes = await fleet.run_many("fs1", [queries.ModuleExists("mod_sofia"), queries.Version()])
            assert isinstance(outcomes[0], CommandFailed)
            assert "FreeSWITCH" in outcomes[1]
            assert watch.links[-1].epoch == 1

    asyncio.run(main())
