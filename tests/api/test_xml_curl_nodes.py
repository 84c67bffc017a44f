"""The endpoint over a database: a node's credential, from the desired state to its answer."""

import asyncio
from dataclasses import replace

from api.node_auth import Caller, NodeAuth
from controlplane.store import Store, Vault
from tests.answers.living import Ground, living
from tests.answers.test_directory import NODE
from tests.api.test_xml_curl import basic


def test_sealed_passwords_follow_the_desired_state(store: Store, vault: Vault) -> None:
    async def run() -> None:
        state = await living(Ground(store, vault), NODE)
        auth = NodeAuth.over(store, vault)
        state.desired.listen(auth.changed)
        await auth.start(state.desired.catalog)
        assert auth.caller(basic("fs1", "pw")) == Caller("fs1", "fs1")
        await state.put(replace(NODE, lookup_passwords=("new", "pw"), switchname="pair"))
        await auth.settled()
        assert auth.caller(basic("fs1", "new")) == auth.caller(basic("fs1", "pw")) == Caller("fs1", "pair")
        await state.put(replace(NODE, lookup_passwords=("new",)))
        assert auth.caller(basic("fs1", "pw")) is None
        await state.put(replace(NODE, name="fs2", switchname="fs2", lookup_passwords=("pw",)))
        await auth.settled()
        assert auth.caller(basic("fs2", "pw")) == Caller("fs2", "fs2")
        await state.delete(NODE)
        assert auth.caller(basic("fs1", "new")) is None

    asyncio.run(run())
