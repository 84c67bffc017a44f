"""The stand-in as it is used from outside: a foreign client, a thread, processes."""

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from genesis import Inbound

from esl.switch import Switch, SwitchConfig, running
from tests.esl.switch.backend import canned

DISK = {"sofia.conf": canned("sofia-gw1.conf.xml")}


def test_a_foreign_client_drives_it() -> None:
    async def main() -> None:
        async with (
            Switch(SwitchConfig(disk=DISK)) as switch,
            Inbound("127.0.0.1", switch.port, "ClueCon") as client,
        ):
            heard: asyncio.Queue[str] = asyncio.Queue()

            async def deleted(event: dict[str, str]) -> None:
                heard.put_nowait(event["Gateway"])

            client.on("sofia::gateway_delete", deleted)
            await client.send("event plain CUSTOM sofia::gateway_delete")
            reply = await client.send("api sofia profile external killgw gw-noreg")
            assert reply.body == "+OK gateway marked for deletion.\n"
            assert await asyncio.wait_for(heard.get(), 10) == "gw-noreg"
            assert list(switch.commands) == ["sofia profile external killgw gw-noreg"]

    asyncio.run(main())


def test_a_switch_runs_in_a_thread_of_its_own() -> None:
    with running(SwitchConfig(disk=DISK)) as switch:
        first = switch.core_uuid
        assert "gw-ok" in switch.gateways
        assert switch.call(switch.api, "global_getvar hostname") == "fs1"
        switch.call(switch.reboot)
        assert switch.core_uuid != first


@contextmanager
def process(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    environment = {**os.environ, "SWITCH_PASSWORD": "sesame", "PYTHONWARNINGS": "error"}
    command = [sys.executable, "-m", "esl.switch", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as child:
        try:
            yield child
        finally:
            child.kill()


def tell(where: str, line: str, password: str = "sesame") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "esl.switch", "--tell", where, line],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "SWITCH_PASSWORD": password},
    )


def test_several_nodes_live_in_one_process_till_sigterm() -> None:
    with process("--count", "2", "--port", "0", "--fast") as child:
        assert child.stdout is not None
        printed = [child.stdout.readline() for _ in range(2)]
        where = dict(re.fullmatch(r"(fs\d) listening on (\S+)\n", line).groups() for line in printed)  # type: ignore[union-attr, misc]
        assert sorted(where) == ["fs1", "fs2"]
        told = tell(where["fs2"], "global_getvar hostname")
        assert (told.returncode, told.stdout) == (0, "fs2\n")
        refused = tell(where["fs2"], "status", "wrong")
        assert (refused.returncode, refused.stdout) == (1, "")
        assert "refuses the password" in refused.stderr
        child.send_signal(signal.SIGTERM)
        assert child.wait(20) == 0
