"""``python -m esl.switch``: one stand-in node or many in a process, or a command told to one."""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from esl.switch.config import SwitchConfig, Timing
from esl.switch.switch import Switch
from esl.switch.tell import TellFailed, tell

_THREADS = 16


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs till SIGTERM or Ctrl-C. Exit codes: 0 done, 1 failed, 2 wrong use."""
    options = _options(arguments)
    if options.tell is not None:
        return _tell(*options.tell)
    return asyncio.run(_serve(_configs(options)))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m esl.switch",
        description="A stand-in FreeSWITCH node. SWITCH_PASSWORD is its Event Socket password (ClueCon), "
        "SWITCH_LOOKUP_PASSWORD that of its lookups.",
    )
    parser.add_argument("--name", default="fs1", help="switch name; with --count the first of fs1, fs2, ...")
    parser.add_argument("--host", default="127.0.0.1", help="where Event Socket listens")
    parser.add_argument("--port", type=int, default=8021, help="Event Socket's port; 0: any, printed")
    parser.add_argument("--count", type=int, default=1, help="how many nodes, on consecutive ports")
    parser.add_argument("--url", help="where lookups go; without it nothing is looked up")
    parser.add_argument("--user", help="user name of the lookups (default: the node's name)")
    parser.add_argument("--chatter", type=float, metavar="SECONDS", help="look something up that often")
    parser.add_argument(
        "--wait", action="store_true", help="do not boot before the backend tells of profiles"
    )
    timing = parser.add_mutually_exclusive_group()
    timing.add_argument("--fast", action="store_true", help="a hundred times as fast as FreeSWITCH")
    timing.add_argument("--real", action="store_true", help="as fast as FreeSWITCH (default)")
    parser.add_argument(
        "--tell", nargs=2, metavar=("HOST:PORT", "COMMAND"), help="send one api command, like fs_cli"
    )
    return parser.parse_args(arguments)


def _configs(options: argparse.Namespace) -> list[SwitchConfig]:
    names = [options.name]
    if options.count > 1:
        stem = options.name.rstrip("0123456789")
        first = int(options.name.removeprefix(stem) or 1)
        names = [f"{stem}{number}" for number in range(first, first + options.count)]
    password = os.environ.get("SWITCH_LOOKUP_PASSWORD", "")
    return [
        SwitchConfig(
            name=name,
            password=os.environ.get("SWITCH_PASSWORD", "ClueCon"),
            host=options.host,
            port=options.port + index if options.port else 0,
            xml_curl_url=options.url,
            xml_curl_credentials=(options.user or name, password) if options.url else None,
            timing=Timing.fast() if options.fast else Timing.real(),
            wait_for_backend=options.wait,
            chatter=options.chatter,
        )
        for index, name in enumerate(names)
    ]


async def _serve(configs: Sequence[SwitchConfig]) -> int:
    leave = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, leave.set)
    with ThreadPoolExecutor(_THREADS, "lookups") as executor:
        switches = [Switch(config, executor) for config in configs]
        life = asyncio.create_task(_live(switches))
        leaving = asyncio.create_task(leave.wait())
        try:
            await asyncio.wait({life, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if life.done() and (error := life.exception()) is not None:
                print(f"a node did not start: {error}", file=sys.stderr)  # noqa: T201
                return 1
        finally:
            life.cancel()
            leaving.cancel()
            await asyncio.gather(life, leaving, return_exceptions=True)
            await asyncio.gather(*(switch.stop() for switch in switches))
    return 0


async def _start(switch: Switch) -> None:
    await switch.start()
    print(f"{switch.name} listening on {switch.config.host}:{switch.port}", flush=True)  # noqa: T201


async def _live(switches: Sequence[Switch]) -> None:
    """Starts all, and returns when every one was shut down by a command."""
    await asyncio.gather(*map(_start, switches))
    for switch in switches:
        await switch.ended.wait()


def _tell(where: str, line: str) -> int:
    host, _, port = where.rpartition(":")
    if not host or not port.isdecimal():
        print(f"not HOST:PORT: {where}", file=sys.stderr)  # noqa: T201
        return 2
    try:
        reply = tell(host.strip("[]"), int(port), os.environ.get("SWITCH_PASSWORD", "ClueCon"), line)
    except (OSError, TellFailed) as failure:
        print(f"{where}: {failure}", file=sys.stderr)  # noqa: T201
        return 1
    print(reply, end="" if reply.endswith("\n") else "\n")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
