"""A node that cuts, garbles and stalls: every command gets one outcome, and never another's.

A node that skips one ``api`` reply and answers the next would go unseen; the protocol numbers nothing.
FreeSWITCH does not do that: it answers in order or not at all.
"""

import asyncio
import random
from dataclasses import replace

import pytest

from esl import queries
from esl.errors import EventSocketError
from esl.fleet import Fleet
from esl.link import LinkState
from tests.esl.scripted import QUICK, Ask, AskBeside, Watch, body, reply, scripted

POLICY = replace(QUICK, connect_timeout=0.3, command_timeout=0.2, background_timeout=0.2, backoff_min=0.001)


@pytest.mark.parametrize("seed", range(6))
def test_every_command_gets_its_own_outcome_or_an_error(seed: int) -> None:
    chance = random.Random(seed)

    async def main() -> tuple[int, int]:
        watch = Watch()
        fleet = Fleet(on_event=watch.on_event, on_link=watch.on_link, policy=POLICY)
        await fleet.start()
        async with scripted() as node:
            node.api |= {f"global_getvar v{index}": f"is {index}" for index in range(400)}

            deaf: set[asyncio.StreamWriter] = set()

            async def fault(line: str, writer: asyncio.StreamWriter) -> bool:
                if writer in deaf:
                    return True
                if chance.random() > 0.04:
                    return False
                match chance.choice(("cut", "half", "garble", "stray", "deaf", "event")):
                    case "cut":
                        writer.transport.abort()
                    case "half":
                        writer.write(body("api/response", "is ")[:-1])
                        writer.close()
                    case "garble":
                        writer.write(chance.randbytes(40) + b"\n\n")
                    case "stray":
                        writer.write(reply("+OK"))
                    case "deaf":
                        deaf.add(writer)
                    case "event":
                        writer.write(b"Content-Length: 2\nContent-Type: text/event-json\n\n{]")
                        return False
                return True

            node.on_line = fault

            async def ask(index: int) -> bool | None:
                await asyncio.sleep(chance.random())
                kind = AskBeside if index % 3 == 0 else Ask
                try:
                    answer = await fleet.run("fs1", kind(f"global_getvar v{index}"))
                except EventSocketError:
                    return None
                return answer == f"is {index}"

            try:
                await fleet.hold(node.address())
                async with asyncio.timeout(10):
                    outcomes = await asyncio.gather(*(ask(index) for index in range(400)))
                assert False not in outcomes, "an answer went to the wrong command"
                node.on_line = None
                node.cut()  # whatever state it was left in
                answered = None
                async with asyncio.timeout(5):
                    while answered is None:
                        await watch.state(LinkState.UP)
                        try:
                            answered = await fleet.run("fs1", queries.GlobalVariable("v1"))
                        except EventSocketError:
                            await asyncio.sleep(0)
                assert answered == "is 1"
                return outcomes.count(True), outcomes.count(None)
            finally:
                await fleet.stop(3)

    answered, failed = asyncio.run(main())
    assert answered > 20
    assert failed > 20
