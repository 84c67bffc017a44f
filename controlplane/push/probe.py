"""The proof that a node can fetch from us, right now."""

import asyncio
import secrets
from collections.abc import Iterable

from controlplane.answers.errors import Unwritable
from controlplane.push.errors import NotAnswering, NotRenderable, Refused
from controlplane.push.ports import Answers, Nodes
from esl.errors import CommandFailed, CommandTimeout
from esl.queries import Locate

DOCUMENT = "controlplane_probe.conf"


async def prove(nodes: Nodes, answers: Answers, node: str, within: float) -> None:
    """Have the node fetch a document with a nonce from us and show it.

    Shows in one go that mod_xml_curl is loaded, bound to us, holds the right credential and that
    our answers come through. Raises NotAnswering, or an EventSocketError when the link went.
    """
    nonce = secrets.token_hex(16)
    mark = answers.ledger.mark()
    await answers.set_probe(node, nonce)
    try:
        async with asyncio.timeout(within):
            found = await nodes.run(node, Locate("configuration", "configuration", "name", DOCUMENT))
    except CommandFailed as error:
        raise NotAnswering(
            f"the node cannot fetch from us: asked for {DOCUMENT} it says {error.reply!r}"
        ) from error
    except (CommandTimeout, TimeoutError) as error:
        raise NotAnswering(f"the node did not get {DOCUMENT} from us within {within:g} s") from error
    finally:
        await answers.set_probe(node, None)
    if nonce not in found or answers.ledger.answered(node, f"probe/{nonce}", mark) is None:
        raise NotAnswering(f"{DOCUMENT} came to the node from somewhere else than from us")


async def prepare(answers: Answers, node: str, whats: Iterable[str]) -> None:
    """Have rendered what the node will ask for.

    Raises Refused for a value that cannot be written, NotRenderable for anything else.
    """
    try:
        await answers.render_ahead(node, whats)
    except Unwritable as error:
        raise Refused(f"what the node would ask for next cannot be written: {error}") from error
    except Exception as error:
        # Whatever keeps us from answering must keep us from making the node ask.
        raise NotRenderable(f"what the node would ask for next cannot be answered: {error}") from error
